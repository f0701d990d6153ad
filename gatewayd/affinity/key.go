package affinity

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A Key is the secret that pins are made under. Whoever prints one gets its name and not the secret.
type Key struct{ secret [32]byte }

// NewKey makes a random key.
func NewKey() *Key {
	k := &Key{}
	rand.Read(k.secret[:]) // Never fails (crypto/rand).
	return k
}

// ParseKey reads what Text wrote. Its error shows nothing of the text.
func ParseKey(text string) (*Key, error) {
	secret, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(secret) != 32 {
		return nil, errors.New("is no key: it must be 43 characters of base64url")
	}
	return &Key{secret: [32]byte(secret)}, nil
}

// Text is the key as it is kept. It is a secret.
func (k *Key) Text() string { return base64.RawURLEncoding.EncodeToString(k.secret[:]) }

// Format implements fmt.Formatter: no verb shows the secret.
func (k Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "affinity.Key") }

// An ID stands for a backend, to this gateway alone. The zero ID is none.
type ID [8]byte

// ofBackend begins what IDs are hashed from. No version of a pin has this number, so that no ID is a part of a pin's MAC.
const ofBackend = 'b'

// Backend is the id of a backend: of the hidden id of its pool and its address with the port.
func (k *Key) Backend(pool, address string) ID {
	m := hmac.New(sha256.New, k.secret[:])
	text := binary.AppendUvarint([]byte{ofBackend}, uint64(len(pool)))
	text = append(append(text, pool...), address...)
	m.Write(text)
	var id ID
	copy(id[:], m.Sum(nil))
	return id
}

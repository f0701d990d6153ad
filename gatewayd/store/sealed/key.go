package sealed

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
)

// A Key is what secrets are sealed with. Whoever prints one gets its name and not the key.
type Key struct {
	aead cipher.AEAD
	name [nameSize]byte // of the key, so that another one is told from damage
}

const (
	keySize  = 32
	nameSize = 8
)

// NewKeyText is a random key as it is kept. It is a secret.
func NewKeyText() string {
	var secret [keySize]byte
	rand.Read(secret[:]) // Never fails (crypto/rand).
	return base64.RawURLEncoding.EncodeToString(secret[:])
}

// ParseKey reads the text of a key. Its error shows nothing of the text.
func ParseKey(text string) (*Key, error) {
	secret, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(secret) != keySize {
		return nil, errors.New("is no key: it must be 43 characters of base64url")
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append([]byte("gatewayd store key "), secret...))
	return &Key{aead: aead, name: [nameSize]byte(sum[:])}, nil
}

// Format implements fmt.Formatter: no verb shows the key.
func (k Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "sealed.Key") }

// version is the first byte of what is sealed. A change of its form changes it.
const version = 1

// seal encrypts a secret of an object, with AES-256-GCM and a random nonce. It opens again for the same kind and id alone.
func (k *Key) seal(secret []byte, kind, id string) []byte {
	head := append([]byte{version}, k.name[:]...)
	return k.aead.Seal(head, nil, secret, about(head, kind, id))
}

// sealed says that a secret was sealed with the key.
func (k *Key) sealed(secret []byte) bool {
	return len(secret) > nameSize && [nameSize]byte(secret[1:]) == k.name
}

var (
	errOther   = errors.New("it was sealed with another key")
	errDamaged = errors.New("it is damaged, or was sealed for another object")
)

func (k *Key) open(sealed []byte, kind, id string) ([]byte, error) {
	if len(sealed) < 1+nameSize {
		return nil, errDamaged
	}
	head, rest := sealed[:1+nameSize], sealed[1+nameSize:]
	if head[0] != version {
		return nil, fmt.Errorf("it has the form %d and this version of gatewayd knows %d only", head[0], version)
	}
	if [nameSize]byte(head[1:]) != k.name {
		return nil, errOther
	}
	secret, err := k.aead.Open(nil, nil, rest, about(head, kind, id))
	if err != nil {
		return nil, errDamaged
	}
	return secret, nil
}

// about is what a seal is tied to beside the secret. Kinds have no zero byte in them.
func about(head []byte, kind, id string) []byte {
	return append(append(append([]byte{}, head...), kind+"\x00"...), id...)
}

package handshake

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"strings"
	"testing"
)

// Content types of TLS 1.3 records and the one handshake message used here (RFC 8446 sections 5.1 and 4).
const (
	recordData = 23
	keyUpdate  = 24
)

// secretOf finds a secret in a key log.
func secretOf(t *testing.T, log, label string) []byte {
	t.Helper()
	for line := range strings.Lines(log) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == label {
			secret, err := hex.DecodeString(f[2])
			if err != nil {
				t.Fatal(err)
			}
			return secret
		}
	}
	t.Fatalf("the key log has no %s", label)
	return nil
}

// trafficKey is one direction's keys (RFC 8446 sections 5.2, 5.3, 7.2 and 7.3).
type trafficKey struct {
	t      *testing.T
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
}

func newTrafficKey(t *testing.T, secret []byte) *trafficKey {
	t.Helper()
	k := &trafficKey{t: t, secret: secret}
	block, err := aes.NewCipher(k.expand("key", 16))
	if err != nil {
		t.Fatal(err)
	}
	if k.aead, err = cipher.NewGCM(block); err != nil {
		t.Fatal(err)
	}
	k.iv = k.expand("iv", 12)
	return k
}

// expand is HKDF-Expand-Label without a context.
func (k *trafficKey) expand(label string, size int) []byte {
	k.t.Helper()
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(info, byte(len("tls13 ")+len(label)))
	info = append(info, "tls13 "+label...)
	info = append(info, 0)
	out, err := hkdf.Expand(sha256.New, k.secret, string(info), size)
	if err != nil {
		k.t.Fatal(err)
	}
	return out
}

// next moves to the keys after a KeyUpdate.
func (k *trafficKey) next() { *k = *newTrafficKey(k.t, k.expand("traffic upd", sha256.Size)) }

func (k *trafficKey) nonce() []byte {
	n := bytes.Clone(k.iv)
	for i := range 8 {
		n[4+i] ^= byte(k.seq >> (56 - 8*i))
	}
	k.seq++
	return n
}

// records is a TLS 1.3 peer after the handshake that writes and reads records by hand, because crypto/tls sends no
// KeyUpdate of its own accord.
type records struct {
	t            *testing.T
	raw          *net.TCPConn
	ours, theirs *trafficKey
}

func (r *records) seal(kind byte, b []byte) []byte {
	inner := append(bytes.Clone(b), kind)
	head := binary.BigEndian.AppendUint16([]byte{recordData, 3, 3}, uint16(len(inner)+16))
	return r.ours.aead.Seal(head, r.ours.nonce(), inner, head)
}

func (r *records) send(kind byte, b []byte) {
	r.t.Helper()
	if _, err := r.raw.Write(r.seal(kind, b)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *records) open() (byte, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r.raw, head[:]); err != nil {
		return 0, nil, err
	}
	body := make([]byte, binary.BigEndian.Uint16(head[3:]))
	if _, err := io.ReadFull(r.raw, body); err != nil {
		return 0, nil, err
	}
	inner, err := r.theirs.aead.Open(body[:0], r.theirs.nonce(), body, head[:])
	if err != nil {
		return 0, nil, err
	}
	return inner[len(inner)-1], inner[:len(inner)-1], nil
}

// expect reads records until it has as many bytes of one kind as want has, and compares them.
func (r *records) expect(kind byte, want []byte) {
	r.t.Helper()
	var got []byte
	for len(got) < len(want) {
		k, b, err := r.open()
		if err != nil {
			r.t.Fatal(err)
		}
		if k != kind {
			r.t.Fatalf("a record of type %d came, want %d", k, kind)
		}
		got = append(got, b...)
	}
	if !bytes.Equal(got, want) {
		r.t.Fatalf("got %d bytes %.40x, want %d bytes %.40x", len(got), got, len(want), want)
	}
}

func (r *records) echo(b []byte) {
	r.t.Helper()
	r.send(recordData, b)
	r.expect(recordData, b)
}

// updateKeys sends a KeyUpdate, with or without asking for one, and moves to the next keys.
func (r *records) updateKeys(request bool) {
	r.t.Helper()
	ask := byte(0)
	if request {
		ask = 1
	}
	r.send(recordHandshake, []byte{keyUpdate, 0, 0, 1, ask})
	r.ours.next()
}

package handshake

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
)

// tapped keeps what comes in.
type tapped struct {
	*net.TCPConn
	in bytes.Buffer
}

func (c *tapped) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	c.in.Write(b[:n])
	return n, err
}

// expand12 is the PRF of TLS 1.2 with SHA-256 (RFC 5246 section 5).
func expand12(secret, seed []byte, size int) []byte {
	sum := func(parts ...[]byte) []byte {
		h := hmac.New(sha256.New, secret)
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	var out []byte
	for a := sum(seed); len(out) < size; a = sum(a) {
		out = append(out, sum(a, seed)...)
	}
	return out[:size]
}

// TestRenegotiationIsRefused: a client of TLS 1.2 that begins another handshake in its connection gets an alert, whatever it
// has said before.
func TestRenegotiationIsRefused(t *testing.T) {
	config := &tls.Config{Certificates: []tls.Certificate{certtest.New(certtest.Issue{}).TLS()}, SessionTicketsDisabled: true}
	addr, ended := serving(t, running(t), config)
	raw := &tapped{TCPConn: dial(t, addr)}
	var keys bytes.Buffer
	client := tls.Client(raw, &tls.Config{
		InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, KeyLogWriter: &keys,
	})
	// The first record under the keys is the client's Finished, the second this one.
	if _, err := client.Write([]byte("before")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(client, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	master := secretOf(t, keys.String(), "CLIENT_RANDOM")
	ours, err := hex.DecodeString(strings.Fields(keys.String())[1])
	if err != nil {
		t.Fatal(err)
	}
	theirs := raw.in.Bytes()[5+4+2:][:32]                                                      // Behind the heads of record and message, and the version.
	block := expand12(master, append(append([]byte("key expansion"), theirs...), ours...), 40) // Two keys, two beginnings of nonces.
	cipherOfBlock, err := aes.NewCipher(block[:16])
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(cipherOfBlock)
	if err != nil {
		t.Fatal(err)
	}
	// A ClientHello as after a fresh connection.
	body := append([]byte{3, 3}, make([]byte, 33)...)
	body = append(body, 0, 2, 0xc0, 0x2b, 1, 0)
	hello := append([]byte{1, 0, 0, byte(len(body))}, body...)
	sequence := binary.BigEndian.AppendUint64(nil, 2)
	additional := append(append(bytes.Clone(sequence), recordHandshake, 3, 3), 0, byte(len(hello)))
	sealed := aead.Seal(bytes.Clone(sequence), append(bytes.Clone(block[32:36]), sequence...), hello, additional)
	if _, err := raw.Write(append([]byte{recordHandshake, 3, 3, 0, byte(len(sealed))}, sealed...)); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "unexpected message") {
		t.Errorf("the client is told %v", err)
	}
	_ = raw.Close()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "unexpected") {
		t.Errorf("Closed(%v)", err)
	}
}

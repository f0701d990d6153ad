package secure

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// Tickets are what clients take up their sessions by. What a ticket holds, crypto/tls says; here it is sealed, under keys
// that follow from one secret, the scope and the time. So nothing is stored for a client, a restart loses no session, and
// all who share the secret take one another's tickets.
type Tickets struct {
	secret [32]byte
	now    func() time.Time
}

// epoch is how long tickets are sealed under one key. They are taken for as long again, which bounds what a stolen key
// opens.
const epoch = 12 * time.Hour

// maxSession bounds what a ticket holds, which are the client's certificates for the most part: a client that comes back
// with more might be refused, as its first message would be too long.
const maxSession = 12 << 10

// NewTickets makes tickets with a new secret.
func NewTickets() *Tickets {
	t := &Tickets{now: time.Now}
	rand.Read(t.secret[:])
	return t
}

// ParseTickets makes tickets with the secret that Text wrote.
func ParseTickets(text string) (*Tickets, error) {
	t := &Tickets{now: time.Now}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != len(t.secret) {
		return nil, errors.New("does not hold 32 bytes in base64")
	}
	copy(t.secret[:], b)
	return t, nil
}

// Text is the secret, for a file that nobody else may read.
func (t *Tickets) Text() string { return base64.RawURLEncoding.EncodeToString(t.secret[:]) }

// Format keeps the secret out of whatever prints the tickets.
func (t *Tickets) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "secure.Tickets") }

// use has a configuration seal its tickets for a scope.
func (t *Tickets) use(c *tls.Config, scope string) {
	k := &keys{tickets: t, scope: scope}
	c.WrapSession = func(_ tls.ConnectionState, s *tls.SessionState) ([]byte, error) {
		plain, err := s.Bytes()
		if err != nil {
			return nil, err
		}
		if len(plain) > maxSession {
			plain = nil // A ticket by which nothing is taken up. To give none would end the handshake.
		}
		return k.seal(plain)
	}
	c.UnwrapSession = func(ticket []byte, _ tls.ConnectionState) (*tls.SessionState, error) {
		plain, ok := k.open(ticket)
		if !ok {
			return nil, nil // A full handshake follows.
		}
		s, err := tls.ParseSessionState(plain)
		if err != nil {
			return nil, nil
		}
		return s, nil
	}
}

// keys are those of a scope. The last one used is kept, as making one costs more than sealing by it.
type keys struct {
	tickets *Tickets
	scope   string
	last    atomic.Pointer[key]
	before  atomic.Pointer[key]
}

type key struct {
	at   int64 // number of its epoch
	aead cipher.AEAD
}

// A ticket is its epoch, a nonce and what is sealed.
const (
	ticketEpoch = 4
	ticketNonce = 12
)

// epoch is the number of the present epoch.
func (t *Tickets) epoch() int64 { return t.now().Unix() / int64(epoch/time.Second) }

func (k *keys) seal(plain []byte) ([]byte, error) {
	at := k.tickets.epoch()
	b := binary.BigEndian.AppendUint32(nil, uint32(at))
	b = append(b, make([]byte, ticketNonce)...)
	rand.Read(b[ticketEpoch:])
	return k.of(at, &k.last).Seal(b, b[ticketEpoch:], plain, b[:ticketEpoch]), nil
}

func (k *keys) open(ticket []byte) (plain []byte, ok bool) {
	if len(ticket) < ticketEpoch+ticketNonce {
		return nil, false
	}
	head, nonce, sealed := ticket[:ticketEpoch], ticket[ticketEpoch:ticketEpoch+ticketNonce], ticket[ticketEpoch+ticketNonce:]
	at := int64(binary.BigEndian.Uint32(head))
	slot := &k.last
	// The next epoch's are those of a node whose clock is ahead.
	switch now := k.tickets.epoch(); at {
	case now:
	case now - 1, now + 1:
		slot = &k.before
	default:
		return nil, false
	}
	plain, err := k.of(at, slot).Open(nil, nonce, sealed, head)
	return plain, err == nil
}

// of is the key of an epoch.
func (k *keys) of(at int64, slot *atomic.Pointer[key]) cipher.AEAD {
	if last := slot.Load(); last != nil && last.at == at {
		return last.aead
	}
	info := fmt.Sprintf("gatewayd session tickets %d %s", at, k.scope)
	secret, err := hkdf.Key(sha256.New, k.tickets.secret[:], nil, info, 16)
	if err != nil {
		panic(err) // The length is a fixed one that HKDF can give.
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		panic(err) // As before.
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // As before.
	}
	slot.Store(&key{at, aead})
	return aead
}

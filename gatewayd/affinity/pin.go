package affinity

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"time"
)

// The parts of a pin, in octets.
const (
	version = 1

	issuedAt = 1 + len(ID{})
	tagAt    = issuedAt + 5
	size     = tagAt + 16
)

// Size is how many characters a pin has.
const Size = size * 8 / 6

// A Pin says which backend a client goes to.
type Pin struct {
	Backend ID
	Issued  int64 // in seconds since 1970; 0 in a cookie without an end
}

// A Scope is which requests a pin is good for: those of a pool under a setting, by their hidden ids.
type Scope struct{ Pool, Setting string }

// A Worth is what a pin that is authentic is good for.
type Worth uint8

const (
	Expired Worth = iota // nothing any more
	Due                  // it holds, and a fresh one must be sent
	Good                 // it holds
)

// renewals is how often a pin is renewed in its time to live, at most. A client that is away for less than all but one
// of these parts comes back to its backend.
const renewals = 10

// Worth is what the pin is good for under a time to live, 0 for the session of the browser. One that was issued under
// the other kind of cookie is replaced, and so is one of a clock that ran ahead.
func (p Pin) Worth(now time.Time, ttl time.Duration) Worth {
	age := now.Unix() - p.Issued
	switch {
	case ttl <= 0 && p.Issued == 0:
		return Good
	case ttl <= 0 || p.Issued == 0 || age < 0:
		return Due
	case age > seconds(ttl):
		return Expired
	case age*renewals >= seconds(ttl):
		return Due
	}
	return Good
}

// seconds are those of a time to live, rounded up.
func seconds(ttl time.Duration) int64 { return int64((ttl + time.Second - 1) / time.Second) }

// A Sealer makes and reads pins under a key. It is for one goroutine, and allocates nothing once it was used.
type Sealer struct {
	mac    hash.Hash
	text   []byte // what the mac is of
	binary [size]byte
	sum    [sha256.Size]byte
}

// NewSealer makes the Sealer of a key.
func NewSealer(k *Key) *Sealer { return &Sealer{mac: hmac.New(sha256.New, k.secret[:])} }

// tag is the MAC of the first octets of a pin.
func (s *Sealer) tag(of Scope) []byte {
	s.text = append(s.text[:0], s.binary[:tagAt]...)
	s.text = binary.AppendUvarint(s.text, uint64(len(of.Pool)))
	s.text = append(append(s.text, of.Pool...), of.Setting...)
	s.mac.Reset()
	s.mac.Write(s.text)
	return s.mac.Sum(s.sum[:0])[:size-tagAt]
}

// Append appends a pin.
func (s *Sealer) Append(dst []byte, p Pin, of Scope) []byte {
	var issued [8]byte
	binary.BigEndian.PutUint64(issued[:], uint64(max(p.Issued, 0)))
	s.binary[0] = version
	copy(s.binary[1:], p.Backend[:])
	copy(s.binary[issuedAt:], issued[3:])
	copy(s.binary[tagAt:], s.tag(of))
	return base64.RawURLEncoding.AppendEncode(dst, s.binary[:])
}

// Open reads a pin that Append made for the same scope. ok is false for anything else.
func (s *Sealer) Open(text []byte, of Scope) (p Pin, ok bool) {
	if len(text) != Size {
		return Pin{}, false
	}
	if n, err := base64.RawURLEncoding.Decode(s.binary[:], text); err != nil || n != size || s.binary[0] != version {
		return Pin{}, false
	}
	if !hmac.Equal(s.binary[tagAt:], s.tag(of)) {
		return Pin{}, false
	}
	var issued [8]byte
	copy(issued[3:], s.binary[issuedAt:])
	return Pin{Backend: ID(s.binary[1:issuedAt]), Issued: int64(binary.BigEndian.Uint64(issued[:]))}, true
}

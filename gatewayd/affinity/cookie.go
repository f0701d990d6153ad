package affinity

import (
	"bytes"
	"strconv"
	"time"
)

// Most is how many pins of a request are looked at, and how many a cookie holds: one for each pool that the client came
// to last. It bounds what a hostile request costs.
const Most = 8

// between stands between two pins. It is no character of a pin.
const between = '.'

// Pins are the pins that a request sent, in their order. What only looks like one is among them.
type Pins struct {
	list [Most][Size]byte
	n    int
}

// Reset forgets all pins.
func (p *Pins) Reset() { p.n = 0 }

// Len is how many pins there are.
func (p *Pins) Len() int { return p.n }

// Collect adds the pins of the cookies of a name in the value of a Cookie field (RFC 6265 5.4), up to Most in all. It
// reads leniently, as browsers send what others set: what is no pin is passed over.
func (p *Pins) Collect(field []byte, name string) {
	for len(field) > 0 && p.n < Most {
		var cookie []byte
		cookie, field, _ = bytes.Cut(field, []byte{';'})
		cookie = bytes.Trim(cookie, " \t")
		if len(cookie) > len(name) && cookie[len(name)] == '=' && string(cookie[:len(name)]) == name {
			p.add(cookie[len(name)+1:])
		}
	}
}

func (p *Pins) add(value []byte) {
	for len(value) > 0 && p.n < Most {
		var text []byte
		text, value, _ = bytes.Cut(value, []byte{between})
		if shaped(text) {
			p.list[p.n] = [Size]byte(text)
			p.n++
		}
	}
}

// shaped says whether a text is as long as a pin and of its characters.
func shaped(text []byte) bool {
	if len(text) != Size {
		return false
	}
	for _, c := range text {
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// Take takes out the pins of a scope. The first of them holds; ok is false where there is none. What is left may be of
// other scopes.
func (s *Sealer) Take(p *Pins, of Scope) (first Pin, ok bool) {
	left := 0
	for i := range p.n {
		pin, mine := s.Open(p.list[i][:], of)
		switch {
		case !mine:
			p.list[left] = p.list[i]
			left++
		case !ok:
			first, ok = pin, true
		}
	}
	p.n = left
	return first, ok
}

// AppendTo appends the pins as they stand behind a fresh one in a cookie, of which they leave room for one.
func (p *Pins) AppendTo(dst []byte) []byte {
	for i := range min(p.n, Most-1) {
		dst = append(append(dst, between), p.list[i][:]...)
	}
	return dst
}

// A Cookie is what a client is to bring with its next requests.
type Cookie struct {
	Name     string
	Lifetime time.Duration // for how long the client keeps it; 0 is until the browser ends its session
	Pin      Pin
	Of       Scope
	Others   []byte // further pins, as Pins.AppendTo wrote them
	Foreign  bool   // it is sent with requests from other sites, too, and over TLS alone
}

// AppendCookie appends the value of a Set-Cookie field (RFC 6265 4.1).
func (s *Sealer) AppendCookie(dst []byte, c *Cookie) []byte {
	dst = append(append(dst, c.Name...), '=')
	dst = s.Append(dst, c.Pin, c.Of)
	dst = append(dst, c.Others...)
	dst = append(dst, "; Path=/; HttpOnly"...)
	if c.Lifetime > 0 {
		dst = append(dst, "; Max-Age="...)
		dst = strconv.AppendInt(dst, seconds(c.Lifetime), 10)
	}
	if c.Foreign {
		dst = append(dst, "; SameSite=None; Secure"...)
	}
	return dst
}

package table

import (
	"bytes"
	"strings"
)

// A pattern is a host name with wildcards: "*" is any number of characters, none and dots included, "?" exactly one. It
// is matched in time linear in the host's length, whatever the pattern.
type pattern struct {
	text   string // lower case
	rank   uint64 // see hostRank
	pieces []piece
}

// A piece is what stands between two stars.
type piece struct {
	text []byte
	// masks are the positions of the text at which a byte may stand, a bit each. Only pieces that must be searched for
	// and hold a "?" have them.
	masks *[256][4]uint64
}

// maxHost is the longest host that patterns are tried on, a name of DNS being 253 bytes long at most.
const maxHost = 255

func newPattern(text string) pattern {
	p := pattern{text: text, rank: hostRank(text)}
	texts := strings.Split(text, "*")
	for i, t := range texts {
		piece := piece{text: []byte(t)}
		if i > 0 && i < len(texts)-1 && strings.Contains(t, "?") && len(t) <= maxHost {
			piece.masks = newMasks(t)
		}
		p.pieces = append(p.pieces, piece)
	}
	return p
}

func newMasks(text string) *[256][4]uint64 {
	masks := new([256][4]uint64)
	for i := range len(text) {
		if text[i] != '?' {
			masks[text[i]][i/64] |= 1 << (i % 64)
			continue
		}
		for c := range masks {
			masks[c][i/64] |= 1 << (i % 64)
		}
	}
	return masks
}

// match says whether the pattern takes a host in lower case, at most maxHost bytes long.
func (p *pattern) match(host []byte) bool {
	first := p.pieces[0].text
	if len(p.pieces) == 1 {
		return len(host) == len(first) && equal(first, host)
	}
	last := p.pieces[len(p.pieces)-1].text
	if len(host) < len(first)+len(last) || !equal(first, host) || !equal(last, host[len(host)-len(last):]) {
		return false
	}
	// Between the anchored ends each piece may be taken where it comes first: what is left for the others is the most
	// that way.
	host = host[len(first) : len(host)-len(last)]
	for i := 1; i < len(p.pieces)-1; i++ {
		end := p.pieces[i].search(host)
		if end < 0 {
			return false
		}
		host = host[end:]
	}
	return true
}

// equal compares as much of b as the text is long.
func equal(text, b []byte) bool {
	for i, c := range text {
		if c != b[i] && c != '?' {
			return false
		}
	}
	return true
}

// search is where the first occurrence of the piece ends in b; -1 if there is none.
func (p *piece) search(b []byte) int {
	if p.masks == nil {
		i := bytes.Index(b, p.text)
		if i < 0 {
			return -1
		}
		return i + len(p.text)
	}
	// Shift-And: bit i of state says that the last i+1 bytes are the first i+1 of the piece.
	var state [4]uint64
	done := len(p.text) - 1
	for i, c := range b {
		carry := uint64(1)
		mask := &p.masks[c]
		for w := range state {
			next := state[w] >> 63
			state[w] = (state[w]<<1 | carry) & mask[w]
			carry = next
		}
		if state[done/64]&(1<<(done%64)) != 0 {
			return i + 1
		}
	}
	return -1
}

// Ranks of host conditions, smaller ones first: an exact name, then patterns by the number of characters that are no
// wildcards, most first, then by the number of wildcards, fewest first, then no condition. Two patterns can be equal.
const (
	rankExactHost = 0
	rankAnyHost   = 1<<hostBits - 1
	hostBits      = 12
)

func hostRank(text string) uint64 {
	if text == "" {
		return rankAnyHost
	}
	wildcards := strings.Count(text, "*") + strings.Count(text, "?")
	if wildcards == 0 {
		return rankExactHost
	}
	literals := len(text) - wildcards
	return uint64(1 + (maxHost-min(literals, maxHost))*8 + min(wildcards, 7))
}

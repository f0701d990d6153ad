package http1

import (
	"encoding/binary"
	"math/bits"
)

// Octet classes, one bit each, so that one table serves all of them.
const (
	isToken  = 1 << iota // RFC 9110 5.6.2 tchar
	isTarget             // visible ASCII other than '#'
	isMethod             // upper case letters, digits, '-' and '_'
	isName               // what a host name is made of: letters, digits, '-', '.', '_'
	isHex
	isQuoted // RFC 9110 5.6.4 qdtext
	isUnderscore
)

var octets = func() (t [256]uint8) {
	set := func(class uint8, s string) {
		for i := range len(s) {
			t[s[i]] |= class
		}
	}
	const upper, lower, digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789"
	set(isToken, upper+lower+digits+"!#$%&'*+-.^_`|~")
	set(isMethod, upper+digits+"-_")
	set(isName, upper+lower+digits+"-._")
	set(isUnderscore, "_")
	set(isHex, digits+"ABCDEFabcdef")
	for c := range t {
		if c > ' ' && c < 0x7f && c != '#' {
			t[c] |= isTarget
		}
		if c == '\t' || c >= ' ' && c != '"' && c != '\\' && c != 0x7f {
			t[c] |= isQuoted
		}
	}
	return t
}()

const (
	everyByte = 0x0101010101010101
	highBits  = 0x8080808080808080
)

// controlEnd returns the index of the first control character below 0x20 in b[i:] other than a tab, or len(b).
// Eight octets are looked at in one step; a borrow can only spoil octets above a hit, so the lowest hit is exact.
func controlEnd(b []byte, i int) int {
	for i+8 <= len(b) {
		x := binary.LittleEndian.Uint64(b[i:])
		m := (x - everyByte*0x20) &^ x & highBits
		if m == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(m) >> 3
		if b[i] != '\t' {
			return i
		}
		i++
	}
	for i < len(b) && (b[i] >= ' ' || b[i] == '\t') {
		i++
	}
	return i
}

// textEnd is controlEnd that also stops at DEL: the end of a field value.
func textEnd(b []byte, i int) int {
	for i+8 <= len(b) {
		x := binary.LittleEndian.Uint64(b[i:])
		y := x ^ everyByte*0x7f
		m := ((x-everyByte*0x20)&^x | (y-everyByte)&^y) & highBits
		if m == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(m) >> 3
		if b[i] != '\t' {
			return i
		}
		i++
	}
	for i < len(b) && (b[i] >= ' ' && b[i] != 0x7f || b[i] == '\t') {
		i++
	}
	return i
}

// controlReason names the refusal of the octet at b[i], where a line was expected to go on or to end in CRLF.
func controlReason(b []byte, i int) Reason {
	switch {
	case i >= len(b):
		return ReasonIncompleteHead
	case b[i] == '\n':
		return ReasonBareLF
	case b[i] == 0:
		return ReasonNUL
	case b[i] == '\r' && i+1 >= len(b):
		return ReasonIncompleteHead
	case b[i] == '\r' && b[i+1] != '\n':
		return ReasonBareCR
	}
	return ReasonControlCharacter
}

// lineEnds reports whether CRLF stands at b[i].
func lineEnds(b []byte, i int) bool { return i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n' }

// EqualFold compares b, in whichever case, with s, which is in lower case, by ASCII: as names of fields are compared
// (RFC 9110 5.1).
func EqualFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != s[i] {
			return false
		}
	}
	return true
}

// sameFold compares two slices by ASCII without regard to case.
func sameFold(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i, c := range a {
		d := b[i]
		if c == d {
			continue
		}
		if c|0x20 != d|0x20 || c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return true
}

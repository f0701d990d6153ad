package proxyproto

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net/netip"
	"strings"
)

// MaxSize is the longest header that is read: one of version 2 with 4 KiB of addresses and extensions.
const MaxSize = fixedSize + maxBlock

const (
	fixedSize = len(Signature) + 4
	maxBlock  = 4 << 10
)

// A Header is what a header tells of a connection. Neither address is IPv4-mapped. Both are zero where it tells none: of
// a connection that its sender makes on its own behalf, of one over a Unix socket, and of one that it knows nothing of.
type Header struct{ From, To netip.AddrPort }

// What is wrong with bytes that should be a header. ErrMissing is of those that do not even begin like one; any other
// error wraps ErrMalformed.
var (
	ErrMissing   = errors.New("the connection does not begin with a PROXY protocol header")
	ErrMalformed = errors.New("the PROXY protocol header is malformed")
)

// malformed says what is wrong with a header.
type malformed string

func (m malformed) Error() string { return ErrMalformed.Error() + ": " + string(m) }
func (m malformed) Unwrap() error { return ErrMalformed }

// Read reads the header that a connection begins with. n is its length, or 0 while it is not complete; then ask again
// with more behind the same bytes. What follows the header is not looked at.
func Read(b []byte) (h Header, n int, err error) {
	switch {
	case begins(b, Signature):
		return readBinary(b)
	case begins(b, textStart):
		return readText(b)
	}
	return Header{}, 0, ErrMissing
}

// begins says that b begins as s does, as far as it goes.
func begins(b []byte, s string) bool {
	return strings.HasPrefix(s, string(b[:min(len(b), len(s))]))
}

// readBinary reads a header of version 2 (section 2.2).
func readBinary(b []byte) (h Header, n int, err error) {
	if len(b) > len(Signature) && b[len(Signature)] != commandLocal && b[len(Signature)] != commandProxy {
		return Header{}, 0, malformed("it is of no version and command that there is")
	}
	if len(b) < fixedSize {
		return Header{}, 0, nil
	}
	size := int(binary.BigEndian.Uint16(b[fixedSize-2:]))
	if size > maxBlock {
		return Header{}, 0, malformed("it is too long")
	}
	n = fixedSize + size
	if len(b) < n {
		return Header{}, 0, nil
	}
	if b[len(Signature)] == commandLocal {
		return Header{}, n, nil // Whatever it says besides has no meaning.
	}
	used := 0
	block := b[fixedSize:n]
	switch b[len(Signature)+1] {
	case familyNone:
		return Header{}, n, nil
	case familyTCP4:
		used = sizeTCP4
	case familyTCP6:
		used = sizeTCP6
	case familyUnix:
		used = sizeUnix
	default:
		return Header{}, 0, malformed("its addresses are of no family that carries a connection")
	}
	if len(block) < used {
		return Header{}, 0, malformed("it is too short for its addresses")
	}
	if err := checkExtensions(b[:n], fixedSize+used); err != nil {
		return Header{}, 0, err
	}
	switch used {
	case sizeTCP4:
		h = Header{addrPort(block[:4], block[8:]), addrPort(block[4:8], block[10:])}
	case sizeTCP6:
		h = Header{addrPort(block[:16], block[32:]), addrPort(block[16:32], block[34:])}
	}
	return h, n, nil
}

func addrPort(addr, port []byte) netip.AddrPort {
	a, _ := netip.AddrFromSlice(addr) // Its length is right.
	return netip.AddrPortFrom(a.Unmap(), binary.BigEndian.Uint16(port))
}

// extensionCRC is the type of a checksum over the whole header, in which it counts as zeros (section 2.2.4).
const extensionCRC = 0x03

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checkExtensions checks the vectors of type, length and value that a header holds from an offset on, and its checksum if
// there is one. Their values mean nothing here.
func checkExtensions(header []byte, at int) error {
	summed := false
	for at < len(header) {
		if len(header)-at < 3 {
			return malformed("an extension breaks off")
		}
		kind, size := header[at], int(binary.BigEndian.Uint16(header[at+1:]))
		at += 3
		if len(header)-at < size {
			return malformed("an extension breaks off")
		}
		if kind == extensionCRC {
			if summed || size != 4 {
				return malformed("its checksum is none")
			}
			summed = true
			sum := crc32.Update(0, castagnoli, header[:at])
			sum = crc32.Update(sum, castagnoli, make([]byte, 4))
			if sum = crc32.Update(sum, castagnoli, header[at+4:]); sum != binary.BigEndian.Uint32(header[at:]) {
				return malformed("its checksum is wrong")
			}
		}
		at += size
	}
	return nil
}

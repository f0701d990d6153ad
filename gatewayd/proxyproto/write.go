package proxyproto

import (
	"encoding/binary"
	"net/netip"
)

// Signature begins a header of version 2. Command, family and length follow (section 2.2).
const Signature = "\r\n\r\n\x00\r\nQUIT\n"

// Version and command, then family and protocol, of version 2.
const (
	commandLocal = 0x20 // the receiver takes the addresses of the connection itself
	commandProxy = 0x21

	familyNone = 0x00 // AF_UNSPEC
	familyTCP4 = 0x11
	familyTCP6 = 0x21
	familyUnix = 0x31 // a stream

	sizeTCP4 = 2*4 + 2*2
	sizeTCP6 = 2*16 + 2*2
	sizeUnix = 2 * 108
)

// Local is a header of a connection that its sender makes on its own behalf.
const Local = Signature + "\x20\x00\x00\x00"

// Append appends a header of version 2 that tells of a client's connection: from its address to the one that it
// connected to. Where these are not known, or not of one family, it is [Local].
func Append(b []byte, from, to netip.AddrPort) []byte {
	src, dst := from.Addr().Unmap(), to.Addr().Unmap()
	switch {
	case src.Is4() && dst.Is4():
		s, d := src.As4(), dst.As4()
		b = append(append(b, Signature...), commandProxy, familyTCP4, 0, sizeTCP4)
		b = append(append(b, s[:]...), d[:]...)
	case src.Is6() && dst.Is6():
		s, d := src.As16(), dst.As16()
		b = append(append(b, Signature...), commandProxy, familyTCP6, 0, sizeTCP6)
		b = append(append(b, s[:]...), d[:]...)
	default:
		return append(b, Local...)
	}
	b = binary.BigEndian.AppendUint16(b, from.Port())
	return binary.BigEndian.AppendUint16(b, to.Port())
}

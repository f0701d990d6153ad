package proxy

import (
	"encoding/binary"
	"net/netip"
)

// proxySignature begins a PROXY protocol header of version 2, command and family follow
// (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt section 2.2).
const proxySignature = "\r\n\r\n\x00\r\nQUIT\n"

const (
	proxyLocal = 0x20 // version 2, LOCAL: the receiver takes the addresses of the connection itself
	proxyProxy = 0x21 // version 2, PROXY
	proxyNone  = 0x00 // AF_UNSPEC
	proxyTCP4  = 0x11
	proxyTCP6  = 0x21
)

// appendProxyHeader appends the header that tells of a client's connection: from its address to the one that it connected
// to. Where these are not known, or not of one family, the header says nothing of them.
func appendProxyHeader(b []byte, from, to netip.AddrPort) []byte {
	b = append(b, proxySignature...)
	src, dst := from.Addr().Unmap(), to.Addr().Unmap()
	switch {
	case src.Is4() && dst.Is4():
		s, d := src.As4(), dst.As4()
		b = append(b, proxyProxy, proxyTCP4, 0, 2*4+2*2)
		b = append(append(b, s[:]...), d[:]...)
	case src.Is6() && dst.Is6():
		s, d := src.As16(), dst.As16()
		b = append(b, proxyProxy, proxyTCP6, 0, 2*16+2*2)
		b = append(append(b, s[:]...), d[:]...)
	default:
		return append(b, proxyLocal, proxyNone, 0, 0)
	}
	b = binary.BigEndian.AppendUint16(b, from.Port())
	return binary.BigEndian.AppendUint16(b, to.Port())
}

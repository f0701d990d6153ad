package backend

import (
	"cmp"
	"net/netip"
)

// An Address is where a backend listens: exactly one of the fields is set. It is comparable.
type Address struct {
	TCP  netip.AddrPort // IPv4-mapped addresses are unmapped
	Path string         // of a Unix socket
}

// TCP is the address of an IP address and a port.
func TCP(at netip.AddrPort) Address {
	return Address{TCP: netip.AddrPortFrom(at.Addr().Unmap(), at.Port())}
}

// String is the address and port, or "unix:" and the path.
func (a Address) String() string {
	if a.Path != "" {
		return "unix:" + a.Path
	}
	return a.TCP.String()
}

// Compare orders addresses: TCP first.
func (a Address) Compare(b Address) int {
	return cmp.Or(cmp.Compare(a.Path, b.Path), a.TCP.Compare(b.TCP))
}

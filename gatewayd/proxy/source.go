package proxy

import (
	"errors"
	"net/netip"
	"syscall"
)

// source is the own address that the attempt's next connection leaves from: those of the setting in turn, as far as they
// are of the target's family. The zero Addr leaves it to the system.
func (x *exchange) source() netip.Addr {
	to, list := x.health.Backend.Key.Addr, x.route.Setting.Sources
	if len(list) == 0 || to.Path != "" {
		return netip.Addr{}
	}
	v4 := to.TCP.Addr().Is4()
	fit := uint32(fitting(list, v4))
	if fit == 0 {
		return netip.Addr{}
	}
	n := (x.turn + uint32(x.sources)) % fit
	for _, a := range list {
		if a.Is4() != v4 {
			continue
		}
		if n == 0 {
			return a
		}
		n--
	}
	return netip.Addr{}
}

// nextSource moves on to another own address, or reports false where the attempt has tried all.
func (x *exchange) nextSource() bool {
	to, list := x.health.Backend.Key.Addr, x.route.Setting.Sources
	if to.Path != "" || int(x.sources)+1 >= fitting(list, to.TCP.Addr().Is4()) {
		return false
	}
	x.sources++
	return true
}

// fitting is how many addresses are of a family.
func fitting(list []netip.Addr, v4 bool) (n int) {
	for _, a := range list {
		if a.Is4() == v4 {
			n++
		}
	}
	return n
}

// noPort says that it is the own address that a connection could not be made from: it is none of this machine, or has no
// port left for this target.
func noPort(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EADDRINUSE)
}

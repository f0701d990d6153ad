//go:build !linux && !darwin && !freebsd

package listen

import (
	"errors"
	"net/netip"
)

type family int

const (
	ipv4      family = 0
	spreads          = false
	privilege        = "root"
)

func familyOf(netip.Addr, bool) family { return ipv4 }

func open(*family, netip.AddrPort, bool) (int, error) {
	return -1, errors.New("listen: no sockets for this operating system")
}

func portOf(int) (uint16, error) { return 0, nil }

func closeSocket(int) {}

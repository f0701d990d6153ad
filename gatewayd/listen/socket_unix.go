//go:build linux || darwin || freebsd

package listen

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// family is how an address is opened.
type family int

const (
	ipv4 family = iota
	ipv6        // IPv6 alone
	dual        // both over one IPv6 socket
)

func familyOf(a netip.Addr, all bool) family {
	switch {
	case all:
		return dual
	case a.Is4():
		return ipv4
	}
	return ipv6
}

// open binds a socket; one that is to serve may have others beside it where the system spreads connections over them, is
// tuned and listens. Where dual stack is impossible, it turns *f to IPv4 and does without.
func open(f *family, at netip.AddrPort, serve bool) (int, error) {
	fd, err := openAs(*f, at, serve)
	if *f == dual && (err == unix.EAFNOSUPPORT || err == unix.EADDRNOTAVAIL || err == unix.EPROTONOSUPPORT) {
		*f = ipv4
		fd, err = openAs(ipv4, at, serve)
	}
	return fd, err
}

func openAs(f family, at netip.AddrPort, serve bool) (int, error) {
	domain := unix.AF_INET6
	if f == ipv4 {
		domain = unix.AF_INET
	}
	fd, err := loop.Socket(domain)
	if err != nil {
		return -1, err
	}
	if err := prepare(fd, f, at, serve); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func prepare(fd int, f family, at netip.AddrPort, serve bool) error {
	// A port whose old connections are in TIME_WAIT is free.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	if f != ipv4 {
		only := 1
		if f == dual {
			only = 0
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only); err != nil {
			return err
		}
	}
	if serve {
		if err := beside(fd); err != nil {
			return err
		}
		if err := loop.Tune(fd); err != nil {
			return err
		}
	}
	sa, err := sockaddr(f, at)
	if err != nil {
		return err
	}
	if err := unix.Bind(fd, sa); err != nil || !serve {
		return err
	}
	return unix.Listen(fd, backlog)
}

func sockaddr(f family, at netip.AddrPort) (unix.Sockaddr, error) {
	if f == ipv4 {
		sa := &unix.SockaddrInet4{Port: int(at.Port())}
		if at.Addr().Is4() {
			sa.Addr = at.Addr().As4()
		}
		return sa, nil
	}
	return loop.Inet6(at.Addr(), at.Port())
}

func portOf(fd int) (uint16, error) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return 0, err
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return uint16(sa.Port), nil
	case *unix.SockaddrInet6:
		return uint16(sa.Port), nil
	}
	return 0, unix.EINVAL
}

func closeSocket(fd int) { _ = unix.Close(fd) }

//go:build linux || darwin || freebsd

package loop

import (
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxEvents is how many events one turn takes from the poller.
const maxEvents = 256

// clockStart is one nanosecond before the process began, so that no Time is 0.
var clockStart = time.Now().Add(-1)

// system is the part of a Kernel that is the same on every system.
type system struct{}

func (system) Now() Time { return Time(time.Since(clockStart)) }

func (system) Connect(to Remote) (int, syscall.Errno) {
	family, sa, err := to.sockaddr()
	if err != nil {
		return -1, errno(err)
	}
	fd, err := Socket(family)
	if err != nil {
		return -1, errno(err)
	}
	if family != unix.AF_UNIX {
		if err = noDelay(fd); err == nil && to.From.IsValid() {
			err = bindFrom(fd, to)
		}
	}
	if err == nil {
		err = unix.Connect(fd, sa)
	}
	if err != nil && err != unix.EINPROGRESS {
		_ = unix.Close(fd)
		return -1, errno(err)
	}
	return fd, 0
}

// sockaddr is the socket family and the address to connect to. Paths have to be absolute, because x/sys takes a leading @
// for a name outside the file system.
func (to Remote) sockaddr() (int, unix.Sockaddr, error) {
	switch {
	case to.Path == "":
		sa, err := sockaddr(to.Addr.Addr(), to.Addr.Port())
		if to.Addr.Addr().Is4() {
			return unix.AF_INET, sa, err
		}
		return unix.AF_INET6, sa, err
	case to.Path[0] != '/' || to.Addr.IsValid():
		return 0, nil, unix.EINVAL
	}
	return unix.AF_UNIX, &unix.SockaddrUnix{Name: to.Path}, nil
}

// bindFrom gives a socket its own address before it connects.
func bindFrom(fd int, to Remote) error {
	if to.From.Is4() != to.Addr.Addr().Is4() {
		return unix.EAFNOSUPPORT
	}
	sa, err := sockaddr(to.From, 0)
	if err != nil {
		return err
	}
	choosePortLate(fd)
	return unix.Bind(fd, sa)
}

func (system) Peek(fd int) (int, syscall.Errno) {
	var b [1]byte
	n, _, err := unix.Recvfrom(fd, b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	if err != nil {
		return 0, errno(err)
	}
	return n, 0
}

func (system) Shutdown(fd int) { _ = unix.Shutdown(fd, unix.SHUT_WR) }

func (system) SocketError(fd int) syscall.Errno {
	v, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return errno(err)
	}
	return syscall.Errno(v)
}

func (system) LocalAddr(fd int) netip.AddrPort {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}
	}
	return fromSockaddr(sa)
}

func fromSockaddr(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(zoned(netip.AddrFrom16(sa.Addr), sa.ZoneId), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

func (system) Close(fd int, reset bool) {
	if reset {
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	_ = unix.Close(fd)
}

func (system) Spare() (int, syscall.Errno) {
	fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	return fd, errno(err)
}

// MaxDescriptors is how many descriptors the process may have; 0 where there is no limit, or none that counts.
func MaxDescriptors() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || uint64(limit.Cur) > 1<<30 {
		return 0
	}
	return int(limit.Cur)
}

// Tune sets what every TCP socket of the gateway has: no Nagle delay, and keep-alive. Sockets accepted from a tuned
// listening socket have it, too.
func Tune(fd int) error {
	if err := noDelay(fd); err != nil {
		return err
	}
	return keepAlive(fd)
}

func noDelay(fd int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) }

// keepAlive finds an idle peer that is gone 51 seconds after its last sign of life, also where it is set while that time runs.
// Timers of half a minute are late by some seconds in a kernel, so that it is less than a minute in all.
// While something is on its way to a peer it rests, and Pulse tells of it. TCP_USER_TIMEOUT is not set: on Linux it also ends
// peers that are alive and only do not read, whose patience is the proxy's to decide.
func keepAlive(fd int) error {
	for _, o := range [...]struct{ level, name, value int }{
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1}, // First: the idle time then counts from what was received last.
		{unix.IPPROTO_TCP, keepIdle, 30},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 7},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 3},
	} {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			return err
		}
	}
	return nil
}

func (system) KeepAlive(fd int) { _ = keepAlive(fd) } // A connection that is gone already takes no options, and needs none.

func errno(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	if e, ok := err.(syscall.Errno); ok {
		return e
	}
	return syscall.EINVAL
}

func zoned(a netip.Addr, scope uint32) netip.Addr {
	a = a.Unmap()
	if scope != 0 && a.IsLinkLocalUnicast() && a.Is6() {
		return a.WithZone(strconv.FormatUint(uint64(scope), 10))
	}
	return a
}

func sockaddr(a netip.Addr, port uint16) (unix.Sockaddr, error) {
	if a.Is4() {
		return &unix.SockaddrInet4{Addr: a.As4(), Port: int(port)}, nil
	}
	if !a.IsValid() {
		return nil, unix.EINVAL
	}
	return Inet6(a, port)
}

// Inet6 is an address and port for an IPv6 socket; the zone is a number or the name of an interface (RFC 4007 11.2). An
// error is a unix.Errno: ENODEV where there is no such interface.
func Inet6(a netip.Addr, port uint16) (unix.Sockaddr, error) {
	sa := &unix.SockaddrInet6{Addr: a.As16(), Port: int(port)}
	if zone := a.Zone(); zone != "" {
		if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
			sa.ZoneId = uint32(n)
		} else if i, err := net.InterfaceByName(zone); err == nil {
			sa.ZoneId = uint32(i.Index)
		} else {
			return nil, unix.ENODEV
		}
	}
	return sa, nil
}

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

const edges = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET

// clockStart is one nanosecond before the process began, so that no Time is 0.
var clockStart = time.Now().Add(-1)

// linux is the real Kernel: epoll and non-blocking system calls.
type linux struct {
	ep, wake int
	events   [maxEvents]unix.EpollEvent
}

func newKernel() (Kernel, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, &OpError{Op: "epoll_create", Err: err}
	}
	wake, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		_ = unix.Close(ep)
		return nil, &OpError{Op: "eventfd", Err: err}
	}
	k := &linux{ep: ep, wake: wake}
	// Edge-triggered, so that a wake-up costs no read: every write to the descriptor is an edge.
	if e := k.control(unix.EPOLL_CTL_ADD, wake, unix.EPOLLIN|unix.EPOLLET, wakeToken); e != 0 {
		k.Release()
		return nil, &OpError{Op: "epoll_ctl", Err: e}
	}
	return k, nil
}

func (k *linux) Now() Time { return Time(time.Since(clockStart)) }

func (k *linux) Wait(events []Event, timeout time.Duration) (int, syscall.Errno) {
	limit := min(len(events), maxEvents)
	n, e := 0, syscall.Errno(0)
	if timeout == 0 {
		n, e = rawPoll(k.ep, k.events[:limit])
	} else {
		ms := -1
		if timeout > 0 {
			ms = int(min((timeout+time.Millisecond-1)/time.Millisecond, 1<<30))
		}
		var err error
		if n, err = unix.EpollWait(k.ep, k.events[:limit], ms); err != nil {
			n, e = 0, errno(err)
		}
	}
	if e == unix.EINTR {
		return 0, 0
	}
	for i := range k.events[:max(n, 0)] {
		ev := &k.events[i]
		var r Ready
		if ev.Events&unix.EPOLLIN != 0 {
			r |= ReadyIn
		}
		if ev.Events&unix.EPOLLOUT != 0 {
			r |= ReadyOut
		}
		if ev.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP) != 0 {
			r |= ReadyHup
		}
		if ev.Events&unix.EPOLLERR != 0 {
			r |= ReadyErr
		}
		events[i] = Event{Token: uint64(uint32(ev.Pad))<<32 | uint64(uint32(ev.Fd)), Ready: r}
	}
	return n, e
}

func (k *linux) Wake() {
	one := [8]byte{1}
	_, _ = unix.Write(k.wake, one[:])
}

func (k *linux) control(op, fd int, events uint32, token uint64) syscall.Errno {
	ev := unix.EpollEvent{Events: events, Fd: int32(uint32(token)), Pad: int32(uint32(token >> 32))}
	return errno(unix.EpollCtl(k.ep, op, fd, &ev))
}

func (k *linux) Watch(fd int, token uint64) syscall.Errno {
	return k.control(unix.EPOLL_CTL_ADD, fd, edges, token)
}

func (k *linux) Listen(fd int, token uint64) syscall.Errno {
	return k.control(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN, token)
}

func (k *linux) Unlisten(fd int) { _ = k.control(unix.EPOLL_CTL_DEL, fd, 0, 0) }

func (k *linux) Release() {
	_ = unix.Close(k.ep)
	_ = unix.Close(k.wake)
}

func (k *linux) Accept(fd int) (int, netip.AddrPort, syscall.Errno) {
	return rawAccept(fd)
}

func (k *linux) Connect(to Remote) (int, syscall.Errno) {
	family, sa, err := to.sockaddr()
	if err != nil {
		return -1, errno(err)
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, errno(err)
	}
	if family != unix.AF_UNIX {
		if err = Tune(fd); err == nil && to.From.IsValid() {
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
	// A plain bind would choose the port at once, without knowing the destination, so that no two sockets could have the
	// same one: some 28 000 connections for each own address in all. With the option connect chooses it, as it does without
	// a bind, and every destination has all ports. A kernel before 4.2 does not know it and has only the lower limit.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	return unix.Bind(fd, sa)
}

func (k *linux) Read(fd int, b []byte) (int, syscall.Errno)  { return rawRead(fd, b) }
func (k *linux) Write(fd int, b []byte) (int, syscall.Errno) { return rawWrite(fd, b) }

func (k *linux) Peek(fd int) (int, syscall.Errno) {
	var b [1]byte
	n, _, err := unix.Recvfrom(fd, b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	if err != nil {
		return 0, errno(err)
	}
	return n, 0
}

func (k *linux) Shutdown(fd int) { _ = unix.Shutdown(fd, unix.SHUT_WR) }

func (k *linux) SocketError(fd int) syscall.Errno {
	v, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return errno(err)
	}
	return syscall.Errno(v)
}

func (k *linux) LocalAddr(fd int) netip.AddrPort {
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

func (k *linux) Close(fd int, reset bool) {
	if reset {
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	_ = unix.Close(fd)
}

func (k *linux) Spare() (int, syscall.Errno) {
	fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	return fd, errno(err)
}

func (k *linux) Pipe(size int) (r, w int, e syscall.Errno) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		return -1, -1, errno(err)
	}
	if n, err := unix.FcntlInt(uintptr(p[0]), unix.F_SETPIPE_SZ, size); err != nil || n < size {
		_ = unix.Close(p[0])
		_ = unix.Close(p[1])
		if err == nil {
			err = unix.EPERM
		}
		return -1, -1, errno(err)
	}
	return p[0], p[1], 0
}

func (k *linux) Splice(from, to int, n int) (int, syscall.Errno) { return rawSplice(from, to, n) }

// Tune sets what every TCP socket of the gateway has: no Nagle delay, and keep-alive, which finds an idle peer that is
// gone within a minute. Sockets accepted from a tuned listening socket inherit it. TCP_USER_TIMEOUT is not set: on Linux
// it also ends peers that are alive and only do not read, whose patience is the proxy's to decide.
func Tune(fd int) error {
	for _, o := range [...]struct{ level, name, value int }{
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 30},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 10},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 3},
	} {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			return err
		}
	}
	return nil
}

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

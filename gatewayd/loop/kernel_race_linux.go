//go:build race

package loop

import (
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// The race detector does not see raw calls: under it every byte goes through the wrappers that tell it.

func rawPoll(ep int, events []unix.EpollEvent) (int, syscall.Errno) {
	n, err := unix.EpollWait(ep, events, 0)
	return max(n, 0), errno(err)
}

func rawRead(fd int, b []byte) (int, syscall.Errno) {
	n, err := unix.Read(fd, b)
	return max(n, 0), errno(err)
}

func rawWrite(fd int, b []byte) (int, syscall.Errno) {
	n, err := unix.Write(fd, b)
	return max(n, 0), errno(err)
}

type message struct{}

// rawWriteParts makes a call for each part: the wrapper for all of them allocates, and tests count allocations.
func rawWriteParts(fd int, _ *message, parts *Parts) (int, syscall.Errno) {
	total := 0
	for _, p := range parts {
		if len(p) == 0 {
			continue
		}
		n, e := rawWrite(fd, p)
		if total += n; e != 0 && total > 0 {
			return total, 0
		}
		if e != 0 || n < len(p) {
			return total, e
		}
	}
	return total, 0
}

func rawAccept(fd int) (int, netip.AddrPort, syscall.Errno) {
	n, peer, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return -1, netip.AddrPort{}, errno(err)
	}
	return n, fromSockaddr(peer), 0
}

func rawInfo(fd int, info *unix.TCPInfo) syscall.Errno {
	i, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err == nil {
		*info = *i
	}
	return errno(err)
}

func rawSplice(from, to int, n int) (int, syscall.Errno) {
	m, err := unix.Splice(from, nil, to, nil, n, unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MOVE)
	return int(max(m, 0)), errno(err)
}

func rawSocket(family int) (int, syscall.Errno) {
	fd, err := Socket(family)
	return fd, errno(err)
}

func rawSetOption(fd, level, name, value int) syscall.Errno {
	return errno(unix.SetsockoptInt(fd, level, name, value))
}

func rawConnect(fd int, to netip.AddrPort) syscall.Errno {
	sa, err := sockaddr(to.Addr(), to.Port())
	if err == nil {
		err = unix.Connect(fd, sa)
	}
	return errno(err)
}

func rawLocalAddr(fd int) (netip.AddrPort, syscall.Errno) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, errno(err)
	}
	return fromSockaddr(sa), 0
}

func rawControl(ep, op, fd int, ev *unix.EpollEvent) syscall.Errno {
	return errno(unix.EpollCtl(ep, op, fd, ev))
}

func rawUnsent(fd int) (int, syscall.Errno) {
	n, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	return n, errno(err)
}

func rawClose(fd int) { _ = unix.Close(fd) }

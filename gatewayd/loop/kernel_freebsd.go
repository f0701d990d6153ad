package loop

import (
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

const keepIdle = unix.TCP_KEEPIDLE

// Socket opens a stream socket of a family as a loop wants it: non-blocking, and closed in child processes. What is written
// to one that is gone raises no signal; accepted sockets inherit that.
func Socket(family int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NOSIGPIPE, 1); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (k *kqueue) Accept(fd int) (int, netip.AddrPort, syscall.Errno) {
	n, peer, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return -1, netip.AddrPort{}, errno(err)
	}
	return n, fromSockaddr(peer), 0
}

// fionwrite asks for the bytes in a socket's send buffer (sys/filio.h), which x/sys does not name: _IOR('f', 119, int).
const fionwrite = 0x40046677

// Unsent implements Kernel.
func (k *kqueue) Unsent(fd int) int {
	n, err := unix.IoctlGetInt(fd, fionwrite)
	if err != nil {
		return 0
	}
	return n
}

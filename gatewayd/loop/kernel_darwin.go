package loop

import (
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

const keepIdle = unix.TCP_KEEPALIVE

// Socket opens a stream socket of a family as a loop wants it: non-blocking, and closed in child processes.
func Socket(family int) (int, error) {
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return -1, err
	}
	if err := prepare(fd); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// prepare sets what other systems set with the opening of a socket, or with each write (MSG_NOSIGNAL).
func prepare(fd int) error {
	if err := unix.SetNonblock(fd, true); err != nil {
		return err
	}
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NOSIGPIPE, 1)
}

// Accept sets by hand what accept4 sets elsewhere. The lock is only ever held by a start of a child process, which is to
// inherit no socket in the instant between.
func (k *kqueue) Accept(fd int) (int, netip.AddrPort, syscall.Errno) {
	syscall.ForkLock.RLock()
	n, peer, err := unix.Accept(fd)
	if err == nil {
		unix.CloseOnExec(n)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return -1, netip.AddrPort{}, errno(err)
	}
	if err := prepare(n); err != nil {
		_ = unix.Close(n)
		// EINVAL is what a socket says whose peer is gone already; from accept it would mean that the listening one is bad.
		return -1, netip.AddrPort{}, unix.ECONNABORTED
	}
	_ = Tune(n) // not all of it is inherited, and of a connection that is gone already nothing can be set
	return n, fromSockaddr(peer), 0
}

// Unsent implements Kernel.
func (k *kqueue) Unsent(fd int) int {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NWRITE)
	if err != nil {
		return 0
	}
	return n
}

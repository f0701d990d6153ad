package loop

import (
	"net/netip"
	"syscall"
)

// A Remote is where to dial: exactly one of Addr and Path.
type Remote struct {
	Addr netip.AddrPort // TCP; IPv4-mapped addresses are unmapped
	Path string         // Unix stream socket, absolute path
	From netip.Addr     // own address of a TCP connection; the zero Addr leaves it to the system
}

// Dial begins a connection. Its handler hears Connected, or Closed with what went wrong; where the system refuses at once
// that is later in the same turn. An error of the own address (EADDRNOTAVAIL: not of this machine, or no port of it is
// left for this destination; EAFNOSUPPORT: of the other family) is told as a connect's, and so is EAGAIN where the backlog
// of a Unix socket is full. A connect has no limit of its own: set a deadline. On the loop only.
func (l *Loop) Dial(to Remote, h Handler) *Conn {
	to.Addr = netip.AddrPortFrom(to.Addr.Addr().Unmap(), to.Addr.Port())
	to.From = to.From.Unmap()
	fd, e := -1, syscall.EMFILE
	if l.fds.left() {
		fd, e = l.kernel.Connect(to)
	}
	c := l.open(fd, to.Addr, fConnecting)
	c.h = h
	l.stats.dialled.Add(1)
	if e != 0 {
		c.die(opConnect, e)
		return c
	}
	c.flags |= fOpen
	if e := l.kernel.Watch(fd, c.token()); e != 0 {
		c.die(opRegister, e)
	}
	if to.Path == "" {
		l.young.add(c)
	}
	return c
}

// Exhausted says that the process or the system has no descriptor or no memory left for another one.
func Exhausted(e syscall.Errno) bool {
	return e == syscall.EMFILE || e == syscall.ENFILE || e == syscall.ENOBUFS || e == syscall.ENOMEM
}

package loop

import (
	"net/netip"
	"syscall"
)

// Dial begins a connection to an address. Its handler hears Connected, or Closed with what went wrong; where the system
// refuses at once that is later in the same turn. A connect has no limit of its own: set a deadline. On the loop only.
func (l *Loop) Dial(to netip.AddrPort, h Handler) *Conn {
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	fd, e := l.kernel.Connect(to)
	c := l.open(fd, to, fConnecting)
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
	return c
}

// exhausted says that the process or the system has no descriptor or no memory left for another one.
func exhausted(e syscall.Errno) bool {
	return e == syscall.EMFILE || e == syscall.ENFILE || e == syscall.ENOBUFS || e == syscall.ENOMEM
}

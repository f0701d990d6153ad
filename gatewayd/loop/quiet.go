package loop

import "syscall"

// A Quieter is a stream that can look whether its peer has sent anything yet.
type Quieter interface {
	Stream
	// Quiet says that nothing can be read: no byte, no FIN and no error is here, whether the handler was told of it or
	// not. It costs a system call.
	Quiet() bool
}

// Quiet implements Quieter.
func (c *Conn) Quiet() bool {
	if !c.alive() || c.held != nil || c.flags&(fOpen|fConnecting|fEOF|fBroken) != fOpen {
		return false
	}
	if c.lay != nil && (c.lay.more || c.lay.wire != nil) {
		return false
	}
	_, e := c.l.kernel.Peek(int(c.fd))
	return e == syscall.EAGAIN
}

var _ Quieter = (*Conn)(nil)

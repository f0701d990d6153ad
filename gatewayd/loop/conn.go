package loop

import (
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	lingerTime  = 2 * time.Second  // how long the peer's last bytes are read after our FIN
	lingerBytes = 1 << 20          // how many of them
	flushTime   = 60 * time.Second // how long Close waits for a peer that takes nothing of what is queued
)

// The states of a connection. They are bits because most are independent of each other.
const (
	fOpen       uint32 = 1 << iota // has a descriptor
	fReady                         // on the ready list
	fAgain                         // on the list for the next turn
	fAccepted                      // not dialled
	fConnecting                    // connect has not ended
	fReadable                      // the kernel has, or may have, bytes or a FIN
	fWritable                      // the kernel takes, or may take, bytes
	fHup                           // the poller saw FIN or an error: a short read is not the last one
	fPaused                        // the handler wants no Data
	fHand                          // held bytes are to be handed over again, though no new ones came
	fInData                        // Data runs
	fEOF                           // read the end
	fEOFTold                       // EOF was called
	fStalled                       // the output queue was left with something in it
	fDrained                       // Drained is to be called
	fTimeout                       // the deadline passed
	fFin                           // FIN stands at the end of the output queue
	fFinSent                       // FIN was sent
	fClosing                       // Close was called
	fLinger                        // queue and FIN are sent; the peer's bytes are thrown away
	fBroken                        // errno tells why; nothing can be sent, what arrived before is still read
	fReset                         // close with RST
	fTook                          // the kernel took something of the output queue
	fError                         // the poller saw an error, which the next read tells, or is asked for
	fDead                          // on the list of the dying
)

// A Conn is one connection of a loop, over TCP or a Unix socket, as it is or with a Layer. It lives in the loop's slab: after the turn in
// which its handler heard Closed the entry becomes another connection's, so a handler lets go of its *Conn in Closed.
type Conn struct {
	l       *Loop // nil in an unused entry
	h       Handler
	fd      int32
	index   uint32
	gen     uint32
	flags   uint32
	held    *Buffer  // what Data did not take
	lay     *layered // nil for plain TCP
	out     *item    // the output queue, first and last
	last    *item
	queued  int
	timer   Timer
	remote  netip.AddrPort // the zero value over a Unix socket
	local   netip.AddrPort // asked for once it is needed
	splice  *splice        // what SpliceTo is doing
	turn    uint32         // the turn that budget is of
	budget  int32
	drained uint32 // bytes thrown away while lingering; before that, of a closing one, bytes queued when flushTime began
	errno   uint16
	op      op
	counter *atomic.Int64 // see CountedIn
}

// open makes a slab entry for fd.
func (l *Loop) open(fd int, remote netip.AddrPort, flags uint32) *Conn {
	c := l.slab.alloc()
	c.l, c.fd, c.remote, c.flags = l, int32(fd), remote, flags
	c.timer.conn = c
	l.stats.conns.Add(1)
	l.fds.add(1)
	return c
}

func (c *Conn) token() uint64 { return uint64(c.gen)<<32 | uint64(c.index) }

// alive says whether methods have an effect: neither closed nor on the way there.
func (c *Conn) alive() bool { return c.l != nil && c.flags&(fDead|fClosing) == 0 }

// SetHandler implements Stream. Bytes held back are handed to the new handler.
func (c *Conn) SetHandler(h Handler) {
	if c.l == nil {
		return
	}
	c.h = h
	c.handAgain()
}

// CountedIn says that n counts the connection: it is lowered by one when the descriptor is closed, whoever its handler is
// then. It is called once.
func (c *Conn) CountedIn(n *atomic.Int64) { c.counter = n }

// Loop is the loop that owns the connection.
func (c *Conn) Loop() *Loop { return c.l }

// Queued implements Stream.
func (c *Conn) Queued() int { return c.queued }

// Unsent implements Stream.
func (c *Conn) Unsent() int {
	if c.flags&fOpen == 0 {
		return c.queued
	}
	return c.queued + c.l.kernel.Unsent(int(c.fd))
}

// Pulse implements Stream.
func (c *Conn) Pulse() Pulse {
	if c.flags&(fOpen|fConnecting) != fOpen {
		return Pulse{}
	}
	return c.l.kernel.Pulse(int(c.fd))
}

// Took implements Stream.
func (c *Conn) Took() bool {
	took := c.flags&fTook != 0
	c.flags &^= fTook
	return took
}

// Pause implements Stream.
func (c *Conn) Pause() { c.flags |= fPaused }

// Resume implements Stream. On a connection that is not paused it hands over held bytes once more.
func (c *Conn) Resume() {
	if !c.alive() {
		return
	}
	paused := c.flags&fPaused != 0
	c.flags &^= fPaused
	if paused || c.flags&fInData == 0 {
		c.handAgain()
	}
	if paused {
		c.l.schedule(c)
	}
}

// handAgain arranges that what Data left is handed over without waiting for more.
func (c *Conn) handAgain() {
	if c.held != nil || c.flags&fInData != 0 {
		c.flags |= fHand
		c.l.schedule(c)
	}
}

// CloseWrite implements Stream.
func (c *Conn) CloseWrite() {
	if !c.alive() || c.flags&fFin != 0 {
		return
	}
	c.endLayer()
	c.flags |= fFin
	c.sendFin()
}

// Close implements Stream. What is queued may leave as long as some of it does every minute, then the peer has two seconds and 1 MiB to end. While
// the connect still runs there is nobody to be polite to: it is given up, and what was written is lost.
func (c *Conn) Close() {
	if !c.alive() {
		return
	}
	c.endLayer()
	c.flags = c.flags&^fTimeout | fClosing
	c.drained = uint32(c.queued)
	c.l.wheel.set(&c.timer, c.l.now+Time(flushTime))
	c.l.schedule(c)
}

// Reset implements Stream.
func (c *Conn) Reset() {
	if c.l == nil || c.flags&fDead != 0 {
		return
	}
	c.flags |= fReset
	c.die(opNone, 0)
}

// SetDeadline implements Stream.
func (c *Conn) SetDeadline(at Time) {
	if !c.alive() {
		return
	}
	c.flags &^= fTimeout
	if at <= 0 {
		c.timer.at = 0 // the wheel forgets it when its slot is due
		return
	}
	c.l.wheel.set(&c.timer, at)
}

// RemoteAddr implements Stream.
func (c *Conn) RemoteAddr() netip.AddrPort { return c.remote }

// LocalAddr implements Stream. It costs a system call the first time. It is the zero value while a connect runs.
func (c *Conn) LocalAddr() netip.AddrPort {
	if !c.local.IsValid() && c.flags&(fOpen|fConnecting) == fOpen {
		c.local = c.l.kernel.LocalAddr(int(c.fd))
	}
	return c.local
}

// die arranges that the connection is closed at the end of the turn, which is when the handler hears it.
func (c *Conn) die(o op, e syscall.Errno) {
	if c.flags&fDead != 0 {
		return
	}
	c.flags |= fDead
	c.op, c.errno = o, uint16(e)
	c.l.dying = append(c.l.dying, c)
}

// fail notes that the connection is broken. What the kernel received before is read before the handler hears of it.
func (c *Conn) fail(o op, e syscall.Errno) {
	if c.flags&(fBroken|fDead) != 0 {
		return
	}
	c.flags = c.flags&^(fWritable|fStalled|fDrained) | fBroken | fReadable | fHup
	c.op, c.errno = o, uint16(e)
	c.dropQueue()
	c.l.schedule(c)
}

// bury closes the descriptor, gives back what the connection held and makes the handler's last call.
func (l *Loop) bury(c *Conn) {
	l.wheel.unlink(&c.timer)
	c.held.Release()
	c.held = nil
	if c.lay != nil {
		c.lay.drop()
	}
	c.endSplice()
	c.dropQueue()
	if c.flags&fOpen != 0 {
		l.kernel.Close(int(c.fd), c.flags&fReset != 0)
	}
	c.flags = c.flags&^(fOpen|fReady|fAgain) | fDead
	l.stats.conns.Add(-1)
	l.fds.add(-1)
	if c.counter != nil {
		c.counter.Add(-1)
	}
	l.stats.closed.Add(1)
	l.dead = append(l.dead, c)
	if h := c.h; h != nil {
		c.h = nil
		var err error
		if c.flags&fClosing == 0 || c.op == opStop || c.op == opPanic {
			err = c.why()
		} // else the handler asked for the end and got it
		defer l.survive("closed")
		h.Closed(err)
	}
}

// why is what ended the connection.
func (c *Conn) why() error {
	if c.op == opLayer {
		return &OpError{Op: "read", Err: c.lay.err}
	}
	return c.op.error(syscall.Errno(c.errno))
}

var (
	_ Splicer  = (*Conn)(nil)
	_ Gatherer = (*Conn)(nil)
)

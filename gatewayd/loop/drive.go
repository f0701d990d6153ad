package loop

import "syscall"

// event notes what the poller saw.
func (c *Conn) event(r Ready) {
	if r&(ReadyIn|ReadyHup|ReadyErr) != 0 {
		c.flags |= fReadable
	}
	if r&(ReadyHup|ReadyErr) != 0 {
		c.flags |= fHup
	}
	if r&ReadyOut != 0 && c.flags&fBroken == 0 {
		c.flags |= fWritable
	}
	if c.flags&fConnecting != 0 {
		if r&(ReadyErr|ReadyHup) != 0 {
			if e := c.l.kernel.SocketError(int(c.fd)); e != 0 {
				c.die(opConnect, e)
				return
			}
		}
		return
	}
	if r&ReadyErr != 0 {
		c.flags |= fError
		if !c.readsNext() {
			c.askError()
		}
	}
}

// readsNext says that reading is the first thing that drive will do.
func (c *Conn) readsNext() bool {
	return c.flags&(fPaused|fHand|fEOF|fDrained|fTimeout|fFin|fClosing|fBroken|fDead) == 0 &&
		c.out == nil && c.held == nil && c.lay == nil && c.splice == nil && (c.turn != c.l.turn || c.budget > 0)
}

// askError fetches the error that the poller saw: behind a FIN no read tells it, and behind what came before a reset only
// the last one would.
func (c *Conn) askError() {
	c.flags &^= fError
	e := c.l.kernel.SocketError(int(c.fd))
	if e == 0 {
		return
	}
	if c.flags&(fBroken|fDead) == fBroken && syscall.Errno(c.errno) == syscall.EPIPE {
		// A write told EPIPE before, which a BSD says of a reset, too, and would pass for a FIN.
		c.op, c.errno = opRead, uint16(e)
	}
	c.fail(opRead, e)
}

// drive does for a connection whatever can be done now, and is the only place from which its handler is called. It is
// never entered from inside a handler.
func (l *Loop) drive(c *Conn) {
	c.flags &^= fReady
	if c.flags&(fDead|fOpen) != fOpen {
		return
	}
	if c.turn != l.turn {
		c.turn, c.budget = l.turn, turnBudget
	}
	defer l.recoverConn(c)
	if c.flags&fConnecting != 0 {
		if c.flags&fWritable != 0 {
			c.flags &^= fConnecting
			if c.remote.Addr().IsLoopback() && ownPorts()(c.remote.Port()) && c.LocalAddr() == c.remote {
				// Nobody listens there: the system chose the very port as ours, and connected the socket to itself.
				c.die(opConnect, syscall.ECONNREFUSED)
				return
			}
			if c.flags&fClosing == 0 {
				c.h.Connected()
			}
		} else if c.flags&fClosing != 0 {
			c.die(opNone, 0)
		}
	}
	if c.flags&(fTimeout|fDead) == fTimeout {
		c.flags &^= fTimeout
		if c.flags&fClosing == 0 {
			c.h.Timeout()
		} else if c.closeTimeout() {
			return
		}
	}
	if c.flags&(fWritable|fConnecting) == fWritable && (c.out != nil || c.flags&(fFin|fFinSent) == fFin) {
		c.flush()
	}
	if c.flags&(fDrained|fDead|fClosing) == fDrained && c.out == nil {
		c.flags &^= fDrained
		c.h.Drained()
	}
	if c.flags&(fDead|fClosing|fConnecting|fPaused|fEOFTold) == 0 {
		c.input()
	}
	if c.flags&(fBroken|fClosing) != 0 && c.flags&fDead == 0 {
		c.finish()
	}
}

// closeTimeout ends a closing connection that lingered long enough, or whose peer took nothing for flushTime. Where it
// took some, it reports false and the time begins anew.
func (c *Conn) closeTimeout() bool {
	if c.flags&fLinger == 0 {
		if uint32(c.queued) != c.drained {
			c.drained = uint32(c.queued)
			c.l.wheel.set(&c.timer, c.l.now+Time(flushTime))
			return false
		}
		c.flags |= fReset // what is queued is lost in any case
	}
	c.die(opNone, 0)
	return true
}

func (l *Loop) recoverConn(c *Conn) {
	if r := recover(); r != nil {
		l.panicked("handler", r)
		if c.lay != nil {
			c.lay.Output() // Nobody else must send what this one had half said.
		}
		c.flags = c.flags&^(fDead|fInData) | fReset
		for i, d := range l.dying {
			if d == c {
				l.dying = append(l.dying[:i], l.dying[i+1:]...)
				break
			}
		}
		c.die(opPanic, 0)
	}
}

// input hands over what is held and what the kernel has, until the handler pauses, nothing is left or the turn's
// budget is used up.
func (c *Conn) input() {
	for c.flags&(fDead|fClosing|fPaused|fEOFTold) == 0 {
		switch {
		case c.budget <= 0:
			c.yield()
			return
		case c.flags&fHand != 0 && c.splice == nil:
			c.flags &^= fHand
			if c.held != nil {
				c.deliver(c.held.Bytes())
			}
		case c.splice != nil:
			if !c.spliceIn() {
				return
			}
		case c.lay != nil && c.lay.more:
			if !c.open(nil) {
				return
			}
		case c.flags&fEOF != 0:
			if c.flags&fBroken != 0 && syscall.Errno(c.errno) != syscall.EPIPE {
				return // a reset, not a FIN; EPIPE says that a FIN had come before it
			}
			c.flags |= fEOFTold
			c.held.Release()
			c.held = nil
			c.h.EOF()
		case c.flags&fReadable != 0:
			if !c.receive() {
				return
			}
		default:
			return
		}
	}
}

// yield lets the others have their turn.
func (c *Conn) yield() {
	if c.flags&fAgain == 0 {
		c.flags |= fAgain
		c.l.again = append(c.l.again, c)
	}
}

// receive reads once and hands over what came. It reports false when the connection waits for the handler to make
// room in a full held buffer.
func (c *Conn) receive() bool {
	l := c.l
	b := l.read
	if c.lay != nil {
		if c.held != nil && c.held.Len() == MaxBuffer {
			return false
		}
	} else if c.held != nil {
		if c.held.Len() == MaxBuffer {
			return false
		}
		c.held.room(min(max(c.held.Len(), classes[0].size), MaxBuffer-c.held.Len()))
		b = c.held.mem[c.held.end:]
	}
	n, e := l.kernel.Read(int(c.fd), b)
	if c.flags&fError != 0 && (e == 0 || e == syscall.EAGAIN) {
		c.askError()
	}
	switch {
	case e == syscall.EINTR:
	case e == syscall.EAGAIN:
		c.flags &^= fReadable
	case e != 0:
		c.flags &^= fError
		c.fail(opRead, e)
		c.flags &^= fReadable
		return false
	case n == 0 && c.lay != nil:
		c.flags &^= fReadable
		c.failLayer(ErrTruncated)
		return false
	case n == 0:
		c.flags = c.flags&^fReadable | fEOF
	default:
		if n < len(b) && c.flags&fHup == 0 {
			// All there was: what comes later is an edge, and so is a FIN, because it would be a hang-up.
			c.flags &^= fReadable
		}
		if c.lay != nil {
			return c.open(b[:n])
		}
		if c.held != nil {
			c.held.end += n
			b = c.held.Bytes()
			c.budget -= int32(n)
		} else {
			b = b[:n]
		}
		c.deliver(b)
	}
	return true
}

// deliver calls Data with b, which is the held bytes or, when there are none, a piece of the shared buffer, and keeps
// what it does not take.
func (c *Conn) deliver(b []byte) {
	c.flags |= fInData
	n := c.h.Data(b)
	c.flags &^= fInData
	if n < 0 || n > len(b) {
		panic(errStray)
	}
	c.budget -= int32(max(n, callCost))
	if c.held != nil {
		c.held.Cut(n)
		if c.held.Len() == 0 {
			c.held.Release()
			c.held = nil
		}
	} else if n < len(b) && c.flags&(fDead|fClosing) == 0 {
		c.held = c.l.Buffer(len(b) - n)
		c.held.take(b[n:])
	}
	if c.held == nil {
		c.flags &^= fHand
	} else if c.splice != nil {
		c.spliceRefused()
	}
}

// finish brings a broken or closing connection to its end as far as it can be now.
func (c *Conn) finish() {
	switch {
	case c.flags&(fBroken|fClosing) == fBroken|fClosing:
		c.die(c.op, syscall.Errno(c.errno))
	case c.flags&fBroken != 0:
		c.finishBroken()
	case c.out == nil && c.flags&fConnecting == 0:
		c.linger()
	}
}

// finishBroken ends a broken connection once nothing that arrived is left for its handler. A paused handler of a
// dialled connection gets the time to take the rest, as it may be an answer. Nobody is left behind an accepted one:
// its end is told at once, so that the work for it can be cancelled.
func (c *Conn) finishBroken() {
	if c.flags&fPaused != 0 && c.flags&fAccepted == 0 {
		if c.held != nil || c.lay != nil && c.lay.more {
			return
		}
		if c.op == opLayer {
			c.die(c.op, 0) // nothing behind it would be understood
			return
		}
		if n, e := c.l.kernel.Peek(int(c.fd)); n > 0 && e == 0 {
			return
		}
	} else if c.flags&fPaused == 0 && (c.flags&fAgain != 0 || c.splice != nil) {
		return // the turn's budget is used up, or the target of a SpliceTo has to take what is in the pipe
	}
	c.die(c.op, syscall.Errno(c.errno))
}

// linger ends a closing connection whose output was sent. A close while the peer still sends would answer with RST,
// which destroys what the peer has not read yet. So FIN goes first, and what comes is thrown away until the peer's FIN,
// within bounds. Where its FIN is here already nothing can be destroyed, and close sends ours.
func (c *Conn) linger() {
	l := c.l
	if c.flags&fLinger == 0 {
		c.flags |= fLinger
		c.drained = 0
		l.wheel.set(&c.timer, l.now+Time(lingerTime))
		c.held.Release()
		c.held = nil
		c.endSplice()
		if c.flags&(fHup|fEOF) == 0 {
			c.flags |= fFin
			c.sendFin()
		}
	}
	for c.flags&(fReadable|fEOF) == fReadable {
		if c.budget <= 0 {
			c.yield()
			return
		}
		n, e := l.kernel.Read(int(c.fd), l.read)
		switch {
		case e == syscall.EINTR:
			continue
		case e == syscall.EAGAIN:
			c.flags &^= fReadable
		case e != 0 || n == 0:
			c.flags |= fEOF
		default:
			if n < len(l.read) && c.flags&fHup == 0 {
				c.flags &^= fReadable
			}
			c.budget -= int32(max(n, callCost))
			if c.drained += uint32(n); c.drained > lingerBytes {
				c.flags |= fEOF
			}
		}
	}
	if c.flags&fEOF != 0 {
		c.die(opNone, 0)
	} else if c.flags&fHup != 0 {
		c.flags |= fFin
		c.sendFin()
	}
}

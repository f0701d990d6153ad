package loop

import "syscall"

// An item is one entry of an output queue: a buffer of bytes or a pipe.
type item struct {
	next *item
	buf  *Buffer
	pipe *pipe
}

// push appends an empty item to the queue.
func (c *Conn) push() *item {
	l := c.l
	it := l.items
	if it != nil {
		l.items, it.next = it.next, nil
	} else {
		it = new(item)
	}
	if c.last != nil {
		c.last.next = it
	} else {
		c.out = it
	}
	c.last = it
	return it
}

// pop removes the first item, whose contents the caller has dealt with.
func (c *Conn) pop() {
	it := c.out
	if c.out = it.next; c.out == nil {
		c.last = nil
	}
	*it = item{next: c.l.items}
	c.l.items = it
}

// Write implements Stream. What the kernel takes at once is not copied.
func (c *Conn) Write(b []byte) {
	if !c.writes() {
		return
	}
	if c.lay != nil {
		c.lay.Seal(b)
		b = c.lay.Output()
	}
	c.send(b)
}

// send is Write of bytes as they go out on the wire.
func (c *Conn) send(b []byte) {
	n := 0
	if c.writable() {
		var e syscall.Errno
		n, e = c.l.kernel.Write(int(c.fd), b)
		if n = c.wrote(n, len(b), e); n == len(b) {
			return
		}
	}
	c.enqueue(b[n:])
}

// WriteParts implements Gatherer.
func (c *Conn) WriteParts(parts *Parts) {
	if !c.writes() {
		return
	}
	if c.lay != nil {
		for _, b := range parts {
			c.lay.Seal(b)
		}
		c.send(c.lay.Output())
		return
	}
	n := 0
	if c.writable() {
		var e syscall.Errno
		n, e = c.l.kernel.WriteParts(int(c.fd), parts)
		n = c.wrote(n, parts.size(), e)
	}
	for _, b := range parts {
		taken := min(n, len(b))
		n -= taken
		c.enqueue(b[taken:])
	}
}

// writes says whether what is written goes anywhere.
func (c *Conn) writes() bool { return c.alive() && c.flags&(fFin|fBroken) == 0 }

// writable says whether the kernel may be asked to take more now.
func (c *Conn) writable() bool {
	return c.out == nil && c.flags&(fWritable|fConnecting) == fWritable
}

// wrote notes what came of a call that was to write size bytes, and says how many are done with: all of them where the
// connection is broken.
func (c *Conn) wrote(n, size int, e syscall.Errno) int {
	switch {
	case e == syscall.EINTR:
		c.l.schedule(c)
		return 0
	case e == syscall.EAGAIN:
		n = 0
	case e != 0:
		c.fail(opWrite, e)
		return size
	}
	if n < size {
		// A socket takes part only when it is full, and tells when it is not any more.
		c.flags &^= fWritable
	}
	return n
}

func (c *Conn) enqueue(b []byte) {
	if len(b) == 0 {
		return
	}
	c.queued += len(b)
	c.flags = c.flags&^fDrained | fStalled
	if c.last != nil && c.last.buf != nil {
		b = c.last.buf.take(b)
	}
	for len(b) > 0 {
		it := c.push()
		it.buf = c.l.Buffer(len(b))
		b = it.buf.take(b)
	}
}

// flush writes what is queued until the socket is full. It calls no handler.
func (c *Conn) flush() {
	k := c.l.kernel
	for c.out != nil && c.flags&fWritable != 0 {
		it := c.out
		if it.pipe != nil {
			c.flushPipe(it)
			continue
		}
		b := it.buf.Bytes()
		n, e := k.Write(int(c.fd), b)
		switch {
		case e == syscall.EINTR:
			continue
		case e == syscall.EAGAIN:
			c.flags &^= fWritable
			return
		case e != 0:
			c.fail(opWrite, e)
			return
		}
		c.queued -= n
		c.flags |= fTook
		if n < len(b) {
			it.buf.Cut(n)
			c.flags &^= fWritable
			return
		}
		it.buf.Release()
		c.pop()
	}
	if c.out == nil && c.flags&fBroken == 0 {
		if c.flags&fStalled != 0 {
			c.flags = c.flags&^fStalled | fDrained
		}
		c.sendFin()
	}
}

// sendFin sends FIN where it is asked for and everything before it was sent.
func (c *Conn) sendFin() {
	if c.out == nil && c.flags&(fFin|fFinSent|fConnecting|fBroken) == fFin {
		c.flags |= fFinSent
		c.l.kernel.Shutdown(int(c.fd))
	}
}

// dropQueue throws away what is queued.
func (c *Conn) dropQueue() {
	for c.out != nil {
		if p := c.out.pipe; p != nil {
			c.l.pipes.spoil(c.l, p)
		} else {
			c.out.buf.Release()
		}
		c.pop()
	}
	c.queued = 0
}

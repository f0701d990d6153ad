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
	if !c.alive() || c.flags&(fFin|fBroken) != 0 {
		return
	}
	if c.out == nil && c.flags&(fWritable|fConnecting) == fWritable {
		n, e := c.l.kernel.Write(int(c.fd), b)
		switch {
		case e == syscall.EAGAIN || e == syscall.EINTR:
			n = 0
		case e != 0:
			c.fail(opWrite, e)
			return
		}
		if n == len(b) {
			return
		}
		b = b[n:]
		if e == syscall.EINTR {
			c.l.schedule(c)
		} else {
			// A socket takes part only when it is full, and tells when it is not any more.
			c.flags &^= fWritable
		}
	}
	c.enqueue(b)
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

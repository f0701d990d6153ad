package loop

import "syscall"

const (
	pipeSize = 256 << 10
	// maxPipes is small because an unprivileged user may have 64 MiB of pipes (pipe-user-pages-soft).
	maxPipes = 16
)

// A pipe holds bytes on their way from one connection to another. While it has bytes it is an item of the target's
// queue; while its source's SpliceTo runs it is the source's. It is given back when it is neither.
type pipe struct {
	r, w  int
	bytes int
	src   *Conn // whose SpliceTo runs over it
	gone  bool  // its target is gone, the descriptors are closed
}

// splice is a running SpliceTo.
type splice struct {
	next  *splice // free list
	dst   *Conn
	gen   uint32 // of dst
	pipe  *pipe
	left  int64
	moved int64
	end   bool // over, but Spliced was not called yet
}

// pipes is the loop's pool.
type pipes struct {
	idle   []*pipe
	open   int
	denied bool // the system refuses: not asked again
}

func (p *pipes) get(l *Loop) *pipe {
	if n := len(p.idle); n > 0 {
		got := p.idle[n-1]
		p.idle = p.idle[:n-1]
		l.stats.idlePipes.Add(-1)
		l.stats.pipes.Add(1)
		return got
	}
	if p.open == maxPipes || p.denied || !l.fds.left() {
		return nil
	}
	r, w, e := l.kernel.Pipe(pipeSize)
	if e != 0 {
		// EMFILE passes; a refused size does not.
		p.denied = e == syscall.EPERM
		return nil
	}
	p.open++
	l.fds.add(2)
	l.stats.pipes.Add(1)
	return &pipe{r: r, w: w}
}

// put takes back an empty pipe.
func (p *pipes) put(l *Loop, b *pipe) {
	b.src = nil
	p.idle = append(p.idle, b)
	l.stats.pipes.Add(-1)
	l.stats.idlePipes.Add(1)
}

// spoil closes a pipe whose bytes nobody will take.
func (p *pipes) spoil(l *Loop, b *pipe) {
	l.kernel.Close(b.r, false)
	l.kernel.Close(b.w, false)
	b.gone, b.bytes = true, 0
	p.open--
	l.fds.add(-2)
	l.stats.pipes.Add(-1)
	if b.src != nil {
		l.schedule(b.src)
	}
}

func (p *pipes) release(l *Loop) { p.free(l, len(p.idle)) }

// free closes idle pipes, as many as n.
func (p *pipes) free(l *Loop, n int) {
	kept := len(p.idle) - n
	for _, b := range p.idle[kept:] {
		l.kernel.Close(b.r, false)
		l.kernel.Close(b.w, false)
	}
	clear(p.idle[kept:])
	p.idle = p.idle[:kept]
	p.open -= n
	l.stats.idlePipes.Add(-int64(n))
	l.fds.add(-2 * int64(n))
}

// FreePipes closes pipes that wait for their next use, for as many descriptors as n where there are so many, and says how
// many it freed. On the loop only.
func (l *Loop) FreePipes(n int) (freed int) {
	k := min((n+1)/2, len(l.pipes.idle))
	if k > 0 {
		l.pipes.free(l, k)
	}
	return 2 * max(k, 0)
}

// IdlePipes is how many pipes wait for their next use. Anybody may ask.
func (l *Loop) IdlePipes() int { return int(l.stats.idlePipes.Load()) }

// SpliceTo implements Splicer. It may be called from Data that takes everything it was given; if that takes less,
// Spliced(0) is called. One SpliceTo runs at a time.
func (c *Conn) SpliceTo(dst Stream, n int64) bool {
	d, ok := dst.(*Conn)
	if !ok || n <= 0 || d == c || d.l != c.l || c.lay != nil || d.lay != nil || !c.alive() || !d.alive() || c.splice != nil {
		return false
	}
	if c.flags&(fConnecting|fEOF|fBroken) != 0 || d.flags&(fConnecting|fBroken|fFin) != 0 {
		return false
	}
	if c.flags&fReadable == 0 || c.held != nil && c.flags&fInData == 0 {
		return false
	}
	if _, ok := c.h.(SpliceHandler); !ok {
		return false
	}
	p := c.l.pipes.get(c.l)
	if p == nil {
		return false
	}
	s := c.l.splices
	if s != nil {
		c.l.splices = s.next
	} else {
		s = new(splice)
	}
	*s = splice{dst: d, gen: d.gen, pipe: p, left: n}
	p.src = c
	c.splice = s
	c.l.schedule(c)
	return true
}

// spliceIn moves bytes into the pipe and on to the target. It reports false when the target's queue has to drain first.
func (c *Conn) spliceIn() bool {
	s, l := c.splice, c.l
	if s.pipe.bytes > 0 && !s.end && !s.pipe.gone {
		return false
	}
	if s.end || s.pipe.gone || !s.targetTakes() || c.flags&fReadable == 0 {
		c.tellSpliced()
		return true
	}
	n, e := l.kernel.Splice(int(c.fd), s.pipe.w, int(min(s.left, pipeSize)))
	switch {
	case e == syscall.EINTR:
	case e == syscall.EAGAIN:
		// The pipe is empty, so it is the socket that has nothing.
		c.flags &^= fReadable
		s.end = true
	case e == syscall.EINVAL:
		s.end = true
		l.pipes.denied = true
	case e != 0:
		s.end = true
		c.fail(opRead, e)
		c.flags &^= fReadable
	case n == 0:
		c.flags = c.flags&^fReadable | fEOF
		s.end = true
	default:
		s.left -= int64(n)
		s.moved += int64(n)
		s.pipe.bytes = n
		c.budget -= int32(max(n, callCost))
		l.stats.spliced.Add(uint64(n))
		s.dst.push().pipe = s.pipe
		s.dst.queued += n
		if s.dst.flags&fWritable != 0 {
			s.dst.flush()
		}
		if s.dst.out != nil {
			s.dst.flags |= fStalled
		} else if s.dst.flags&(fDrained|fClosing) != 0 {
			l.schedule(s.dst)
		}
		if s.left == 0 {
			s.end = true
		}
	}
	return true
}

// targetTakes says whether the target can be written to, and is still the one it was: its slab entry may have become
// another connection's while nothing of ours stood in its queue.
func (s *splice) targetTakes() bool {
	return s.dst.gen == s.gen && s.dst.alive() && s.dst.flags&(fBroken|fFin) == 0
}

// flushPipe moves a pipe's bytes, which stand first in the queue, into the socket.
func (c *Conn) flushPipe(it *item) {
	p, l := it.pipe, c.l
	n, e := l.kernel.Splice(p.r, int(c.fd), p.bytes)
	switch {
	case e == syscall.EINTR:
		return
	case e == syscall.EAGAIN:
		c.flags &^= fWritable
		return
	case e != 0 || n == 0:
		if e == 0 {
			e = syscall.EIO
		}
		c.fail(opWrite, e)
		return
	}
	p.bytes -= n
	c.queued -= n
	c.flags |= fTook
	if p.bytes > 0 {
		return
	}
	c.pop()
	if p.src != nil {
		l.schedule(p.src)
	} else {
		l.pipes.put(l, p)
	}
}

// spliceRefused ends a SpliceTo that was asked for in a Data that left bytes.
func (c *Conn) spliceRefused() { c.splice.end = true }

// tellSpliced ends SpliceTo and calls the handler.
func (c *Conn) tellSpliced() {
	moved := c.splice.moved
	c.budget -= callCost
	c.endSplice()
	if h, ok := c.h.(SpliceHandler); ok {
		h.Spliced(moved)
	}
}

// endSplice lets go of the pipe: to the pool when it is empty, else to the target's queue.
func (c *Conn) endSplice() {
	s := c.splice
	if s == nil {
		return
	}
	c.splice = nil
	s.pipe.src = nil
	if s.pipe.bytes == 0 && !s.pipe.gone {
		c.l.pipes.put(c.l, s.pipe)
	}
	*s = splice{next: c.l.splices}
	c.l.splices = s
}

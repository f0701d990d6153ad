package loop

import (
	"errors"
	"io"
)

// A Layer stands between the bytes of a connection's handler and those on the wire, as TLS does. Its methods are called
// on the loop of the connection, which does nothing but ask it: a Layer calls neither the connection nor its handler.
type Layer interface {
	// Open gives what the peer said. wire is what came and was not taken before; used says how much of it is taken now,
	// n how many bytes were put into dst. Where n is less than all of dst there is nothing left to be said before more
	// bytes come, and all of wire is used. io.EOF says that the peer ended its direction in order, behind the n bytes;
	// what comes after it is nobody's. Any other error means that the peer cannot be understood any more.
	Open(dst, wire []byte) (n, used int, err error)
	// Seal says p to the peer, End that nothing more will be said.
	Seal(p []byte)
	End()
	// Output is what must go out on the wire since it was asked last: what Seal and End made, and what Open has to send
	// of the layer's own accord. It is good until the next call of a Layer of the same loop.
	Output() []byte
}

var (
	// ErrTruncated is the end of a connection whose peer sent FIN without having said through the layer that it is done:
	// somebody else may have cut off what it still had to say.
	ErrTruncated = errors.New("the peer's last words are missing: FIN came without close_notify")
	// ErrUnread is the end of a connection whose peer has the layer answer, and reads no answer.
	ErrUnread = errors.New("the peer wants answers of the layer and does not read them")
)

// maxOwn is how many bytes a layer may have queued of its own accord. A peer that asks for new keys over and over and
// reads nothing would fill the memory with the answers, which no handler holds back.
const maxOwn = 16 << 10

// hollowCost is what a byte of the wire that comes to nothing costs of the turn's budget. A record without payload is as much
// work as a long one, or more where it changes keys, and a peer may send nothing else.
const hollowCost = 4

// A layered is the state of a connection with a Layer.
type layered struct {
	Layer
	wire *Buffer // what came and was not taken
	more bool    // Open may have something to say though nothing came
	own  int     // bytes of its own accord in the output queue
	err  error   // why the peer is not understood any more
}

// SetLayer puts a layer between the connection and its handler, once: what is written and handed over from now on goes
// through it, and so do bytes that the handler did not take. It is not called from inside Data.
func (c *Conn) SetLayer(y Layer) {
	if !c.alive() {
		return
	}
	c.lay = &layered{Layer: y, more: true, wire: c.held}
	c.held = nil
	c.flags &^= fHand
	c.l.schedule(c)
}

// open hands over what the layer makes of the wire. It reports false when the connection waits for the handler to make
// room in a full held buffer.
func (c *Conn) open(fresh []byte) bool {
	l, y := c.l, c.lay
	dst := l.opened()
	if c.held != nil {
		if c.held.Len() == MaxBuffer {
			y.keep(l, fresh, 0)
			y.more = true
			return false
		}
		c.held.room(min(max(c.held.Len(), classes[0].size), MaxBuffer-c.held.Len()))
		dst = c.held.mem[c.held.end:]
	}
	wire := fresh
	if y.wire != nil {
		wire = y.wire.Bytes()
	}
	n, used, err := y.Open(dst, wire)
	c.budget -= int32(hollowCost * max(used-n, 0))
	y.more = n == len(dst) && err == nil
	y.keep(l, fresh, used)
	c.sendOwn(y.Output())
	if n > 0 {
		b := dst[:n]
		if c.held != nil {
			c.held.end += n
			b = c.held.Bytes()
			c.budget -= int32(n)
		}
		c.deliver(b)
	} else {
		c.budget -= callCost
	}
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		y.drop()
		c.flags = c.flags&^fReadable | fEOF
	default:
		c.failLayer(err)
	}
	return true
}

// keep holds what of the wire was not used for the next time.
func (y *layered) keep(l *Loop, fresh []byte, used int) {
	switch {
	case y.wire != nil:
		if y.wire.Cut(used); y.wire.Len() == 0 {
			y.drop()
		}
	case used < len(fresh):
		y.wire = l.Buffer(len(fresh) - used)
		y.wire.take(fresh[used:])
	}
}

func (y *layered) drop() {
	y.wire.Release()
	y.wire = nil
}

// failLayer ends a connection whose peer is not understood. What it said before is not taken back.
func (c *Conn) failLayer(err error) {
	if c.flags&fDead != 0 {
		return
	}
	if c.flags&fBroken != 0 {
		// What the peer said before it broke the connection says why.
		if c.lay.err == nil && err != ErrTruncated && (c.op == opRead || c.op == opWrite) {
			c.op, c.lay.err, c.lay.more = opLayer, err, false
			c.lay.drop()
		}
		return
	}
	c.lay.err, c.lay.more = err, false
	c.lay.drop()
	c.fail(opLayer, 0)
	c.flags &^= fReadable
}

// sendOwn sends what the layer says of its own accord.
func (c *Conn) sendOwn(b []byte) {
	if len(b) == 0 || !c.writes() {
		return
	}
	y := c.lay
	if c.out == nil {
		y.own = 0
	}
	if y.own += len(b); y.own > maxOwn {
		c.flags |= fReset // a FIN would wait behind all that is unread
		c.failLayer(ErrUnread)
		return
	}
	c.send(b)
}

// endLayer has the layer say that nothing follows.
func (c *Conn) endLayer() {
	if c.lay != nil && c.writes() {
		c.lay.End()
		c.send(c.lay.Output())
	}
}

// opened is the memory for what a layer says, one for the whole loop.
func (l *Loop) opened() []byte {
	if l.plain == nil {
		l.plain = make([]byte, readSize)
	}
	return l.plain
}

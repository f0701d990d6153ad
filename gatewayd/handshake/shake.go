package handshake

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// A shake is a handshake, the handler of its connection until it is over. It is a coroutine that stops where crypto/tls
// wants bytes that are not here. The loop resumes it, or a goroutine beside the loop does, and while that runs the loop
// touches nothing of it but c and gone.
type shake struct {
	r       *Runner
	c       *loop.Conn // nil once the handshake has ended
	closing *loop.Conn // the same, until it is gone
	err     error      // why it ended
	done    Done
	cfg     *tls.Config
	of      any   // see Of
	call    *Call // of the client's side; nil of the server's
	heard   bool  // the peer said something; only of a call

	conn   *tls.Conn
	pipe   *pipe // nil before the handshake has begun
	next   func() (struct{}, bool)
	stop   func()
	result error // of the coroutine
	busy   bool  // it computes, or waits for its turn
	aside  bool  // beside the loop
	moving bool  // it wants to be begun anew beside the loop
	gone   atomic.Bool
}

// Connected implements loop.Handler: a client begins.
func (s *shake) Connected() {
	if s.call.Connected != nil {
		s.call.Connected()
	}
	s.c.Write(s.call.Before)
	s.compute(nil)
}

// Data implements loop.Handler.
func (s *shake) Data(b []byte) int {
	if s.pipe == nil {
		switch whole, err := helloIn(b); {
		case err != nil:
			s.refuse(err)
			return 0
		case !whole:
			return 0
		}
	}
	if s.call != nil && !s.heard {
		if s.heard = true; !answersHello(b[0]) {
			s.err = ErrNotTLS
			s.c.Reset()
			return len(b)
		}
	}
	b = b[:min(len(b), most)]
	s.compute(b)
	return len(b)
}

// compute gives the handshake what the peer said, and lets it go on. Until it wants more, what follows stays with the
// connection, FIN above all: it is perhaps for whom the handshake is made for.
func (s *shake) compute(b []byte) {
	s.c.Pause()
	if s.pipe == nil {
		s.pipe = &pipe{}
	}
	s.pipe.in = append(s.pipe.in, b...)
	s.busy = true
	s.r.compute(s)
}

// refuse ends a handshake that did not begin. Bytes stay with the connection.
func (s *shake) refuse(err error) {
	c := s.c
	s.c = nil
	if err == ErrNotTLS {
		s.tell(c, nil, err)
		return
	}
	s.err = err
	c.Write(decodeError[:])
	c.Close()
}

// run lets the handshake go on on the loop.
func (s *shake) run() {
	hello := s.pipe.in
	s.pipe.out = &s.r.out
	more := s.resume()
	if !s.moving {
		s.settle(s.r.output(), more)
		return
	}
	// Its first steps, which cost little, are done once more.
	s.moving, s.aside, s.next, s.result = false, true, nil, nil
	s.pipe.in, s.r.out = hello, s.r.out[:0]
	go s.runAside()
}

// runAside lets it go on on a goroutine of its own, once there is a slot.
func (s *shake) runAside() {
	var out []byte
	s.pipe.out = &out
	client := s.call == nil
	s.r.slots.take(client)
	more := s.resume()
	s.r.slots.give(client)
	if !s.r.l.Post(func() { s.settle(out, more) }) {
		s.abandon()
	}
}

// resume runs the coroutine until crypto/tls wants bytes, which it reports, or is done with the handshake. A handshake whose
// peer is gone does not begin, or a flood of those would keep all others waiting.
func (s *shake) resume() (more bool) {
	if s.gone.Load() {
		return s.next != nil
	}
	if s.next == nil {
		if s.call != nil {
			s.conn = tls.Client(s.pipe, s.cfg)
		} else {
			s.conn = tls.Server(s.pipe, s.cfg)
		}
		s.next, s.stop = iter.Pull(s.shakeHands)
	}
	_, more = s.next()
	return more
}

// shakeHands is the coroutine.
func (s *shake) shakeHands(yield func(struct{}) bool) {
	defer func() {
		// A peer's message that crypto/tls trips over ends this connection and no other.
		if p := recover(); p != nil {
			s.result = fmt.Errorf("crypto/tls panicked: %v", p)
		}
	}()
	s.pipe.yield = yield
	s.result = s.conn.HandshakeContext(context.WithValue(context.Background(), shakeKey{}, s))
}

// abandon ends a coroutine that nobody waits for. The runtime wants one that began on a loop's thread to go on there, and
// one that began elsewhere to go on elsewhere.
func (s *shake) abandon() {
	switch {
	case s.next == nil:
	case s.aside:
		go s.stop()
	default:
		s.stop()
	}
}

// settle runs on the loop when the coroutine has stopped: what it said goes out; more is wanted of the peer, or it is over.
func (s *shake) settle(out []byte, more bool) {
	s.busy = false
	c := s.c
	if c == nil {
		if more {
			s.abandon()
		}
		return
	}
	c.Write(out)
	if more {
		c.Resume()
		return
	}
	s.c = nil
	if s.err = s.result; s.err != nil {
		if s.call != nil {
			s.tell(c, nil, s.err) // Nobody need wait until the peer has taken leave.
		}
		c.Close()
		return
	}
	s.pipe.onLoop(s.r)
	state := s.conn.ConnectionState()
	c.SetLayer(&session{r: s.r, conn: s.conn, pipe: s.pipe})
	c.Resume()
	s.tell(c, &state, nil)
}

// end tells the coroutine that its peer is gone, or nobody waits for it any longer.
func (s *shake) end() {
	s.c = nil
	if s.gone.Store(true); !(s.busy && s.aside) {
		s.abandon()
	}
}

// tell calls done, once. Where that panics nobody may have taken the connection over, so it ends, as one does whose handler
// panics.
func (s *shake) tell(c *loop.Conn, state *tls.ConnectionState, err error) {
	done := s.done
	s.done = nil
	if done == nil {
		return
	}
	returned := false
	defer func() {
		if !returned {
			c.Reset()
		}
	}()
	done(c, state, err)
	returned = true
}

// EOF implements loop.Handler: nobody ends its side while more is wanted of it.
func (s *shake) EOF() {
	if c := s.c; c != nil {
		c.Reset()
	}
}

// Drained implements loop.Handler.
func (s *shake) Drained() {}

// Timeout implements loop.Handler.
func (s *shake) Timeout() {
	c := s.c
	if c == nil {
		return
	}
	s.err = ErrTimeout
	s.end()
	c.Reset()
}

// Closed implements loop.Handler.
func (s *shake) Closed(err error) {
	if s.c != nil {
		s.end()
	}
	if s.err == nil {
		s.err = err
		if s.pipe != nil || s.call == nil || err == nil {
			s.err = errors.Join(ErrClosed, err)
		}
	}
	s.tell(s.closing, nil, s.err)
}

var _ loop.Handler = (*shake)(nil)

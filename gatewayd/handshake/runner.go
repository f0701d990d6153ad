package handshake

import (
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

var (
	// ErrNotTLS says that the peer's first byte begins no TLS record.
	ErrNotTLS = errors.New("the peer does not speak TLS")
	// ErrTimeout says that the deadline of the connection passed in the handshake.
	ErrTimeout = errors.New("the handshake took too long")
	// ErrHello says that the first message is no ClientHello, or none that anybody would send.
	ErrHello = errors.New("the first message is not a sane ClientHello")
	// ErrClosed says that the connection ended before the handshake did.
	ErrClosed = errors.New("the connection ended in its handshake")
)

// A Runner runs the handshakes of all loops.
type Runner struct {
	slots chan struct{}
}

// NewRunner makes one that lets so many handshakes compute at once.
func NewRunner(atOnce int) *Runner { return &Runner{slots: make(chan struct{}, max(atOnce, 1))} }

// Done hears the end of a handshake, once, on the loop of the connection. With a nil error the connection has its layer,
// and wants a handler; state is what was agreed. With ErrNotTLS nothing was sent, and it wants a handler as well. With any
// other error the connection is gone, as a handler is told by Closed.
type Done func(c *loop.Conn, state *tls.ConnectionState, err error)

// Serve begins the server's side of a handshake on an accepted connection whose bytes nobody has taken. cfg must find its
// certificates without waiting for anybody. The deadline is the caller's, until done is called and after it: reached before, it
// ends the handshake with ErrTimeout. scratch is of the connection's loop.
func (r *Runner) Serve(c *loop.Conn, cfg *tls.Config, scratch *Scratch, done Done) {
	s := newShake(r, c.Loop(), scratch, done)
	s.c, s.closing = c, c
	s.conn = tls.Server(s.pipe, cfg)
	c.SetHandler(s)
}

// A Scratch is memory that the connections of one loop share.
type Scratch struct {
	out []byte // what was sealed and not sent yet
}

// maxScratch is how much of it is kept.
const maxScratch = 128 << 10

// A shake is a handshake that runs, the handler of its connection until it is over.
type shake struct {
	r       *Runner
	loop    *loop.Loop
	c       *loop.Conn // nil once the handshake has ended
	closing *loop.Conn // the same, until it is gone
	err     error      // why it ended
	scratch *Scratch
	conn    *tls.Conn
	pipe    *pipe
	done    Done
	started bool
	call    *Call // of the client's side; nil of the server's
	heard   bool  // the peer said something; only of a call
}

func newShake(r *Runner, l *loop.Loop, scratch *Scratch, done Done) *shake {
	s := &shake{r: r, loop: l, scratch: scratch, done: done, pipe: &pipe{}}
	s.pipe.wait = &wait{shake: s}
	s.pipe.wait.came.L = &s.pipe.wait.mu
	return s
}

// Connected implements loop.Handler: a client begins.
func (s *shake) Connected() {
	if s.call.Connected != nil {
		s.call.Connected()
	}
	s.c.Write(s.call.Before)
	s.c.Pause() // until the handshake wants something
	s.start()
}

// Data implements loop.Handler.
func (s *shake) Data(b []byte) int {
	if !s.started {
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
	// Until the handshake wants more: what follows, FIN above all, is perhaps for whom it is made for.
	s.c.Pause()
	if !s.pipe.wait.push(b) {
		return 0
	}
	if !s.started {
		s.start()
	}
	return len(b)
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

// start lets the handshake run. It ends when its peer's connection does, at the latest.
func (s *shake) start() {
	s.started = true
	go s.run()
}

// run is the goroutine of a handshake.
func (s *shake) run() {
	err := s.shakeHands()
	out := s.pipe.wait.take()
	s.loop.Post(func() { s.end(out, err) })
}

func (s *shake) shakeHands() (err error) {
	s.r.slots <- struct{}{}
	defer func() {
		// A peer's message that crypto/tls trips over ends this connection and no other.
		if p := recover(); p != nil {
			err = fmt.Errorf("crypto/tls panicked: %v", p)
		}
		<-s.r.slots
	}()
	if s.pipe.wait.over() {
		return ErrClosed // Its client did not wait for its turn, and others do.
	}
	return s.conn.Handshake()
}

// flight runs on the loop when the handshake waits for its peer: what it said goes out, and what comes is wanted.
func (s *shake) flight(out []byte) {
	if s.c == nil {
		return
	}
	s.c.Write(out)
	s.c.Resume()
}

// end runs on the loop behind the handshake.
func (s *shake) end(out []byte, err error) {
	c := s.c
	if c == nil {
		return
	}
	s.c = nil
	c.Write(out)
	if s.err = err; err != nil {
		if s.call != nil {
			s.tell(c, nil, err) // Nobody need wait until the peer has taken leave.
		}
		c.Close()
		return
	}
	s.pipe.onLoop(s.scratch)
	state := s.conn.ConnectionState()
	c.SetLayer(&session{conn: s.conn, pipe: s.pipe})
	c.Resume()
	s.tell(c, &state, nil)
}

func (s *shake) tell(c *loop.Conn, state *tls.ConnectionState, err error) {
	done := s.done
	s.done = nil
	if done != nil {
		done(c, state, err)
	}
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
	s.c = nil
	s.err = ErrTimeout
	s.pipe.wait.end()
	c.Reset()
}

// Closed implements loop.Handler.
func (s *shake) Closed(err error) {
	s.c = nil
	if s.pipe.wait != nil {
		s.pipe.wait.end()
	}
	if s.err == nil {
		s.err = err
		if s.started || s.call == nil || err == nil {
			s.err = errors.Join(ErrClosed, err)
		}
	}
	s.tell(s.closing, nil, s.err)
}

var _ loop.Handler = (*shake)(nil)

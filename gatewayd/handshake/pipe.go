package handshake

import (
	"bytes"
	"io"
	"net"
	"sync"
	"time"
)

// errAgain says that no bytes are here now. crypto/tls keeps its state over an error that is temporary.
type errAgain struct{}

func (errAgain) Error() string   { return "no bytes yet" }
func (errAgain) Timeout() bool   { return false }
func (errAgain) Temporary() bool { return true }

// A pipe is all that crypto/tls sees of a connection. In the handshake its Read waits for the peer; afterwards, on the
// loop, it never does. Its Write never fails, for crypto/tls would not get over that: who gives it bytes bounds what it says.
type pipe struct {
	wait    *wait    // nil on the loop
	scratch *Scratch // nil before
	rest    []byte   // what came in the handshake behind it
	in      []byte   // on the loop: what of the wire is not read yet
}

// A wait is the part of a pipe that is needed by a handshake.
type wait struct {
	shake *shake

	mu    sync.Mutex // guards what follows
	came  sync.Cond
	in    []byte
	out   []byte
	ended bool
}

// most is how much of the peer's may wait for a handshake.
const most = 32 << 10

// Read implements net.Conn.
func (p *pipe) Read(b []byte) (int, error) {
	if p.wait != nil {
		return p.wait.read(b)
	}
	from := &p.in
	if p.rest != nil {
		from = &p.rest
	}
	if len(*from) == 0 {
		return 0, errAgain{}
	}
	n := copy(b, *from)
	if *from = (*from)[n:]; len(p.rest) == 0 {
		p.rest = nil // and with it the memory of the handshake
	}
	return n, nil
}

// Write implements net.Conn.
func (p *pipe) Write(b []byte) (int, error) {
	if w := p.wait; w != nil {
		w.mu.Lock()
		w.out = append(w.out, b...)
		w.mu.Unlock()
	} else {
		p.scratch.out = append(p.scratch.out, b...)
	}
	return len(b), nil
}

// read gives what came, or waits for it. Meanwhile another handshake may compute.
func (w *wait) read(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.in) == 0 && !w.ended {
		s, out := w.shake, w.out
		w.out = nil
		// The slot is taken back without the lock: who gives bytes must not wait for those who compute.
		<-s.r.slots
		s.loop.Post(func() { s.flight(out) })
		for len(w.in) == 0 && !w.ended {
			w.came.Wait()
		}
		w.mu.Unlock()
		s.r.slots <- struct{}{}
		w.mu.Lock()
	}
	if len(w.in) == 0 {
		return 0, io.EOF
	}
	n := copy(b, w.in)
	w.in = w.in[n:]
	return n, nil
}

// push gives the handshake bytes, all or none.
func (w *wait) push(b []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.in)+len(b) > most && len(w.in) > 0 {
		return false
	}
	w.in = append(w.in, b...)
	w.came.Signal()
	return true
}

// take is what was said and not sent yet.
func (w *wait) take() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.out
	w.out = nil
	return out
}

// end lets the handshake fail, as its peer is gone.
func (w *wait) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.came.Signal()
}

// over says that the peer is gone.
func (w *wait) over() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended
}

// onLoop lets the pipe serve a session.
func (p *pipe) onLoop(scratch *Scratch) {
	if in := p.wait.in; len(in) > 0 {
		p.rest = bytes.Clone(in)
	}
	p.wait, p.scratch = nil, scratch
}

// The rest of net.Conn, of which crypto/tls asks nothing here.

func (p *pipe) Close() error                     { return nil }
func (p *pipe) LocalAddr() net.Addr              { return nil }
func (p *pipe) RemoteAddr() net.Addr             { return nil }
func (p *pipe) SetDeadline(time.Time) error      { return nil }
func (p *pipe) SetReadDeadline(time.Time) error  { return nil }
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }

var _ net.Conn = (*pipe)(nil)

package handshake

import (
	"crypto/tls"
	"errors"
	"slices"
	"time"

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

// share is how much of a turn its handshakes may take, but for the last of them, which is not interrupted. More would keep
// the other connections of the loop waiting, less would have it poll between any two.
const share = 200 * time.Microsecond

// A Runner runs the handshakes of one loop, on which its methods are called.
type Runner struct {
	l     *loop.Loop
	slots *Slots
	// What follows is shared by the connections of the loop.
	out     []byte   // what was sealed and not sent yet
	queue   []*shake // these want to compute
	turning bool     // turn is called in the next turn
}

// maxScratch is how much of the memory for output is kept.
const maxScratch = 128 << 10

// NewRunner makes one for a loop. Handshakes that do not compute on it share the slots.
func NewRunner(l *loop.Loop, slots *Slots) *Runner { return &Runner{l: l, slots: slots} }

// Done hears the end of a handshake, once, on the loop of the connection. With a nil error the connection has its layer,
// and wants a handler; state is what was agreed. With ErrNotTLS nothing was sent, and it wants a handler as well. With any
// other error the connection is gone, as a handler is told by Closed.
type Done func(c *loop.Conn, state *tls.ConnectionState, err error)

// Serve begins the server's side of a handshake on an accepted connection whose bytes nobody has taken. cfg must find its
// certificates without waiting for anybody, and may call [Aside], and [Of] to find of again. The deadline is the caller's,
// until done is called and after it: reached before, it ends the handshake with ErrTimeout.
func (r *Runner) Serve(c *loop.Conn, cfg *tls.Config, of any, done Done) {
	s := &shake{r: r, c: c, closing: c, cfg: cfg, of: of, done: done}
	c.SetHandler(s)
}

// compute has a handshake go on: on the loop when its turn comes, or at once beside it.
func (r *Runner) compute(s *shake) {
	if s.aside {
		go s.runAside()
		return
	}
	r.queue = append(r.queue, s)
	r.wake()
}

func (r *Runner) wake() {
	if !r.turning {
		r.turning = true
		r.l.Next(r.turn)
	}
}

// turn lets handshakes compute, those first that wait the longest.
func (r *Runner) turn() {
	r.turning = false
	n := 0
	defer func() {
		if r.queue = slices.Delete(r.queue, 0, n); len(r.queue) > 0 {
			r.wake()
		} else if cap(r.queue) > 4096 {
			r.queue = nil
		}
	}()
	for start := time.Now(); n < len(r.queue) && (n == 0 || time.Since(start) < share); {
		s := r.queue[n]
		n++
		s.run()
	}
}

// output is what was sealed on the loop since it was asked last.
func (r *Runner) output() []byte {
	b := r.out
	if r.out = b[:0]; cap(b) > maxScratch {
		r.out = nil
	}
	return b
}

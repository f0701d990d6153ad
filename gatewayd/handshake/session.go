package handshake

import (
	"crypto/tls"
	"errors"
	"io"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// A session is the records of a connection behind its handshake.
type session struct {
	r    *Runner
	conn *tls.Conn
	pipe *pipe
}

// Open implements loop.Layer.
func (s *session) Open(dst, wire []byte) (n, used int, err error) {
	p := s.pipe
	p.in = wire
	for n < len(dst) && err == nil {
		var k int
		k, err = s.conn.Read(dst[n:])
		n += k
	}
	used = len(wire) - len(p.in)
	p.in = nil
	var again errAgain
	switch {
	case err == nil || err == io.EOF:
	case errors.As(err, &again):
		err = nil
	}
	return n, used, err
}

// Seal implements loop.Layer. What cannot be sealed is not sent: the connection's next Open says why.
func (s *session) Seal(p []byte) { _, _ = s.conn.Write(p) }

// End implements loop.Layer.
func (s *session) End() { _ = s.conn.CloseWrite() }

// Output implements loop.Layer.
func (s *session) Output() []byte { return s.r.output() }

var _ loop.Layer = (*session)(nil)

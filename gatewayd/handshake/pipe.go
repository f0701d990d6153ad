package handshake

import (
	"bytes"
	"io"
	"net"
	"time"
)

// errAgain says that no bytes are here now. crypto/tls keeps its state over an error that is temporary.
type errAgain struct{}

func (errAgain) Error() string   { return "no bytes yet" }
func (errAgain) Timeout() bool   { return false }
func (errAgain) Temporary() bool { return true }

// A pipe is all that crypto/tls sees of a connection. In the handshake its Read stops the coroutine until the peer has said
// something; afterwards it never waits. Its Write never fails, for crypto/tls would not get over that: who gives it bytes
// bounds what it says.
type pipe struct {
	yield func(struct{}) bool // stops the coroutine; nil behind the handshake
	in    []byte              // what of the wire is not read yet
	rest  []byte              // what came in the handshake behind it
	out   *[]byte
}

// most is how much of the peer's may wait for a handshake.
const most = 32 << 10

// Read implements net.Conn.
func (p *pipe) Read(b []byte) (int, error) {
	if p.yield != nil {
		return p.await(b)
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

// await gives what came, or stops until something did.
func (p *pipe) await(b []byte) (int, error) {
	if len(p.in) == 0 {
		p.in = nil // Its memory is not held while a client thinks.
		if !p.yield(struct{}{}) {
			return 0, io.EOF
		}
	}
	n := copy(b, p.in)
	p.in = p.in[n:]
	return n, nil
}

// Write implements net.Conn.
func (p *pipe) Write(b []byte) (int, error) {
	*p.out = append(*p.out, b...)
	return len(b), nil
}

// onLoop lets the pipe serve a session.
func (p *pipe) onLoop(r *Runner) {
	if len(p.in) > 0 {
		p.rest = bytes.Clone(p.in)
	}
	p.in, p.yield, p.out = nil, nil, &r.out
}

// The rest of net.Conn, of which crypto/tls asks nothing here.

func (p *pipe) Close() error                     { return nil }
func (p *pipe) LocalAddr() net.Addr              { return nil }
func (p *pipe) RemoteAddr() net.Addr             { return nil }
func (p *pipe) SetDeadline(time.Time) error      { return nil }
func (p *pipe) SetReadDeadline(time.Time) error  { return nil }
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }

var _ net.Conn = (*pipe)(nil)

package handshake

import (
	"crypto/tls"
	"errors"
	"net"
	"reflect"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// A Call is a connection to make, and the client's side of a handshake on it.
type Call struct {
	To     loop.Remote
	Config *tls.Config // with a ServerName
	Before []byte      // goes ahead of the handshake, in clear
	// Connected, which may be nil, is called when the connection stands and the handshake begins. It may end the connection.
	Connected func()
}

// Dial begins a connection, and on it a handshake, which computes beside the loop: nobody says how long it takes to verify
// what a server shows. A connection that cannot be made is told to done by the error of [loop.Loop.Dial]. With any error
// nothing of the connection is the caller's any more, as behind Closed. Until done is called the connection may be ended by
// Reset, which done is told later in the same turn, and has the deadline that the caller sets: reached, it ends with
// ErrTimeout. There is none by itself.
func (r *Runner) Dial(call *Call, done Done) *loop.Conn {
	s := &shake{r: r, call: call, cfg: call.Config, done: done, aside: true}
	s.c = r.l.Dial(call.To, s)
	s.closing = s.c
	return s.c
}

// Alert is the alert by which a peer said why it ended a session (RFC 8446 section 6.2); ok is false where err is something
// else. crypto/tls has no type for it that others can name.
func Alert(err error) (alert uint8, ok bool) {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return 0, false
	}
	v := reflect.ValueOf(op.Err)
	if v.Kind() != reflect.Uint8 {
		return 0, false
	}
	return uint8(v.Uint()), true
}

package resolve

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// An exchange is one question to one server.
type exchange struct {
	server  string // "host:port"
	timeout time.Duration
	tcp     bool // UDP is not tried
}

// errTruncated is an answer that did not come whole over TCP either.
var errTruncated = errors.New("an answer that is cut off")

// ask returns the server's answer, whatever its code. It asks a server that does not know EDNS0 again without (RFC 6891,
// section 7), and a truncated answer is fetched over TCP (RFC 7766).
func (e exchange) ask(ctx context.Context, q question) (*dns.Msg, error) {
	m, err := e.once(ctx, q.message(true))
	if err == nil && (m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented) && m.IsEdns0() == nil {
		m, err = e.once(ctx, q.message(false))
	}
	return m, err
}

func (e exchange) once(ctx context.Context, query *dns.Msg) (*dns.Msg, error) {
	if !e.tcp {
		m, err := e.over(ctx, "udp", query)
		if err != nil || !m.Truncated {
			return m, err
		}
	}
	m, err := e.over(ctx, "tcp", query)
	if err == nil && m.Truncated {
		return nil, errTruncated
	}
	return m, err
}

// over asks on a connection of its own, so that each question has a port that nobody can guess (RFC 5452, section 9.2),
// and the kernel lets nothing in from other addresses.
func (e exchange) over(ctx context.Context, network string, query *dns.Msg) (*dns.Msg, error) {
	packed, err := query.Pack()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, network, e.server)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	// Where a deadline in the past cannot be set, the connection is broken, and so reading it fails as well.
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	if network == "tcp" {
		return stream(c, packed, query)
	}
	return datagram(c, packed, query)
}

// datagram waits for the one datagram that answers. What else comes, and who sent it, says nothing about the server.
func datagram(c net.Conn, packed []byte, query *dns.Msg) (*dns.Msg, error) {
	if _, err := c.Write(packed); err != nil {
		return nil, err
	}
	b := make([]byte, 4096) // More than the question lets the server send.
	for {
		n, err := c.Read(b)
		if err != nil {
			return nil, err
		}
		m, err := decode(b[:n], query)
		if !errors.Is(err, errOther) {
			return m, err
		}
	}
}

// stream sends and reads one message with its length in front (RFC 1035, section 4.2.2).
func stream(c net.Conn, packed []byte, query *dns.Msg) (*dns.Msg, error) {
	framed := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(packed)), uint16(len(packed)))
	if _, err := c.Write(append(framed, packed...)); err != nil {
		return nil, err
	}
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(c, b); err != nil {
		return nil, err
	}
	m, err := decode(b, query)
	if err != nil {
		return nil, errMalformed
	}
	return m, nil
}

// cause is why an exchange failed, in words without ports that change with each try; "" where it took too long.
func cause(err error) string {
	var number syscall.Errno
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return ""
	case errors.As(err, &number):
		return number.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed"
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Timeout() {
		return ""
	}
	if op != nil {
		return op.Err.Error()
	}
	return err.Error()
}

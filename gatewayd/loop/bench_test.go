package loop

import (
	"io"
	"net"
	"testing"
)

// BenchmarkEcho sends a message through the loop and back. Its allocations are the loop's, as the client has none.
func BenchmarkEcho(b *testing.B) {
	l := running(b)
	addr := listening(b, l, func(c *Conn) { c.SetHandler(&echo{c: c}) })
	c := dial(b, addr)
	_ = c.SetDeadline(noDeadline)
	msg := make([]byte, 125)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(msg); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, msg); err != nil {
			b.Fatal(err)
		}
	}
	_ = c.Close()
}

// BenchmarkAcceptClose opens a connection, has the loop end it politely and waits for the end.
func BenchmarkAcceptClose(b *testing.B) {
	l := running(b)
	addr := net.TCPAddrFromAddrPort(listening(b, l, func(c *Conn) {
		c.SetHandler(closer)
		c.Write(hello)
		c.Close()
	}))
	buf := make([]byte, 16)
	b.ReportAllocs()
	for b.Loop() {
		c, err := net.DialTCP("tcp", nil, addr)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, buf[:len(hello)]); err != nil {
			b.Fatal(err)
		}
		_ = c.SetLinger(0) // no TIME_WAIT: a long run would use up the ports
		_ = c.Close()
	}
}

var (
	closer = &funcs{}
	hello  = []byte("hello")
)

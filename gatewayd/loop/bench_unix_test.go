//go:build linux || darwin || freebsd

package loop

import (
	"io"
	"testing"

	"golang.org/x/sys/unix"
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
	addr := listening(b, l, func(c *Conn) {
		c.SetHandler(closer)
		c.Write(hello)
		c.Close()
	})
	sa := &unix.SockaddrInet4{Addr: addr.Addr().As4(), Port: int(addr.Port())}
	buf := make([]byte, 16)
	linger := &unix.Linger{Onoff: 1} // no TIME_WAIT: a long run would use up the ports
	b.ReportAllocs()
	for b.Loop() {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			b.Fatal(err)
		}
		if err := unix.Connect(fd, sa); err != nil {
			b.Fatal(err)
		}
		if n, err := unix.Read(fd, buf); n != len(hello) {
			b.Fatal(n, err)
		}
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, linger)
		_ = unix.Close(fd)
	}
}

var (
	closer = &funcs{}
	hello  = []byte("hello")
)

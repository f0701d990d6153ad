package handshake

import (
	"crypto/tls"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// running is a loop that runs until the test ends, when it must own nothing any more.
func running(t testing.TB) *loop.Loop {
	t.Helper()
	l, err := loop.New(loop.Config{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.Run()
	}()
	t.Cleanup(func() {
		l.Stop()
		<-done
		if n := l.Stats().Conns; n != 0 {
			t.Errorf("%d connections are left", n)
		}
		if n := l.Stats().Buffers; n != 0 {
			t.Errorf("%d buffers are left", n)
		}
	})
	return l
}

// listening has a loop accept connections of a port of its own.
func listening(t testing.TB, l *loop.Loop, accept func(*loop.Conn)) netip.AddrPort {
	t.Helper()
	fd, err := loop.Socket(unix.AF_INET)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 4096); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	var a *loop.Acceptor
	on(t, l, func() { a = l.Accept(fd, accept) })
	t.Cleanup(func() {
		done := make(chan struct{})
		if l.Post(func() { a.Close(); close(done) }) {
			<-done
		}
		_ = unix.Close(fd)
	})
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(sa.(*unix.SockaddrInet4).Port))
}

// on runs fn on a loop and waits for it.
func on(t testing.TB, l *loop.Loop, fn func()) {
	t.Helper()
	done := make(chan struct{})
	if !l.Post(func() { defer close(done); fn() }) {
		t.Fatal("the loop has stopped")
	}
	<-done
}

func dial(t testing.TB, addr netip.AddrPort) *net.TCPConn {
	t.Helper()
	c, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

func pattern(n int, seed uint32) []byte {
	b := make([]byte, n)
	x := seed*2654435761 + 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return b
}

// An echo answers every byte, reads nothing while output is queued, and ends its side when the peer does.
type echo struct {
	c     *loop.Conn
	ended chan error
}

func (e *echo) Connected() {}

func (e *echo) Data(b []byte) int {
	e.c.Write(b)
	if e.c.Queued() > 0 {
		e.c.Pause()
	}
	return len(b)
}

func (e *echo) EOF()             { e.c.Close() }
func (e *echo) Drained()         { e.c.Resume() }
func (e *echo) Timeout()         {}
func (e *echo) Closed(err error) { e.ended <- err }

// serving is a TLS echo. What became of handshakes that failed, and of connections, is told by ended.
func serving(t testing.TB, l *loop.Loop, config *tls.Config) (addr netip.AddrPort, ended chan error) {
	t.Helper()
	return servingBy(t, l, NewSlots(1), config)
}

func servingBy(t testing.TB, l *loop.Loop, slots *Slots, config *tls.Config) (addr netip.AddrPort, ended chan error) {
	t.Helper()
	ended = make(chan error, 1024)
	r := NewRunner(l, slots)
	return listening(t, l, func(c *loop.Conn) {
		r.Serve(c, config, nil, func(c *loop.Conn, _ *tls.ConnectionState, err error) {
			if err != nil {
				ended <- err
				return
			}
			c.SetHandler(&echo{c: c, ended: ended})
		})
	}), ended
}

// asideBy has the handshakes of a configuration compute beside the loop.
func asideBy(config *tls.Config) *tls.Config {
	return &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if err := Aside(hello.Context()); err != nil {
			return nil, err
		}
		return config, nil
	}}
}

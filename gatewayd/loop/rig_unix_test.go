//go:build linux || darwin || freebsd

package loop

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// running starts a loop and, at the test's end, stops it and counts what it left behind.
func running(t testing.TB) *Loop {
	t.Helper()
	return runningOn(t, nil)
}

func runningOn(t testing.TB, k Kernel) *Loop {
	t.Helper()
	before := descriptors(t)
	var log lockedBuffer
	l, err := New(Config{Kernel: k, Log: slog.New(slog.NewTextHandler(&log, nil))})
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
		checkEmpty(t, l)
		// Sockets of the test itself are closed by cleanups that ran before this one.
		until(t, "no descriptor is left", func() bool { return descriptors(t) <= before })
		if t.Failed() && log.String() != "" {
			t.Logf("the loop's log:\n%s", log.String())
		}
	})
	return l
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

var warm sync.Once

// maxDescriptor is above every descriptor that a test opens.
const maxDescriptor = 1 << 13

// descriptors counts what the process has open.
func descriptors(t testing.TB) int {
	t.Helper()
	warm.Do(func() { // Go's own poller stays open from the first use
		if ln, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
			_ = ln.Close()
		}
	})
	n := 0
	for fd := range maxDescriptor {
		if isOpen(fd) {
			n++
		}
	}
	return n
}

func isOpen(fd int) bool {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil
}

// on runs fn on the loop and waits for it.
func on(t testing.TB, l *Loop, fn func()) {
	t.Helper()
	done := make(chan struct{})
	if !l.Post(func() { defer close(done); fn() }) {
		t.Fatal("the loop is stopped")
	}
	<-done
}

// listening makes the loop accept on a free port of loopback.
func listening(t testing.TB, l *Loop, accept func(*Conn)) netip.AddrPort {
	t.Helper()
	fd, err := Socket(unix.AF_INET)
	if err != nil {
		t.Fatal(err)
	}
	if err := Tune(fd); err != nil {
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
	var a *Acceptor
	on(t, l, func() { a = l.Accept(fd, accept) })
	t.Cleanup(func() {
		done := make(chan struct{})
		if l.Post(func() { a.Close(); close(done) }) {
			<-done
		}
		_ = unix.Close(fd)
	})
	return fromSockaddr(sa)
}

var noDeadline time.Time

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

// echo answers every byte, reads nothing while output is queued, and ends when the peer does.
type echo struct {
	c   *Conn
	end func(err error)
}

func (e *echo) Connected() {}

func (e *echo) Data(b []byte) int {
	e.c.Write(b)
	if e.c.Queued() > 0 {
		e.c.Pause()
	}
	return len(b)
}
func (e *echo) EOF()     { e.c.Close() }
func (e *echo) Drained() { e.c.Resume() }
func (e *echo) Timeout() { e.c.Reset() }
func (e *echo) Closed(err error) {
	if e.end != nil {
		e.end(err)
	}
}

func mustRead(t testing.TB, r io.Reader, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		t.Fatal(err)
	}
	return b
}

package loop

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a test waits for what must happen. It is an end for a broken test, never a measure.
const patience = 20 * time.Second

// funcs is a handler of functions; what is nil does nothing, and Data takes everything.
type funcs struct {
	connected func()
	data      func(b []byte) int
	eof       func()
	drained   func()
	timeout   func()
	closed    func(err error)
	spliced   func(moved int64)
}

func (f *funcs) Connected() {
	if f.connected != nil {
		f.connected()
	}
}

func (f *funcs) Data(b []byte) int {
	if f.data != nil {
		return f.data(b)
	}
	return len(b)
}

func (f *funcs) EOF() {
	if f.eof != nil {
		f.eof()
	}
}

func (f *funcs) Drained() {
	if f.drained != nil {
		f.drained()
	}
}

func (f *funcs) Timeout() {
	if f.timeout != nil {
		f.timeout()
	}
}

func (f *funcs) Closed(err error) {
	if f.closed != nil {
		f.closed(err)
	}
}

func (f *funcs) Spliced(moved int64) {
	if f.spliced != nil {
		f.spliced(moved)
	}
}

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

func checkEmpty(t testing.TB, l *Loop) {
	t.Helper()
	s := l.Stats()
	if s.Conns != 0 || s.Buffers != 0 || s.Pipes != 0 || s.IdlePipes != 0 || l.slab.used != 0 || l.pipes.open != 0 {
		t.Errorf("left behind: %d connections, %d buffers, %d pipes, %d idle pipes, %d slab entries, %d open pipes",
			s.Conns, s.Buffers, s.Pipes, s.IdlePipes, l.slab.used, l.pipes.open)
	}
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

// descriptors counts the process's sockets, pipes and pollers.
func descriptors(t testing.TB) int {
	t.Helper()
	warm.Do(func() { // Go's own poller stays open from the first use
		if ln, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
			_ = ln.Close()
		}
	})
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && !strings.HasPrefix(to, "/proc") {
			n++
		}
	}
	return n
}

// until waits for a condition that only other goroutines can bring about.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("in vain waited until %s", what)
		}
		time.Sleep(200 * time.Microsecond)
	}
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
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
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

// pattern is n bytes that repeat nowhere near.
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

func mustRead(t testing.TB, r io.Reader, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		t.Fatal(err)
	}
	return b
}

//go:build linux || darwin || freebsd

package loop

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestEchoOverARealSocket(t *testing.T) {
	l := running(t)
	addr := listening(t, l, func(c *Conn) { c.SetHandler(&echo{c: c}) })
	want := pattern(3<<20, 1)
	c := dial(t, addr)
	go func() {
		for b := want; len(b) > 0; {
			n := min(len(b), 100_001)
			if _, err := c.Write(b[:n]); err != nil {
				return
			}
			b = b[n:]
		}
		_ = c.CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got %d bytes back that differ from the %d sent", len(got), len(want))
	}
}

// counting counts the calls of the kernel under it.
type counting struct {
	Kernel
	reads, writes, again, others int
}

func (k *counting) Read(fd int, b []byte) (int, syscall.Errno) {
	k.reads++
	n, e := k.Kernel.Read(fd, b)
	if e == syscall.EAGAIN {
		k.again++
	}
	return n, e
}

func (k *counting) Write(fd int, b []byte) (int, syscall.Errno) {
	k.writes++
	return k.Kernel.Write(fd, b)
}

func (k *counting) Watch(fd int, token uint64) syscall.Errno {
	k.others++
	return k.Kernel.Watch(fd, token)
}

// TestMessageCostsOneReadAndOneWrite holds the loop to its price: no second read to hear EAGAIN, no change of what is polled.
func TestMessageCostsOneReadAndOneWrite(t *testing.T) {
	system, err := newKernel()
	if err != nil {
		t.Fatal(err)
	}
	k := &counting{Kernel: system}
	l := runningOn(t, k)
	addr := listening(t, l, func(c *Conn) { c.SetHandler(&echo{c: c}) })
	c := dial(t, addr)
	const messages = 100
	for range messages {
		_, _ = c.Write([]byte("message"))
		mustRead(t, c, len("message"))
	}
	on(t, l, func() {
		if k.reads != messages || k.writes != messages || k.again != 0 || k.others != 1 {
			t.Errorf("%d messages cost %d reads (%d of them in vain), %d writes and %d registrations", messages, k.reads,
				k.again, k.writes, k.others)
		}
	})
}

// TestParts: they arrive in their order, whatever part of them the kernel takes at once.
func TestParts(t *testing.T) {
	l := running(t)
	head, body, tail := pattern(200, 1), pattern(3<<20, 2), pattern(7, 3)
	addr := listening(t, l, func(c *Conn) {
		c.SetHandler(&funcs{data: func(b []byte) int {
			for _, p := range []Parts{{head, body, tail}, {nil, head, nil}, {}, {tail, nil, body}} {
				c.WriteParts(&p)
			}
			c.Close()
			c.WriteParts(&Parts{head}) // goes nowhere
			return len(b)
		}})
	})
	c := dial(t, addr)
	if _, err := c.Write([]byte("?")); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	if want := slices.Concat(head, body, tail, head, tail, body); !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, want %d; or others", len(got), len(want))
	}
}

func TestPeerEndsFirst(t *testing.T) {
	l := running(t)
	closed := make(chan error, 1)
	addr := listening(t, l, func(c *Conn) {
		n := 0
		c.SetHandler(&funcs{
			data:   func(b []byte) int { n += len(b); return len(b) },
			eof:    func() { c.Write(fmt.Appendf(nil, "got %d", n)); c.Close() },
			closed: func(err error) { closed <- err },
		})
	})
	c := dial(t, addr)
	if _, err := c.Write(make([]byte, 70_000)); err != nil {
		t.Fatal(err)
	}
	_ = c.CloseWrite()
	if got, err := io.ReadAll(c); err != nil || string(got) != "got 70000" {
		t.Errorf("the answer after a half-close is %q, %v", got, err)
	}
	if err := <-closed; err != nil {
		t.Errorf("Closed(%v) after Close, want nil", err)
	}
}

func TestWeEndFirst(t *testing.T) {
	l := running(t)
	got := make(chan string, 1)
	addr := listening(t, l, func(c *Conn) {
		var in []byte
		c.SetHandler(&funcs{
			data: func(b []byte) int { in = append(in, b...); return len(b) },
			eof:  func() { got <- string(in); c.Close() },
		})
		c.Write([]byte("bye"))
		c.CloseWrite()
		c.Write([]byte("not sent"))
	})
	c := dial(t, addr)
	if b, err := io.ReadAll(c); err != nil || string(b) != "bye" {
		t.Fatalf("read %q, %v before the FIN", b, err)
	}
	if _, err := c.Write([]byte("still here")); err != nil {
		t.Fatal(err)
	}
	_ = c.CloseWrite()
	if s := <-got; s != "still here" {
		t.Errorf("after our FIN came %q", s)
	}
}

func TestDataThatIsNotTakenIsKept(t *testing.T) {
	l := running(t)
	eof := make(chan string, 1)
	addr := listening(t, l, func(c *Conn) {
		var lines []string
		left := ""
		c.SetHandler(&funcs{
			data: func(b []byte) int {
				i := bytes.IndexByte(b, '\n')
				left = string(b)
				if i < 0 {
					return 0
				}
				lines = append(lines, string(b[:i]))
				left = string(b[i+1:])
				c.Pause()
				c.Resume() // what follows the line is handed over again
				c.Write([]byte("ok\n"))
				return i + 1
			},
			eof: func() { eof <- fmt.Sprint(lines, left); c.Close() },
		})
	})
	c := dial(t, addr)
	for _, part := range []string{"o", "n", "e\ntw", "o\nthree\nfo"} {
		_, _ = c.Write([]byte(part))
	}
	mustRead(t, c, len("ok\nok\nok\n"))
	_, _ = c.Write([]byte("ur"))
	_ = c.CloseWrite()
	if got, want := <-eof, "[one two three]four"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNewHandlerGetsWhatTheOldOneLeft(t *testing.T) {
	l := running(t)
	got := make(chan string, 1)
	addr := listening(t, l, func(c *Conn) {
		c.SetHandler(&funcs{data: func(b []byte) int {
			if len(b) < 9 {
				return 0
			}
			c.SetHandler(&funcs{data: func(b []byte) int { got <- string(b); return len(b) }})
			return 4
		}})
	})
	c := dial(t, addr)
	_, _ = c.Write([]byte("head"))
	_, _ = c.Write([]byte("tunnel"))
	if s := <-got; s != "tunnel" {
		t.Errorf("the second handler got %q", s)
	}
}

// relayEnd passes what it gets to its other end and stops reading while that has output queued.
type relayEnd struct {
	c, to   *Conn
	back    *relayEnd
	highest *int
}

func (r *relayEnd) Connected() {}
func (r *relayEnd) Data(b []byte) int {
	r.to.Write(b)
	*r.highest = max(*r.highest, r.to.Queued())
	if r.to.Queued() > 0 {
		r.c.Pause()
	}
	return len(b)
}
func (r *relayEnd) EOF()         { r.to.CloseWrite() }
func (r *relayEnd) Drained()     { r.back.c.Resume() }
func (r *relayEnd) Timeout()     {}
func (r *relayEnd) Closed(error) { r.to.Reset() }

// relaying makes the loop relay everything it accepts to a listening socket of the test.
func relaying(t *testing.T, l *Loop, highest *int) (netip.AddrPort, net.Listener) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	target := ln.Addr().(*net.TCPAddr).AddrPort()
	addr := listening(t, l, func(c *Conn) {
		a, b := &relayEnd{c: c, highest: highest}, &relayEnd{to: c, highest: highest}
		b.c = l.Dial(Remote{Addr: target}, b)
		a.to, a.back, b.back = b.c, b, a
		c.SetHandler(a)
	})
	return addr, ln
}

func TestSlowReaderHoldsOneBuffer(t *testing.T) {
	l := running(t)
	highest := 0 // of the loop
	addr, ln := relaying(t, l, &highest)
	c := dial(t, addr)
	peer, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = peer.Close() }()
	want := pattern(32<<20, 2)
	go func() {
		_, _ = c.Write(want)
		_ = c.CloseWrite()
	}()
	until(t, "the relay stands still", func() bool { return l.Stats().Buffers > 0 })
	if s := l.Stats(); s.Buffers > 2 {
		t.Errorf("a relay that stands still holds %d buffers", s.Buffers)
	}
	got, err := io.ReadAll(peer)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, %v; want the %d sent", len(got), err, len(want))
	}
	on(t, l, func() {
		if highest > readSize {
			t.Errorf("%d bytes were queued at once, want at most one read buffer (%d)", highest, readSize)
		}
	})
}

func TestFinBeforeTheConnectEnded(t *testing.T) {
	l := running(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	for _, words := range []string{"", "request"} {
		ended := make(chan error, 1)
		on(t, l, func() {
			var c *Conn
			c = l.Dial(Remote{Addr: ln.Addr().(*net.TCPAddr).AddrPort()}, &funcs{
				eof:    func() { c.Close() },
				closed: func(err error) { ended <- err },
			})
			c.Write([]byte(words))
			c.CloseWrite()
		})
		peer, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = peer.SetDeadline(time.Now().Add(patience))
		if got, err := io.ReadAll(peer); err != nil || string(got) != words {
			t.Errorf("the peer read %q, %v; want %q and the end", got, err, words)
		}
		_ = peer.Close()
		if err := <-ended; err != nil {
			t.Errorf("Closed(%v)", err)
		}
	}
}

func TestDialRefused(t *testing.T) {
	l := running(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().(*net.TCPAddr).AddrPort()
	_ = ln.Close()
	ended := make(chan error, 2)
	on(t, l, func() {
		l.Dial(Remote{Addr: addr}, &funcs{closed: func(err error) { ended <- err }}).Write([]byte("lost"))
		l.Dial(Remote{}, &funcs{closed: func(err error) { ended <- err }})
	})
	for range 2 {
		if err := <-ended; !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.EINVAL) {
			t.Errorf("Closed(%v)", err)
		}
	}
}

func TestThousandConnections(t *testing.T) {
	l := running(t)
	var ends sync.WaitGroup
	addr := listening(t, l, func(c *Conn) {
		ends.Add(1)
		c.SetHandler(&echo{c: c, end: func(error) { ends.Done() }})
	})
	conns := make([]*net.TCPConn, 1000)
	for i := range conns {
		conns[i] = dial(t, addr)
	}
	for i, c := range conns {
		if _, err := fmt.Fprintf(c, "message %04d", i); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range conns {
		if got, want := string(mustRead(t, c, 12)), fmt.Sprintf("message %04d", i); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	if n := l.Stats().Conns; n != 1000 {
		t.Errorf("%d connections are open, want 1000", n)
	}
	for _, c := range conns {
		_ = c.Close()
	}
	ends.Wait()
}

func TestDeadline(t *testing.T) {
	l := running(t)
	fired := make(chan int, 1)
	addr := listening(t, l, func(c *Conn) {
		moved := 0
		c.SetHandler(&funcs{
			data: func(b []byte) int {
				moved++
				c.SetDeadline(l.Now() + Time(5*time.Millisecond))
				return len(b)
			},
			timeout: func() { fired <- moved; c.Reset() },
		})
		c.SetDeadline(l.Now() + Time(time.Hour))
	})
	c := dial(t, addr)
	_, _ = c.Write([]byte("x"))
	if n := <-fired; n != 1 {
		t.Errorf("the deadline passed after %d messages, want 1", n)
	}
	if _, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after Reset the peer sees %v", err)
	}
}

func TestTimerOnALoop(t *testing.T) {
	l := running(t)
	fired := make(chan Time, 1)
	var a, b Timer
	var due Time
	on(t, l, func() {
		due = l.Now() + Time(10*time.Millisecond)
		l.SetTimer(&a, due, func() { fired <- l.Now() })
		l.SetTimer(&b, due, func() { t.Error("a stopped timer fired") })
		l.StopTimer(&b)
	})
	if at := <-fired; at < due {
		t.Errorf("the timer fired %v early", time.Duration(due-at))
	}
}

func TestAddresses(t *testing.T) {
	l := running(t)
	got := make(chan [2]netip.AddrPort, 1)
	addr := listening(t, l, func(c *Conn) {
		got <- [2]netip.AddrPort{c.LocalAddr(), c.RemoteAddr()}
		c.SetHandler(&funcs{})
	})
	c := dial(t, addr)
	if g := <-got; g[0] != addr || g[1] != c.LocalAddr().(*net.TCPAddr).AddrPort() {
		t.Errorf("local and remote address are %v, want %v and %v", g, addr, c.LocalAddr())
	}
}

// selfish is a kernel whose every connect ends at its own start.
type selfish struct {
	Kernel
	last netip.AddrPort
}

func (k *selfish) Connect(to Remote) (int, syscall.Errno) {
	k.last = to.Addr
	return k.Kernel.Connect(to)
}

func (k *selfish) LocalAddr(int) netip.AddrPort { return k.last }

// TestConnectToItselfIsRefused: where nobody listens on a loopback port, the system may choose the same port for the
// caller, and the connect succeeds against itself.
func TestConnectToItselfIsRefused(t *testing.T) {
	system, err := newKernel()
	if err != nil {
		t.Fatal(err)
	}
	l := runningOn(t, &selfish{Kernel: system})
	addr := listening(t, l, func(c *Conn) { c.SetHandler(&echo{c: c}) })
	closed := make(chan error, 1)
	on(t, l, func() {
		l.Dial(Remote{Addr: addr}, &funcs{
			connected: func() { t.Error("Connected was called") },
			closed:    func(err error) { closed <- err },
		})
	})
	if err := <-closed; !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Closed(%v), want a refused connect", err)
	}
}

// shifted is a kernel whose clock a test moves on.
type shifted struct {
	Kernel
	by atomic.Int64
}

func (k *shifted) Now() Time { return k.Kernel.Now() + Time(k.by.Load()) }

// TestCloseWaitsForAPeerThatTakes: what is queued when a connection closes may take longer than flushTime, as long as
// the peer takes some of it; one that takes nothing is given up.
func TestCloseWaitsForAPeerThatTakes(t *testing.T) {
	system, err := newKernel()
	if err != nil {
		t.Fatal(err)
	}
	k := &shifted{Kernel: system}
	l := runningOn(t, k)
	var conn *Conn
	closed := make(chan error, 1)
	addr := listening(t, l, func(c *Conn) {
		conn = c
		c.SetHandler(&funcs{
			data:   func(b []byte) int { c.Write(make([]byte, 32<<20)); c.Close(); return len(b) },
			closed: func(err error) { closed <- err },
		})
	})
	c := dial(t, addr)
	_ = c.SetReadBuffer(64 << 10) // Or the systems of both sides might take all the rest at once.
	if _, err := c.Write([]byte("go")); err != nil {
		t.Fatal(err)
	}
	before := 32 << 20
	for range 3 {
		mustRead(t, c, 8<<20)
		// The loop flushes into the room that the reads made before its clock moves on.
		queued := 0
		until(t, "the queue follows", func() bool {
			on(t, l, func() { queued = conn.Queued() })
			return queued < before
		})
		if queued == 0 {
			t.Fatal("nothing is queued any more")
		}
		before = queued
		k.by.Add(int64(flushTime + time.Second))
		on(t, l, func() {})
		select {
		case err := <-closed:
			t.Fatalf("closed with %v although the peer takes", err)
		default:
		}
	}
	for range 2 {
		k.by.Add(int64(flushTime + time.Second))
		on(t, l, func() {})
	}
	if err := <-closed; err != nil {
		t.Errorf("Closed(%v), want nil", err)
	}
}

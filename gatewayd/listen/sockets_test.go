//go:build linux || darwin || freebsd

package listen

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// greeter writes a word to everybody and ends with them.
type greeter struct {
	c    *loop.Conn
	word string
}

func (g *greeter) Connected()        {}
func (g *greeter) Data(b []byte) int { g.c.Write([]byte(g.word)); return len(b) }
func (g *greeter) EOF()              { g.c.Close() }
func (g *greeter) Drained()          {}
func (g *greeter) Timeout()          {}
func (g *greeter) Closed(error)      {}

// turning makes loops that run until the test's end, when no socket may be left.
func turning(t *testing.T, n int) []*loop.Loop {
	t.Helper()
	before := sockets(t)
	var done sync.WaitGroup
	loops := make([]*loop.Loop, n)
	for i := range loops {
		l, err := loop.New(loop.Config{Index: i})
		if err != nil {
			t.Fatal(err)
		}
		loops[i] = l
		done.Go(l.Run)
	}
	t.Cleanup(func() {
		for _, l := range loops {
			l.Stop()
		}
		done.Wait()
		if after := sockets(t); after > before {
			t.Errorf("%d sockets are left open", after-before)
		}
	})
	return loops
}

// sockets counts those that the process has open.
func sockets(t *testing.T) int {
	t.Helper()
	n := 0
	for fd := range 1 << 12 {
		if _, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err == nil {
			n++
		}
	}
	return n
}

// until waits for a condition that others bring about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain waited until %s", what)
		}
	}
}

// everyWay runs a test with a socket for each loop, where the system spreads connections over them, and with one for all.
func everyWay(t *testing.T, test func(t *testing.T, one bool)) {
	t.Helper()
	if spreads {
		t.Run("a socket for each loop", func(t *testing.T) { test(t, false) })
	}
	t.Run("one socket for all loops", func(t *testing.T) { test(t, true) })
}

// greeting is a set whose groups answer with what name says of them.
func greeting(loops []*loop.Loop, name func(*Group) string) *Sockets {
	return New(loops, func(_ *loop.Loop, g *Group, c *loop.Conn) { c.SetHandler(&greeter{c: c, word: name(g)}) })
}

func mustBind(t *testing.T, s *Sockets, address string, port int) *Group {
	t.Helper()
	g, err := s.Bind(address, port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

// ask connects, says a word and reads the answer up to the end.
func ask(addr string) (string, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte("who?")); err != nil {
		return "", err
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return "", err
	}
	b, err := io.ReadAll(c)
	return string(b), err
}

func TestConnectsWaitUntilStart(t *testing.T) { everyWay(t, connectsWaitUntilStart) }

func connectsWaitUntilStart(t *testing.T, one bool) {
	loops := turning(t, 2)
	s := greeting(loops, func(*Group) string { return "hello" })
	s.one = one
	g := mustBind(t, s, "127.0.0.1", 0)
	type result struct {
		word string
		err  error
	}
	results := make(chan result, 50)
	for range cap(results) {
		c, err := net.Dial("tcp", g.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			defer func() { _ = c.Close() }()
			_ = c.SetDeadline(time.Now().Add(patience))
			_, _ = c.Write([]byte("who?"))
			_ = c.(*net.TCPConn).CloseWrite()
			b, err := io.ReadAll(c)
			results <- result{string(b), err}
		}()
	}
	for _, l := range loops {
		if n := l.Stats().Accepted; n != 0 {
			t.Errorf("loop %d accepted %d connections before Start", l.Index(), n)
		}
	}
	g.Start()
	for range cap(results) {
		if r := <-results; r.err != nil || r.word != "hello" {
			t.Fatalf("a connect from before Start got %q, %v", r.word, r.err)
		}
	}
	// Of one socket the first to come may take all.
	if a, b := loops[0].Stats().Accepted, loops[1].Stats().Accepted; !one && (a == 0 || b == 0) || a+b != 50 {
		t.Errorf("the loops accepted %d and %d connections, want 50 over both", a, b)
	}
}

func TestCloseLosesNoQueuedConnect(t *testing.T) { everyWay(t, closeLosesNoQueuedConnect) }

func closeLosesNoQueuedConnect(t *testing.T, one bool) {
	loops := turning(t, 2)
	before := sockets(t)
	s := greeting(loops, func(*Group) string { return "served" })
	s.one = one
	g := mustBind(t, s, "127.0.0.1", 0)
	want := len(loops)
	if one {
		want = 1
	}
	if n := sockets(t) - before; n != want {
		t.Errorf("%d loops have %d sockets, want %d", len(loops), n, want)
	}
	// The loops are held up, so that the connects are queued when Close comes.
	hold := make(chan struct{})
	g.Start()
	for _, l := range loops {
		l.Post(func() { <-hold })
	}
	conns := make([]net.Conn, 40)
	for i := range conns {
		c, err := net.Dial("tcp", g.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		conns[i] = c
	}
	closed := make(chan struct{})
	go func() { g.Close(); close(closed) }()
	close(hold)
	<-closed
	for _, c := range conns {
		_ = c.SetDeadline(time.Now().Add(patience))
		_, _ = c.Write([]byte("who?"))
		b := make([]byte, 6)
		if _, err := io.ReadFull(c, b); err != nil {
			t.Fatalf("a connect that was queued at Close got %v", err)
		}
	}
	if _, err := net.Dial("tcp", g.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after Close a connect got %v, want refused", err)
	}
	g.Close() // once more is nothing
	mustBind(t, s, "127.0.0.1", int(g.Addr().Port()))
}

func TestTakenPort(t *testing.T) {
	loops := turning(t, 2)
	s := greeting(loops, func(*Group) string { return "" })
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	taken := other.Addr().(*net.TCPAddr).Port
	mine := mustBind(t, s, "127.0.0.1", 0)
	elsewhere := mustBind(t, greeting(loops, func(*Group) string { return "" }), "127.0.0.1", 0) // as another process would
	for _, tc := range []struct {
		name, address string
		port          int
	}{
		{"by somebody", "127.0.0.1", taken},
		{"by ourselves", "127.0.0.1", int(mine.Addr().Port())},
		{"by sockets with SO_REUSEPORT", "127.0.0.1", int(elsewhere.Addr().Port())},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := s.Bind(tc.address, tc.port)
			var be *BindError
			if !errors.As(err, &be) || !errors.Is(err, syscall.EADDRINUSE) {
				t.Fatalf("Bind says %v", err)
			}
			want := fmt.Sprintf("port %d: address already in use", tc.port)
			if tc.address != "" {
				want = tc.address + " " + want
			}
			if err.Error() != want {
				t.Errorf("the error is %q, want %q", err, want)
			}
		})
	}
}

func TestBadAddresses(t *testing.T) {
	s := New(turning(t, 1), nil)
	for _, tc := range []struct {
		address string
		port    int
		want    error
	}{
		{"192.0.2.1", 0, syscall.EADDRNOTAVAIL},
		{"localhost", 0, ErrAddress},
		{"127.0.0.1", 65536, syscall.EINVAL},
		{"", -1, syscall.EINVAL},
	} {
		if g, err := s.Bind(tc.address, tc.port); !errors.Is(err, tc.want) {
			t.Errorf("Bind(%q, %d) = %v, %v; want %v", tc.address, tc.port, g, err, tc.want)
		}
	}
	err := &BindError{Addr: netip.MustParseAddrPort("[::]:80"), Err: syscall.EACCES}
	if want := "permission denied: port 80 needs " + privilege; err.Error() != want {
		t.Errorf("the error is %q, want %q", err, want)
	}
}

func TestAllAddressesAreDualStackWhereThereIsIPv6(t *testing.T) {
	s := greeting(turning(t, 1), func(*Group) string { return "x" })
	g := mustBind(t, s, "", 0)
	g.Start()
	if got, err := ask(fmt.Sprintf("127.0.0.1:%d", g.Addr().Port())); err != nil || got != "x" {
		t.Errorf("over IPv4: %q, %v", got, err)
	}
	six, err := net.Listen("tcp6", "[::1]:0")
	if err != nil { // no IPv6 here: the fallback was what this test has just asked
		if !g.Addr().Addr().Is4() {
			t.Errorf("without IPv6 the group is bound to %v", g.Addr())
		}
		return
	}
	_ = six.Close()
	if got, err := ask(fmt.Sprintf("[::1]:%d", g.Addr().Port())); err != nil || got != "x" {
		t.Errorf("over IPv6: %q, %v", got, err)
	}
}

// TestTheLastLoopClosesTheSocket: as long as one loop may accept on a socket that all share, it must not be closed.
func TestTheLastLoopClosesTheSocket(t *testing.T) {
	loops := turning(t, 2)
	s := greeting(loops, func(*Group) string { return "served" })
	s.one = true
	before := sockets(t)
	g := mustBind(t, s, "127.0.0.1", 0)
	g.Start()
	hold, held := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	defer release()
	loops[1].Post(func() { close(held); <-hold })
	<-held
	closed := make(chan struct{})
	go func() { g.Close(); close(closed) }()
	// The first loop lets go, and accepts nothing more; the socket stays for the second.
	until(t, "the first loop let go", func() bool { return g.members[0].socket.users.Load() == 1 })
	c, err := net.Dial("tcp", g.Addr().String())
	if err != nil {
		t.Fatalf("while a loop has yet to let go of the socket a connect got %v", err)
	}
	defer func() { _ = c.Close() }()
	release()
	<-closed
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = c.Write([]byte("who?"))
	b := make([]byte, 6)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "served" {
		t.Errorf("what was queued for the last loop got %q, %v", b, err)
	}
	if loops[1].Stats().Accepted != 1 {
		t.Error("another loop than the last one accepted")
	}
	_ = c.Close()
	until(t, "no socket is left", func() bool { return sockets(t) <= before })
}

func TestCloseAfterTheLoopsStopped(t *testing.T) {
	var loops []*loop.Loop
	for i := range 2 {
		l, err := loop.New(loop.Config{Index: i})
		if err != nil {
			t.Fatal(err)
		}
		loops = append(loops, l)
	}
	before := sockets(t)
	var groups []*Group
	for _, one := range []bool{true, !spreads} {
		s := New(loops, nil)
		s.one = one
		g, err := s.Bind("127.0.0.1", 0)
		if err != nil {
			t.Fatal(err)
		}
		g.Start()
		groups = append(groups, g)
	}
	for _, l := range loops {
		l.Stop() // without Run
	}
	if sockets(t) == before {
		t.Error("the loops closed what is not theirs")
	}
	for _, g := range groups {
		g.Close()
	}
	if after := sockets(t); after != before {
		t.Errorf("Close left %d sockets open", after-before)
	}
}

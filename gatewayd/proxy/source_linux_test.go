package proxy

import (
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// These tests need what Linux has: every address of 127.0.0.0/8 without being asked for, and connects to a Unix socket
// that do not wait.

// A register is a target that knows from which addresses its connections came.
type register struct {
	*server
	mu   sync.Mutex // guards seen
	seen []string   // in order
}

func newRegister(t testing.TB) *register {
	g := &register{}
	g.server = newServer(t, func(p *peer) {
		g.mu.Lock()
		g.seen = append(g.seen, p.RemoteAddr().(*net.TCPAddr).IP.String())
		g.mu.Unlock()
		for {
			if _, _, alive := p.message(); !alive {
				return
			}
			p.send(ok("x"))
		}
	})
	return g
}

// from is the addresses that connections came from, each once.
func (g *register) from() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := slices.Clone(g.seen)
	slices.Sort(list)
	return slices.Compact(list)
}

// Connections to each of several targets leave from all own addresses, those of another family left out. One that cannot
// be used is passed over within the attempt.
func TestSourceAddresses(t *testing.T) {
	both := []string{"127.0.0.2", "127.0.0.3"}
	for _, c := range []struct {
		name    string
		sources []string
		want    []string
	}{
		{"two", both, both},
		{"mapped", []string{"::ffff:127.0.0.2"}, []string{"127.0.0.2"}},
		{"two families", []string{"127.0.0.2", "::1", "127.0.0.3"}, both},
		{"the other family", []string{"::1"}, []string{"127.0.0.1"}},
		{"none", nil, []string{"127.0.0.1"}},
		{"one of another machine", []string{"203.0.113.1", "127.0.0.2", "127.0.0.3"}, both},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := newRegister(t), newRegister(t)
			r := newRig(t, func(r *rig) { r.setting.SourceAddresses, r.setting.KeepAlive.MaxIdle = c.sources, 0 }, a.addr, b.addr)
			p := r.dial()
			for range 120 { // one address misses a target by chance once in 2^59 times
				p.send(post)
				p.expect(200, "x")
			}
			for _, g := range []*register{a, b} {
				if d := cmp.Diff(c.want, g.from()); d != "" {
					t.Errorf("connections came from (-want +got):\n%s", d)
				}
			}
			if s := r.stats(); s.Retries != 0 || s.Failures != 0 {
				t.Errorf("%d retries, %d failures", s.Retries, s.Failures)
			}
		})
	}
}

// Other own addresses hold for the next request: what was kept under the old ones is closed, and nothing else is.
func TestChangedSourceAddresses(t *testing.T) {
	g := newRegister(t)
	r := newRig(t, func(r *rig) { r.setting.KeepAlive = spec.KeepAlive{IdleTimeout: "1h", MaxIdle: 9} }, g.addr)
	p := r.dial()
	var want []string
	for _, c := range []struct {
		sources []string
		from    string // a new connection; "" uses the one that is kept
	}{
		{nil, "127.0.0.1"}, {nil, ""},
		{[]string{"127.0.0.2"}, "127.0.0.2"}, {[]string{"127.0.0.2"}, ""},
		{[]string{"127.0.0.3"}, "127.0.0.3"}, {nil, "127.0.0.1"},
	} {
		r.on(func() { r.setting.SourceAddresses = c.sources; r.publish() })
		for _, request := range []string{get, post, get} {
			p.send(request)
			p.expect(200, "x")
		}
		if c.from != "" {
			want = append(want, c.from)
		}
		g.mu.Lock()
		if d := cmp.Diff(want, g.seen); d != "" {
			t.Errorf("with %v connections came from (-want +got):\n%s", c.sources, d)
		}
		g.mu.Unlock()
		if n := r.stats().Idle; n != 1 {
			t.Errorf("%d connections are kept", n)
		}
	}
}

// fullSocket is a listening Unix socket whose queue has room for one connection, and that one.
func fullSocket(t *testing.T) (*net.UnixListener, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	raw, err := ln.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { _ = unix.Listen(int(fd), 0) }); err != nil {
		t.Fatal(err)
	}
	first, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { first.Close() })
	return ln, path
}

// A Unix socket whose queue of connections is full is busy, as a TCP port would be whose connects wait: what comes waits
// for it, and for connect_timeout at most.
func TestFullQueueOfAUnixSocket(t *testing.T) {
	ln, path := fullSocket(t)
	r := newRig(t, func(r *rig) {
		ejects(r)
		r.setting.ConnectTimeout = "1h"
		r.pool.Targets["s"] = spec.PoolTarget{Address: "unix:" + path, Weight: 1}
	})
	var waiting []*peer
	for _, request := range []string{get, post, get} {
		p := r.dial()
		p.send(request)
		waiting = append(waiting, p)
	}
	gone := r.dial()
	gone.send(get)
	dials := func() uint64 { return r.l.Stats().Dialled }
	until(t, "all have dialled more than once", func() bool { return r.stats().Open == 4 && dials() > 20 })
	gone.reset()
	until(t, "whoever went is forgotten", func() bool { return r.stats().Open == 3 })
	serve(t, ln, func(p *peer) {
		for {
			if _, _, alive := p.message(); !alive {
				return
			}
			p.send(ok("x"))
		}
	})
	for _, p := range waiting {
		p.expect(200, "x")
	}
	if s := r.stats(); s.Failures != 0 {
		t.Errorf("%d failures", s.Failures)
	}
}

// Where the queue stays full the time for a connect is the end, as with any target.
func TestQueueOfAUnixSocketThatStaysFull(t *testing.T) {
	_, path := fullSocket(t)
	r := newRig(t, func(r *rig) {
		r.setting.ConnectTimeout = "200ms"
		r.pool.Targets["s"] = spec.PoolTarget{Address: "unix:" + path, Weight: 1}
	})
	p := r.dial()
	start := time.Now()
	p.send(get)
	if h := p.expect(502, "*"); h.Get("Gatewayd-Reason") != "connect_timeout" || time.Since(start) < 200*time.Millisecond {
		t.Errorf("after %v got %v", time.Since(start), h)
	}
	if n := r.stats().Failures; n != 1 {
		t.Errorf("%d failures, want 1", n)
	}
}

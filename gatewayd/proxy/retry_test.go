package proxy

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name string
		a    attempt
		want verdict
	}{
		{"no connection", attempt{idempotent: true, held: true, retries: 1}, other},
		{"no connection, not idempotent", attempt{held: true, retries: 1}, other},
		{"no connection, no retry left", attempt{idempotent: true, held: true}, giveUp},
		{"sent", attempt{reached: true, idempotent: true, held: true, retries: 1}, other},
		{"sent, no retry left", attempt{reached: true, idempotent: true, held: true}, giveUp},
		{"sent, not idempotent", attempt{reached: true, held: true, retries: 1}, giveUp},
		{"sent, not held", attempt{reached: true, idempotent: true, retries: 1}, giveUp},
		{"sent, an interim answer passed on", attempt{reached: true, passed: true, idempotent: true, held: true, retries: 1}, giveUp},
		{"sent, the gateway broke over the answer", attempt{reached: true, broken: true, idempotent: true, held: true, retries: 1}, giveUp},
		{"no answer in time again", attempt{reached: true, slow: true, idempotent: true, held: true, retries: 3}, giveUp},
		{"kept connection died", attempt{reached: true, stale: true, idempotent: true, held: true}, again},
		{"kept connection died, retries left", attempt{reached: true, stale: true, idempotent: true, held: true, retries: 3}, again},
		{"kept connection died, not idempotent", attempt{reached: true, stale: true, held: true, retries: 1}, giveUp},
		{"kept connection died, not held", attempt{reached: true, stale: true, idempotent: true, retries: 1}, giveUp},
		{"kept connection died behind an interim answer", attempt{reached: true, passed: true, stale: true, idempotent: true, held: true}, giveUp},
	} {
		if got := c.a.next(); got != c.want {
			t.Errorf("%s: verdict %d, want %d", c.name, got, c.want)
		}
	}
}

// One target is dead: what may be repeated is, on the other one.
func TestRetriesOnAnotherBackend(t *testing.T) {
	for _, c := range []struct {
		name, request string
		dead          func(*peer) // nil refuses connections
		repeated      bool
	}{
		{"refused GET", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", nil, true},
		{"refused POST", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", nil, true},
		{"refused chunks", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", nil, true},
		{"GET without an answer", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", func(p *peer) { p.message() }, true},
		{"PUT without an answer", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", func(p *peer) { p.message() }, true},
		{"large PUT without an answer", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n" + strings.Repeat("x", 30000), func(p *peer) { p.message() }, false},
		{"POST without an answer", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", func(p *peer) { p.message() }, false},
		{"GET with half a head", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", func(p *peer) { p.message(); p.send("HTTP/1.1 200") }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dead := c.dead
			if dead == nil {
				dead = func(*peer) {}
			}
			bad := newServer(t, dead)
			if c.dead == nil {
				bad.ln.Close()
			}
			good := answering(t, ok("good"))
			r := newRig(t, func(r *rig) { r.setting.HostFromTarget = true }, bad.addr, good.addr)
			failed := 0
			for range 4 {
				p := r.dial()
				p.send(c.request)
				status, _, _ := p.answer("GET")
				if status == 502 {
					failed++
				} else if status != 200 {
					t.Fatalf("got %d", status)
				}
				p.Close()
			}
			if n := r.stats().Retries; c.repeated != (failed == 0) || c.repeated != (n > 0) {
				t.Errorf("%d of 4 requests failed, %d retries", failed, n)
			}
			for _, head := range good.got() {
				if !strings.Contains(head, "Host: "+good.addr.String()+"\r\n") {
					t.Errorf("the second target got another's name: %q", head)
				}
				if c.repeated && strings.HasPrefix(c.request, "P") && !strings.Contains(head, "abc") {
					t.Errorf("the second target got %q", head)
				}
			}
		})
	}
}

// All targets fail: each is tried once, at most retries besides the first.
func TestRetriesAreBounded(t *testing.T) {
	var n atomic.Int64
	drop := func(p *peer) { p.message(); n.Add(1) }
	r := newRig(t, func(r *rig) { r.setting.Retries = 2 }, newServer(t, drop).addr, newServer(t, drop).addr, newServer(t, drop).addr, newServer(t, drop).addr)
	p := r.dial()
	p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	p.expect(502, "*")
	if n.Load() != 3 {
		t.Errorf("%d targets were tried, want 3", n.Load())
	}
}

// A backend that closes kept connections at any moment costs no safe request a 502, also without retries.
func TestKeptConnectionDies(t *testing.T) {
	s := newServer(t, func(p *peer) {
		if _, _, ok := p.message(); !ok {
			return
		}
		p.send(ok("x"))
		p.message() // the second request dies with the connection
	})
	r := newRig(t, func(r *rig) { r.setting.Retries = 0 }, s.addr)
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete} {
		for range 5 {
			p := r.dial()
			p.send(method + " / HTTP/1.1\r\nHost: a\r\n\r\n")
			if status, _, _ := p.answer(method); status != 200 {
				t.Fatalf("%s got %d", method, status)
			}
			p.Close()
		}
	}
	if r.stats().Renewed == 0 {
		t.Errorf("no kept connection was used")
	}
}

// A 408 that crosses with a request on a kept connection is no answer to it.
func TestGiveUpCrossesRequest(t *testing.T) {
	s := newServer(t, func(p *peer) {
		if _, _, ok := p.message(); !ok {
			return
		}
		p.send(ok("x"))
		if _, _, ok := p.message(); ok {
			p.send("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		}
	})
	r := newRig(t, nil, s.addr)
	p := r.dial()
	for range 4 {
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		p.expect(200, "x")
	}
}

// What is in the kernel already when a kept connection is taken up again is known before a request that cannot be
// repeated is sent on it. For one that can be, it is no answer where the poller tells of it in the same turn; what comes
// between the poll and the request is not told apart from its answer.
func TestKeptConnectionThatEndedAlready(t *testing.T) {
	large := strings.Repeat("x", 30000)
	for name, end := range map[string]func(*peer){
		"FIN":   func(p *peer) { p.CloseWrite() },
		"reset": func(p *peer) { p.reset() },
		"bytes": func(p *peer) { p.send(ok("unasked")) },
	} {
		for _, request := range []string{
			"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
			"DELETE / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
			"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n" + large,
		} {
			method, _, _ := strings.Cut(request, " ")
			t.Run(name+" "+method, func(t *testing.T) {
				kept := make(chan *peer, 1)
				s := newServer(t, func(p *peer) {
					if _, _, alive := p.message(); !alive {
						return
					}
					p.send(ok("asked"))
					select {
					case kept <- p:
					default:
					}
					p.gone()
				})
				r := newRig(t, func(r *rig) { r.setting.Retries = 0 }, s.addr)
				p := r.dial()
				p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				p.expect(200, "asked")
				until(t, "the connection is kept", func() bool { return r.stats().Idle == 1 })
				// The loop stands still until both ends are in its kernel, the client's before the backend's.
				r.on(func() {
					p.send(request)
					var c *client
					for _, d := range r.w.doors {
						c = d.first
					}
					for c.stream.(loop.Quieter).Quiet() {
					}
					u := r.w.stocks[r.registry.Backends()[0]].shelves[0].first
					end(<-kept)
					for u.stream.(loop.Quieter).Quiet() {
					}
				})
				p.expect(200, "asked")
				if n := s.conns.Load(); n != 2 {
					t.Errorf("the backend saw %d connections", n)
				}
			})
		}
	}
}

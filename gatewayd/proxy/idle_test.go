package proxy

import (
	"strings"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A kept connection serves the next request, of whichever client; the setting bounds how many wait.
func TestIdleConnections(t *testing.T) {
	s := answering(t, ok("x"))
	r := newRig(t, func(r *rig) { r.setting.KeepAlive.MaxIdle = 2 }, s.addr)
	for range 5 {
		p := r.dial()
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		p.expect(200, "x")
		p.Close()
	}
	if n := s.conns.Load(); n != 1 {
		t.Errorf("five requests took %d connections", n)
	}
	begun, let := make(chan bool), make(chan bool)
	slow := newServer(t, func(p *peer) {
		for {
			if _, _, alive := p.message(); !alive {
				return
			}
			begun <- true
			<-let
			p.send(ok("x"))
		}
	})
	r.on(func() { r.targets(slow.addr); r.publish() })
	var peers []*peer
	for range 4 {
		p := r.dial()
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		peers = append(peers, p)
		<-begun
	}
	close(let)
	for _, p := range peers {
		p.expect(200, "x")
	}
	if n := r.stats().Idle; n != 3 { // one is the first server's
		t.Errorf("%d connections are idle, want 2 of this target and 1 of the other", n)
	}
}

// Either side may want no further request on its connection.
func TestNoKeepAlive(t *testing.T) {
	s := answering(t, ok("x"))
	for name, change := range map[string]func(*rig){
		"no idle time":        func(r *rig) { r.setting.KeepAlive.IdleTimeout = "0s" },
		"no idle connections": func(r *rig) { r.setting.KeepAlive.MaxIdle = 0 },
	} {
		r := newRig(t, change, s.addr)
		p := r.dial()
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		p.expect(200, "x")
		p.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		if h := p.expect(200, "x"); h.Get("Connection") != "close" {
			t.Errorf("%s: the client got %v", name, h)
		}
		if got := p.rest(); got != "" {
			t.Errorf("%s: behind the answer came %q", name, got)
		}
		if n := r.stats().Idle; n != 0 {
			t.Errorf("%s: %d connections are idle", name, n)
		}
	}
	for _, head := range s.got() {
		if !strings.Contains(head, "\r\nConnection: close\r\n") {
			t.Errorf("the backend got %q", head)
		}
	}
}

// Idle connections to a backend that is gone are closed at once.
func TestIdleConnectionsOfAGoneBackend(t *testing.T) {
	ended := make(chan bool, 1)
	s := newServer(t, func(p *peer) { p.message(); p.send(ok("x")); p.gone(); ended <- true })
	r := newRig(t, func(r *rig) { r.setting.KeepAlive.IdleTimeout = "1h" }, s.addr)
	for _, subject := range []func() tunnel.Subject{
		func() tunnel.Subject { return tunnel.Subject{Backend: r.registry.Backends()[0]} },
		func() tunnel.Subject { return tunnel.Subject{Health: r.registry.Healths()[0]} },
	} {
		p := r.dial()
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		p.expect(200, "x")
		r.on(func() { r.w.Drain(subject(), tunnel.Drain{Timeout: time.Hour}) })
		<-ended
	}
}

// Of a backend with which nothing is idle any more nothing is kept, whoever ended what was.
func TestNoEmptyShelves(t *testing.T) {
	for name, s := range map[string]*server{
		"ended while idle": newServer(t, func(p *peer) { p.message(); p.send(ok("x")); p.CloseWrite(); p.gone() }),
		"ended in use": newServer(t, func(p *peer) {
			p.message()
			p.send(ok("x"))
			p.message()
			p.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx")
		}),
		"a tunnel": newServer(t, func(p *peer) { p.message(); p.send(ok("x")); p.message(); p.send(switching); p.gone() }),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(r *rig) { r.setting.KeepAlive.IdleTimeout = "1h" }, s.addr)
			p := r.dial()
			p.send(get)
			p.expect(200, "x")
			if name == "a tunnel" {
				p.send(wsRequest)
				p.head()
			} else {
				p.send(get)
				p.expect(200, "x")
			}
			until(t, "nothing is kept", func() bool {
				stocks := 0
				r.on(func() { stocks = len(r.w.stocks) })
				return stocks == 0
			})
		})
	}
}

// A request that outlives its backend does not put its connection aside.
func TestNothingIsKeptOfAGoneBackend(t *testing.T) {
	for _, health := range []bool{false, true} {
		asked, answer := make(chan bool, 1), make(chan bool, 1)
		s := newServer(t, func(p *peer) { p.message(); asked <- true; <-answer; p.send(ok("x")); p.gone() })
		r := newRig(t, func(r *rig) { r.setting.KeepAlive.IdleTimeout = "1h" }, s.addr)
		p := r.dial()
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		<-asked
		r.on(func() {
			of := tunnel.Subject{Backend: r.registry.Backends()[0]}
			if health {
				of = tunnel.Subject{Health: r.registry.Healths()[0]}
			}
			r.w.Drain(of, tunnel.Drain{Timeout: time.Hour})
		})
		answer <- true
		p.expect(200, "x")
		r.on(func() {
			if len(r.w.stocks) != 0 || r.w.idle.Load() != 0 {
				t.Errorf("health %v: %d stocks, %d idle connections are kept", health, len(r.w.stocks), r.w.idle.Load())
			}
		})
	}
}

// The limit of idle connections is one over all loops, and a busy loop may use all of it.
func TestIdleLimitIsOneOverAllLoops(t *testing.T) {
	const limit = 3
	for _, loops := range []int{1, 4} {
		begun, let := make(chan bool), make(chan bool)
		s := newServer(t, func(p *peer) {
			for {
				if _, _, alive := p.message(); !alive {
					return
				}
				select {
				case begun <- true:
					<-let
				case <-let:
				}
				p.send(ok("x"))
			}
		})
		r := newLoops(t, loops, func(r *rig) { r.setting.KeepAlive = spec.KeepAlive{IdleTimeout: "1h", MaxIdle: limit} }, s.addr)
		h := r.health(s.addr)
		var peers []*peer
		for range 20 {
			p := r.dial()
			p.send(get)
			peers = append(peers, p)
			<-begun
		}
		close(let)
		for _, p := range peers {
			p.expect(200, "x")
		}
		if n, open := h.Idle.Load(), r.stats().Idle; n != limit || open != limit {
			t.Errorf("%d loops: %d are idle, %d are counted, want %d", loops, open, n, limit)
		}
		got := r.load(600, storm(false), func(int) {
			if n := h.Idle.Load(); n > limit {
				t.Errorf("%d loops: %d are idle, want at most %d", loops, n, limit)
			}
		})
		if got[200] != 600 {
			t.Errorf("%d loops: requests were answered %v", loops, got)
		}
		r.each(func(w *Worker) { w.Drain(tunnel.Subject{Health: h}, tunnel.Drain{}) })
		if n := h.Idle.Load(); n != 0 {
			t.Errorf("%d loops: %d are idle with a target that drains", loops, n)
		}
	}
}

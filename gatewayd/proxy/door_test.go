package proxy

import (
	"runtime"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
)

// A listener that is gone closes idle connections at once and busy ones behind their answer.
func TestListenerGoes(t *testing.T) {
	release := make(chan bool)
	s := newServer(t, func(p *peer) { p.message(); <-release; p.send(ok("last")); p.gone() })
	r := newRig(t, nil, s.addr)
	idle, busy := r.dial(), r.dial()
	busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	until(t, "both are there", func() bool { s := r.stats(); return s.Open == 1 && s.Clients == 2 })
	r.on(func() {
		r.listener = nil
		r.publish()
		r.w.Drain(tunnel.Subject{Listener: "listener:web"}, tunnel.Drain{Timeout: time.Hour})
	})
	if got := idle.rest(); got != "" {
		t.Errorf("the idle connection got %q", got)
	}
	close(release)
	if h := busy.expect(200, "last"); h.Get("Connection") != "close" {
		t.Errorf("the busy connection got %v", h)
	}
	p := r.dial()
	p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if got := p.rest(); got != "" {
		t.Errorf("a late connection got %q", got)
	}
}

// A listener that moves takes its clients along: nobody who kept a connection to its old port is told that nothing is
// there.
func TestListenerMoves(t *testing.T) {
	release := make(chan bool)
	s := newServer(t, func(p *peer) {
		for {
			if _, _, alive := p.message(); !alive {
				return
			}
			select {
			case <-release:
				p.send(ok("x"))
			case <-t.Context().Done():
				return
			}
		}
	})
	r := newRig(t, nil, s.addr)
	used, idle, fresh, half, busy, asking := r.dial(), r.dial(), r.dial(), r.dial(), r.dial(), r.dial()
	go func() { release <- true; release <- true }()
	for _, p := range []*peer{used, idle} {
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		p.expect(200, "x")
	}
	half.send("GET / HT")
	busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n")
	until(t, "all are there", func() bool {
		partial := false
		r.on(func() {
			for _, d := range r.w.doors {
				for c := d.first; c != nil; c = c.next {
					partial = partial || c.flags&cPartial != 0
				}
			}
		})
		s := r.stats()
		return s.Open == 1 && s.Clients == 6 && partial
	})
	r.on(func() {
		// asking sends its request when the loop is not to be told before the listener went.
		asking.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		used.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		r.listener.Port = 81
		r.publish()
	})
	for _, p := range []*peer{asking, used} {
		if got := p.rest(); got != "" {
			t.Errorf("a request on the old port got %q", got)
		}
	}
	r.on(func() { r.w.Sweep() })
	for _, p := range []*peer{idle, fresh} {
		if got := p.rest(); got != "" {
			t.Errorf("an idle connection got %q", got)
		}
	}
	half.send("TP/1.1\r\nHost: a\r\n\r\n")
	if got := half.rest(); got != "" {
		t.Errorf("a request that came half before got %q", got)
	}
	release <- true
	if h := busy.expect(200, "x"); h.Get("Connection") != "close" || busy.rest() != "" {
		t.Errorf("the busy connection got %v", h)
	}
	until(t, "the old port is forgotten", func() bool {
		doors := 0
		r.on(func() { doors = len(r.w.doors) })
		return doors == 0
	})
	if n := r.stats().Refused[ReasonNoListener]; n != 0 {
		t.Errorf("%d requests were refused", n)
	}
}

// A quiet port keeps no configuration that is gone.
func TestNoTableIsKept(t *testing.T) {
	r := newRig(t, nil, answering(t, ok("x")).addr)
	p := r.dial()
	p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	p.expect(200, "x")
	gone := make(chan bool)
	r.on(func() {
		runtime.AddCleanup(r.table.Load(), func(gone chan bool) { close(gone) }, gone)
		r.publish()
	})
	until(t, "the table is collected", func() bool {
		runtime.GC()
		select {
		case <-gone:
			return true
		default:
			return false
		}
	})
}

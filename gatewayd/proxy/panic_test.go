package proxy

import (
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
)

// A handler that panics costs its own connection and leaves nothing behind.
func TestPanicIsContained(t *testing.T) {
	s := answering(t, ok("x"))
	r := newRig(t, nil, s.addr)
	r.panics = 2
	busy := r.dial()
	busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	busy.expect(200, "x")
	p := r.dial()
	until(t, "both are accepted", func() bool { return r.stats().Clients == 2 })
	r.on(func() { r.w.cfg.Table.Store(nil) })
	p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	p.gone()
	r.on(func() { r.publish() })
	busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	busy.expect(200, "x")

	// Within an answer: the exchange is refused or cut, and everything counted is given back.
	release := make(chan bool)
	slow := newServer(t, func(p *peer) { p.message(); <-release; p.send(ok("x")); p.gone() })
	r.on(func() { r.targets(slow.addr); r.publish() })
	busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	until(t, "the request is at the backend", func() bool { return r.stats().Open == 1 })
	r.on(func() { r.w.first.down = brittle{r.w.first.down} })
	close(release)
	busy.gone()
	busy.Close()
	until(t, "everything is given back", func() bool { s := r.stats(); return s.Open == 0 && s.Clients == 0 })
}

// brittle is a downstream that breaks at the answer.
type brittle struct{ downstream }

func (brittle) answer(*http1.Response) { panic("meant by the test") }

// A panic at the very end of a handshake is no different.
func TestPanicBeforeATunnel(t *testing.T) {
	let := make(chan bool)
	s := newServer(t, func(p *peer) { p.message(); <-let; p.send(switching); p.gone() })
	r := newRig(t, nil, s.addr)
	r.panics = 1
	p := r.dial()
	p.send(wsRequest)
	until(t, "the handshake is at the target", r.reached)
	r.on(func() { r.w.first.down = unswitched{r.w.first.down} })
	let <- true
	p.expect(500, "*")
	if n := r.health(s.addr).Backend.Open.Load(); n != 0 || r.stats().Open != 0 {
		t.Errorf("the target counts %d in flight", n)
	}
}

// unswitched is a downstream that breaks when it is to become a tunnel's.
type unswitched struct{ downstream }

func (unswitched) switched(*http1.Response) (loop.Stream, bool) { panic("meant by the test") }

// A panic in a timer ends the connection of its request, and no byte that was gathered before goes anywhere.
func TestPanicInATimer(t *testing.T) {
	for name, down := range map[string]func(downstream) downstream{
		"before anything":       func(d downstream) downstream { return breaking{d, 0} },
		"within the answer":     func(d downstream) downstream { return breaking{d, 1} },
		"behind a whole answer": func(d downstream) downstream { return breaking{d, 2} },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, func(p *peer) { p.message(); p.gone() })
			r := newRig(t, nil, s.addr)
			r.panics = 1
			p, other := r.dial(), r.dial()
			until(t, "both are there", func() bool { return r.stats().Clients == 2 })
			p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			until(t, "the request is at the backend", r.reached)
			r.on(func() { r.w.first.down = down(r.w.first.down) })
			r.age(time.Hour)
			if got := p.rest(); got != "" {
				t.Errorf("the client got %q", got)
			}
			p.Close()
			until(t, "the exchange is over", func() bool { s := r.stats(); return s.Open == 0 && s.Clients == 1 })
			other.send("GET /%5c HTTP/1.1\r\nHost: a\r\n\r\n")
			other.expect(400, "*")
		})
	}
}

// breaking is a downstream that breaks when it is refused, at one of three moments.
type breaking struct {
	downstream
	at int
}

func (d breaking) refuse(r refusal) {
	switch c := d.downstream.(*client); d.at {
	case 1:
		c.w.out.keep(append(c.w.out.open(c.stream), "HTTP/1.1 200 OK\r\n"...))
	case 2:
		d.downstream.refuse(r)
	}
	panic("meant by the test")
}

// What a panic left gathered is not sent by what the gateway does next on its own.
func TestNothingOfAPanicIsSent(t *testing.T) {
	for name, next := range map[string]func(*rig){
		"drain":    func(r *rig) { r.w.Drain(tunnel.Subject{Listener: "listener:web"}, tunnel.Drain{Timeout: time.Hour}) },
		"sweep":    func(r *rig) { r.w.Sweep() },
		"shutdown": func(r *rig) { r.w.Shutdown(time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			p := r.dial()
			until(t, "it is accepted", func() bool { return r.stats().Clients == 1 })
			r.on(func() {
				for _, d := range r.w.doors {
					r.w.out.keep(append(r.w.out.open(d.first.stream), "left by a panic"...))
				}
				if name != "shutdown" {
					r.listener = nil
					r.publish()
				}
				next(r)
			})
			if got := p.rest(); got != "" {
				t.Errorf("the client got %q", got)
			}
		})
	}
}

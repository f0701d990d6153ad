package proxy

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// health is that of a target.
func (r *rig) health(of netip.AddrPort) *backend.Health {
	r.t.Helper()
	for _, h := range r.registry.Healths() {
		if h.Backend.Key.Addr.TCP == of {
			return h
		}
	}
	r.t.Fatalf("no target is at %v", of)
	return nil
}

const get, post = "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"

// What counts as a failure of a target, with a setting that ejects it for the first one: what the target did, and nothing
// that its client or the gateway did.
func TestWhatEjects(t *testing.T) {
	say := func(answer string) func(*peer) {
		return func(p *peer) { p.message(); p.send(answer); p.gone() }
	}
	gone := func(p *peer) { p.message() }
	hang := func(p *peer) { p.message(); p.gone() }
	for _, c := range []struct {
		name    string
		target  func(*peer) // nil refuses connections
		request string
		status  int // 0 for a client that does not wait for it
		ejected bool
		meddle  func(r *rig, p *peer, at netip.AddrPort)
	}{
		{"no connection", nil, get, 502, true, nil},
		{"the end without an answer", gone, get, 502, true, nil},
		{"the end without an answer to a POST", gone, post, 502, true, nil},
		{"a reset", func(p *peer) { p.message(); p.reset() }, get, 502, true, nil},
		{"half a head", func(p *peer) { p.message(); p.send("HTTP/1.1 2") }, get, 502, true, nil},
		{"garbage", say("220 smtp.test\r\n"), get, 502, true, nil},
		{"an upgrade for nothing", say(switching), get, 502, true, nil},
		{"a wrong accept", say(strings.Replace(switching, "s3pPL", "XXXXX", 1)), handshake, 502, true, nil},
		{"no answer in time", hang, get, 504, true, func(r *rig, _ *peer, at netip.AddrPort) { r.t.Cleanup(r.overdue(at)) }},
		{"an error of the application", say("HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno"), get, 500, false, nil},
		{"an answer that breaks off", func(p *peer) { p.message(); p.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nno") }, get, 0, false, nil},
		{"a WebSocket that is reset", func(p *peer) { p.message(); p.send(switching); p.reset() }, handshake, 0, false, nil},
		{"a client that goes", hang, get, 0, false, func(_ *rig, p *peer, _ netip.AddrPort) { p.reset() }},
		{"a broken request", hang, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, false, nil},
		{"a body that does not come", hang, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab", 408, false,
			func(r *rig, _ *peer, _ netip.AddrPort) { r.age(bodyTimeout) }},
		{"the end of a drain", hang, get, 504, false,
			func(r *rig, _ *peer, _ netip.AddrPort) {
				r.on(func() { r.w.Drain(tunnel.Subject{Rule: "rule:all"}, tunnel.Drain{}) })
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := c.target
			if target == nil {
				target = func(*peer) {}
			}
			s := newServer(t, target)
			if c.target == nil {
				s.ln.Close()
			}
			r := newRig(t, func(r *rig) { r.setting.Eject = &spec.Eject{Failures: 1, For: "1h"} }, s.addr)
			h := r.health(s.addr)
			p := r.dial()
			p.send(c.request)
			if c.meddle != nil {
				until(t, "the request is at the target", r.reached)
				c.meddle(r, p, s.addr)
			}
			if c.status != 0 {
				method, _, _ := strings.Cut(c.request, " ")
				if got, _, _ := p.answer(method); got != c.status {
					t.Errorf("got %d, want %d", got, c.status)
				}
			} else if c.meddle == nil {
				p.gone()
			}
			until(t, "the request is over", func() bool { return r.stats().Open == 0 })
			if c.ejected {
				until(t, "the target is ejected", func() bool { return !h.View().Ejected.IsZero() })
				return
			}
			// Whoever would be ejected by mistake is before another one is by right.
			dead := nobody(t)
			r.on(func() { r.targets(dead); r.publish() })
			p = r.dial()
			p.send(get)
			p.expect(502, "*")
			until(t, "another target is ejected", func() bool { return !r.health(dead).View().Ejected.IsZero() })
			if !h.View().Ejected.IsZero() {
				t.Errorf("the target is ejected")
			}
		})
	}
}

// A kept connection that had ended says nothing of its target, and an answer ends a row of failures.
func TestFailuresInARow(t *testing.T) {
	fail := make(chan bool, 1)
	s := newServer(t, func(p *peer) {
		for {
			if _, _, alive := p.message(); !alive {
				return
			}
			select {
			case <-fail:
				return
			default:
				p.send(ok("x"))
			}
		}
	})
	r := newRig(t, func(r *rig) {
		r.setting.Retries = 0
		r.setting.Eject = &spec.Eject{Failures: 2, For: "1h"}
	}, s.addr)
	h := r.health(s.addr)
	ask := func(request string, status int) {
		t.Helper()
		p := r.dial()
		p.send(request)
		method, _, _ := strings.Cut(request, " ")
		if got, _, _ := p.answer(method); got != status {
			t.Fatalf("got %d, want %d", got, status)
		}
		p.Close()
	}
	ask(get, 200)
	for range 3 {
		fail <- true
		ask(post, 502) // on a kept connection
		ask(get, 200)
		fail <- true
		ask(get, 200) // once more on a fresh one
	}
	if !h.View().Ejected.IsZero() {
		t.Fatalf("the target is ejected")
	}
	r.on(func() { r.w.closeIdle(h.Backend) })
	for range 2 {
		fail <- true
		ask(post, 502)
	}
	until(t, "the target is ejected", func() bool { return !h.View().Ejected.IsZero() })
}

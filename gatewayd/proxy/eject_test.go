package proxy

import (
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
	"golang.org/x/sys/unix"
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

// Who is to blame: what counts as a failure of a target, with a setting that ejects it for the first one. That is what the
// target did, once for every attempt, and nothing that its client or the gateway did.
func TestWhatEjects(t *testing.T) {
	say := func(answer string) func(*peer) {
		return func(p *peer) { p.message(); p.send(answer); p.gone() }
	}
	gone := func(p *peer) { p.message() }
	hang := func(p *peer) { p.gone() }
	late := func(r *rig, _ *peer, at netip.AddrPort) { r.t.Cleanup(r.overdue(at)) }
	slow := func(r *rig, _ *peer, _ netip.AddrPort) { r.age(r.listener.BodyTimeout.Value()) }
	const expect = "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
	for _, c := range []struct {
		name     string
		target   func(*peer) // nil refuses connections
		request  string
		status   int // 0 for a client that does not wait for it
		failures uint64
		meddle   func(r *rig, p *peer, at netip.AddrPort)
	}{
		{"no connection", nil, get, 502, 1, nil},
		{"the end without an answer", gone, get, 502, 1, nil},
		{"the end without an answer to a POST", gone, post, 502, 1, nil},
		{"a reset", func(p *peer) { p.message(); p.reset() }, get, 502, 1, nil},
		{"half a head", func(p *peer) { p.message(); p.send("HTTP/1.1 2") }, get, 502, 1, nil},
		{"garbage", say("220 smtp.test\r\n"), get, 502, 1, nil},
		{"an upgrade for nothing", say(switching), get, 502, 1, nil},
		{"a wrong accept", say(strings.Replace(switching, "s3pPL", "XXXXX", 1)), wsRequest, 502, 1, nil},
		{"no answer in time", hang, get, 504, 1, late},
		{"an error of the application", say("HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno"), get, 500, 0, nil},
		{"an answer that breaks off", func(p *peer) { p.message(); p.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nno") }, get, 0, 0, nil},
		{"a WebSocket that is reset", func(p *peer) { p.message(); p.send(switching); p.reset() }, wsRequest, 0, 0, nil},
		{"a client that goes", hang, get, 0, 0, func(_ *rig, p *peer, _ netip.AddrPort) { p.reset() }},
		{"a broken request", hang, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, 0, nil},
		{"a body that does not come", hang, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab", 408, 0, slow},
		{"a body that begins without the 100 and stops", hang, expect + "ab", 408, 0, slow},
		{"a body that begins behind the 100 and stops", func(p *peer) { p.head(); p.send("HTTP/1.1 100 Continue\r\n\r\n"); p.gone() },
			expect + "ab", 408, 0, func(r *rig, p *peer, at netip.AddrPort) { p.head(); slow(r, p, at) }},
		{"a body that waits for a 100 that does not come", hang, expect, 504, 0, late},
		{"no answer in time behind a body that did not wait", hang, expect + "abc", 504, 1, late},
		{"the end of a drain", hang, get, 504, 0,
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
			r := newRig(t, ejects, s.addr)
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
			r.blamed(s.addr, c.failures)
		})
	}
}

// ejects is a setting that ejects a target for its first failure.
func ejects(r *rig) { r.setting.Eject = &spec.Eject{Failures: 1, For: "1h"} }

// blamed waits for the end of all requests and looks how often targets failed, and whether this one is out for it.
func (r *rig) blamed(at netip.AddrPort, failures uint64) {
	r.t.Helper()
	until(r.t, "the requests are over", func() bool { return r.stats().Open == 0 })
	if n := r.stats().Failures; n != failures {
		r.t.Errorf("%d failures of targets, want %d", n, failures)
	}
	if h := r.health(at); failures > 0 {
		until(r.t, "the target is ejected", func() bool { return !h.View().Ejected.IsZero() })
	}
}

// Interim answers that the client does not read are not for the target to answer for: it has all the time that a reader
// has, and is ejected for none of it.
func TestInterimsThatNobodyReads(t *testing.T) {
	interims := strings.Repeat("HTTP/1.1 103 Early Hints\r\nX: "+strings.Repeat("x", 30_000)+"\r\n\r\n", maxInterims)
	s := newServer(t, func(p *peer) {
		for {
			if _, _, alive := p.message(); !alive {
				return
			}
			if _, err := io.WriteString(p.Conn, interims+ok("x")); err != nil {
				return // The gateway gave it up.
			}
		}
	})
	r := newRig(t, ejects, s.addr)
	small := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) })
	}}
	c, err := small.DialContext(t.Context(), "tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c, err = r.over(c); err != nil {
		t.Fatal(err)
	}
	p := newPeer(t, c)
	p.send(strings.Repeat(get, 100)) // more than the systems between take
	r.ageStalled(r.setting.RequestTimeout.Value())
	r.pass(20 * time.Millisecond)
	if r.stats().Open != 1 {
		t.Fatal("the request ended with the patience for its target")
	}
	r.ageStalled(r.setting.WriteTimeout.Value())
	r.blamed(s.addr, 0)
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
	if n := r.stats().Failures; n != 0 || !h.View().Ejected.IsZero() {
		t.Fatalf("%d failures, ejected until %v", n, h.View().Ejected)
	}
	r.on(func() { r.w.closeIdle(h.Backend) })
	for range 2 {
		fail <- true
		ask(post, 502)
	}
	until(t, "the target is ejected", func() bool { return !h.View().Ejected.IsZero() })
}

package proxy

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
)

// Drains are forgotten by themselves once they are over, a bounded number a turn, and never for another one's sake.
func TestDrainsAreForgotten(t *testing.T) {
	const n = planStep + 500
	r := newRig(t, nil)
	rule := func(i int) tunnel.Subject { return tunnel.Subject{Rule: fmt.Sprint(i)} }
	left := func() (n int) {
		r.on(func() { n = len(r.w.drains.by) })
		return n
	}
	r.on(func() {
		for i := range n {
			r.w.Drain(rule(i), tunnel.Drain{Timeout: time.Hour})
		}
		for d := r.w.drains.first; d != nil; d = d.next {
			d.start -= loop.Time(forgetTime)
		}
		r.w.Drain(rule(5), tunnel.Drain{Timeout: time.Hour}) // begins anew
		r.w.Drain(rule(-1), tunnel.Drain{Timeout: time.Hour})
		r.w.Keep(rule(6))
		if got := len(r.w.drains.by); got != n {
			t.Errorf("%d drains are known, want %d", got, n)
		}
		r.w.forget()
		if got := len(r.w.drains.by); got != n-planStep {
			t.Errorf("%d drains are left after a step, want %d", got, n-planStep)
		}
	})
	until(t, "all but two are forgotten", func() bool { return left() == 2 })
	r.on(func() {
		for _, s := range []tunnel.Subject{rule(5), rule(-1)} {
			if r.w.drains.by[s] == nil {
				t.Errorf("the drain of %+v is forgotten", s)
			}
			r.w.Keep(s)
		}
		if d := &r.w.drains; d.first != nil || d.last != nil || len(d.by) != 0 {
			t.Errorf("%d drains are left", len(d.by))
		}
	})
}

// BenchmarkDrain is a drain among 10 000 that are remembered.
func BenchmarkDrain(b *testing.B) {
	r := newRig(b, nil)
	r.on(func() {
		for i := range 10_000 {
			r.w.Drain(tunnel.Subject{Rule: fmt.Sprint(i)}, tunnel.Drain{Timeout: time.Hour})
		}
		of := tunnel.Subject{Rule: "last"}
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			r.w.Drain(of, tunnel.Drain{Timeout: time.Hour})
		}
	})
}

// What picks a target behind the beginning of its health's drain, as where its pool fails open, is no part of it.
func TestPickedBehindTheDrain(t *testing.T) {
	let := make(chan bool)
	s := newServer(t, func(p *peer) {
		p.message()
		select {
		case <-let:
			p.send(ok("x"))
		case <-t.Context().Done():
		}
	})
	r := newRig(t, nil, s.addr)
	of := tunnel.Subject{Health: r.health(s.addr)}
	r.on(func() { r.w.Drain(of, tunnel.Drain{}) })
	p := r.dial()
	p.send(get)
	until(t, "the request is at the target", r.reached)
	r.on(func() { r.w.Drain(tunnel.Subject{Rule: "another"}, tunnel.Drain{}) })
	r.on(func() {
		if x := r.w.first; r.w.planning || x.cut != 0 {
			t.Errorf("the request is to end at %d", x.cut)
		}
	})
	let <- true
	p.expect(200, "x")
}

// What is back in the very turn in which its drain would have cut a request keeps it.
func TestBackAtTheLastMoment(t *testing.T) {
	let := make(chan bool)
	s := newServer(t, func(p *peer) {
		p.message()
		select {
		case <-let:
			p.send(ok("x"))
		case <-t.Context().Done():
		}
	})
	r := newRig(t, nil, s.addr)
	of := tunnel.Subject{Backend: r.health(s.addr).Backend}
	p := r.dial()
	p.send(get)
	until(t, "the request is at the target", r.reached)
	r.on(func() { r.w.Drain(of, tunnel.Drain{Timeout: time.Hour}) })
	until(t, "the cut is planned", func() (planned bool) {
		r.on(func() { planned = r.w.first.cut != 0 })
		return planned
	})
	r.on(func() {
		r.w.first.cut = r.l.Now()
		r.w.Keep(of)
		r.w.first.expired()
	})
	let <- true
	p.expect(200, "x")
}

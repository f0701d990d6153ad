package proxy

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop/looptest"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
)

// TestDrainsAreForgotten: a drain is remembered until it is over, and a little longer, not until any might be.
func TestDrainsAreForgotten(t *testing.T) {
	var clock looptest.Clock
	r := newClocked(t, &clock, nil)
	rule := func(name string) tunnel.Subject { return tunnel.Subject{Rule: name} }
	known := func(at time.Duration, names ...string) {
		t.Helper()
		clock.Advance(at - clock.Gone())
		r.on(func() {})
		r.on(func() {
			for of := range r.w.drains {
				if !slices.Contains(names, of.Rule) {
					t.Errorf("%v: the drain of %s is known", at, of.Rule)
				}
			}
			if len(r.w.drains) < len(names) {
				t.Errorf("%v: %d drains are known, want %v", at, len(r.w.drains), names)
			}
		})
	}
	granted := tunnel.Drain{Timeout: -1, Longest: 20 * time.Second}
	r.on(func() {
		r.w.Drain(rule("timed"), tunnel.Drain{Timeout: 10 * time.Second})
		r.w.Drain(rule("granted"), granted)
		r.w.Drain(rule("unknown"), tunnel.Drain{Timeout: -1})
		r.w.Drain(rule("back"), granted)
		r.w.Keep(rule("back"))
	})
	known(10*time.Second, "timed", "granted", "unknown")
	known(70*time.Second+looptest.Late, "granted", "unknown")
	r.on(func() { r.w.Drain(rule("granted"), granted) }) // It begins anew.
	known(90*time.Second, "granted", "unknown")
	known(150*time.Second, "granted", "unknown")
	known(151*time.Second, "unknown")
	known(time.Hour, "unknown")
	known(time.Hour + 2*time.Minute)
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
	at := gated(t, let)
	r := newRig(t, nil, at)
	of := tunnel.Subject{Health: r.health(at)}
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
	at := gated(t, let)
	r := newRig(t, nil, at)
	of := tunnel.Subject{Backend: r.health(at).Backend}
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

package proxy

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop/looptest"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
)

// TestDrainsAreForgotten: a drain is remembered until it is over, and a little longer, not until any might be.
func TestDrainsAreForgotten(t *testing.T) {
	var clock looptest.Clock
	k, err := clock.Kernel()
	if err != nil {
		t.Fatal(err)
	}
	l, err := loop.New(loop.Config{Kernel: k})
	if err != nil {
		t.Fatal(err)
	}
	w := NewWorker(l, Config{})
	var running sync.WaitGroup
	running.Go(l.Run)
	t.Cleanup(func() {
		l.Stop()
		running.Wait()
	})
	on := func(f func()) {
		done := make(chan struct{})
		l.Post(func() { defer close(done); f() })
		<-done
	}
	rule := func(name string) tunnel.Subject { return tunnel.Subject{Rule: name} }
	known := func(at time.Duration, names ...string) {
		t.Helper()
		clock.Advance(at - clock.Gone())
		on(func() {})
		on(func() {
			for of := range w.drains {
				if !slices.Contains(names, of.Rule) {
					t.Errorf("%v: the drain of %s is known", at, of.Rule)
				}
			}
			if len(w.drains) < len(names) {
				t.Errorf("%v: %d drains are known, want %v", at, len(w.drains), names)
			}
		})
	}
	granted := tunnel.Drain{Timeout: -1, Longest: 20 * time.Second}
	on(func() {
		w.Drain(rule("timed"), tunnel.Drain{Timeout: 10 * time.Second})
		w.Drain(rule("granted"), granted)
		w.Drain(rule("unknown"), tunnel.Drain{Timeout: -1})
		w.Drain(rule("back"), granted)
		w.Keep(rule("back"))
	})
	known(10*time.Second, "timed", "granted", "unknown")
	known(70*time.Second+looptest.Late, "granted", "unknown")
	on(func() { w.Drain(rule("granted"), granted) }) // It begins anew.
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

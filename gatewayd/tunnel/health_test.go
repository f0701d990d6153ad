package tunnel

import (
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// A target that recovers keeps what has not got its Close.
func TestRecovery(t *testing.T) {
	r := newRig(t)
	told, told2 := r.open()
	left, left2 := r.open()
	of := Subject{Health: r.health}
	r.on(func() {
		r.set.Drain(of, Drain{Timeout: 2 * time.Hour, Spread: time.Hour})
		l := r.set.lists[of]
		if l.n != 2 || l.first.deadline == 0 || l.first.links[ofHealth].next.deadline == 0 {
			t.Fatalf("%d tunnels drain", l.n)
		}
		l.first.links[ofHealth].next.hasten() // the older one's time has come
	})
	told.expect(away)
	r.on(func() { r.set.Keep(of) })
	left.send(masked)
	left2.expect(masked)
	left2.send(hello)
	left.expect(hello)
	if got := r.stats(); got.Closed != 1 || got.Open != 2 {
		t.Errorf("%+v", got)
	}
	told.send(ownClose)
	told2.expect(ownClose)
	told.ends()
	for _, p := range []*peer{told, told2, left, left2} {
		p.Close()
	}
}

// What picks a target while it is unhealthy, because its pool fails open, is no part of the drain that began before; the
// next one ends it.
func TestPickedBehindTheDrain(t *testing.T) {
	r := newRig(t)
	of := Subject{Health: r.health}
	r.on(func() { r.set.Drain(of, Drain{}) })
	r.on(func() { r.before = time.Hour })
	before, before2 := r.open()
	before.expect(away)
	r.on(func() { r.before = 0 })
	c, s := r.open()
	r.on(func() {
		r.set.Drain(Subject{Rule: "rule"}, Drain{Timeout: time.Hour})
		r.set.Keep(Subject{Rule: "rule"})
	})
	c.send(masked)
	s.expect(masked)
	s.send(hello)
	c.expect(hello)
	r.on(func() { r.set.Drain(of, Drain{}) })
	c.expect(away)
	for _, p := range []*peer{before, before2, c, s} {
		p.Close()
	}
}

// With a spread of 0 nobody is told before the deadline.
func TestNoSpread(t *testing.T) {
	r := newRig(t)
	r.on(func() { r.spread = 0 })
	c, s := r.open()
	r.on(func() {
		r.set.Drain(Subject{Rule: "rule"}, Drain{Timeout: -1})
		at := r.set.lists[Subject{Rule: "rule"}].first
		if want := r.l.Now() + loop.Time(r.grant); at.deadline != want {
			t.Errorf("the deadline is %v off", time.Duration(at.deadline-want))
		}
		r.set.Drain(Subject{Rule: "rule"}, Drain{Timeout: 20 * time.Millisecond})
	})
	c.expect(away)
	c.ends()
	s.bytes(8)
	s.ends()
	c.Close()
	s.Close()
}

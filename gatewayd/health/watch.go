package health

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// A state is where a watch stands.
type state uint8

const (
	waiting state = iota // for its time
	ready                // for a place
	running              // probing
	gone                 // no longer wanted
)

// A watch is a target being probed, from the Sync that brought it to the one that takes it away.
type watch struct {
	p      *Prober
	target Target
	plan   *plan
	epoch  uint64 // of the last Sync that named it
	link   *link  // its connection: in use, or idle for the next probe; nil without
	timer  loop.Timer
	fire   func() // begin, as a value made once

	anchor loop.Time // a time that it is probed at: all others are intervals away
	due    loop.Time // of the present or the next probe
	renew  loop.Time // when in limits.renew its connection is renewed
	began  loop.Time // of the present probe

	class      *class // whose place it has; nil without
	prev, next *watch // there
	entered    loop.Time

	state state
	slow  bool // the last probe was not over soon
	again bool // the probe is repeated on a fresh connection
}

// settle gives a target a phase of its own in its interval, and its first probe within spread. Phases are multiples of
// the golden ratio, which leave no gap and no crowd among any number of targets. They are rounded to a grid, so that the
// loop need not turn for each probe alone. The first probe comes whole steps of spread before its turn, so that first
// ones are spread as evenly.
func (w *watch) settle(spread loop.Time) {
	p := w.p
	p.phases += 0x9e3779b9
	now := p.l.Now()
	spread = min(spread, maxDelay, w.plan.interval)
	phase := loop.Time(float64(p.phases) / (1 << 32) * float64(w.plan.interval))
	w.anchor, w.due = now+phase, now+phase%spread
	w.anchor -= w.anchor % min(w.plan.interval/stepsApart, together)
	w.renew = rand.N(p.limits.renew)
	w.arm()
}

// rearm sets when the target is probed again. It leaves out what it missed; a second probe whose turn would come right
// behind the first waits for the next one.
func (w *watch) rearm() {
	every := w.plan.interval
	after := max(w.p.l.Now()+1, w.due+every/4)
	w.due = w.anchor
	if late := after - w.anchor; late > 0 {
		w.due += (late + every - 1) / every * every
	}
	w.arm()
}

func (w *watch) arm() {
	w.state, w.again = waiting, false
	w.p.l.SetTimer(&w.timer, w.due, w.fire)
}

// begin begins a probe: over the connection that was kept, else it needs one.
func (w *watch) begin() {
	if w.state != waiting {
		return
	}
	w.began = w.p.l.Now()
	if c := w.link; c != nil {
		if c.state == idle {
			w.state = running
			c.flags |= reused
			c.stream.SetDeadline(w.began + w.plan.timeout)
			c.ask()
			return
		}
		c.forsake() // It is still at the rest of the last answer.
	}
	w.p.admit(w)
}

// dial connects for a probe that has its place.
func (w *watch) dial() {
	p := w.p
	if !w.again {
		w.began = p.l.Now()
	}
	w.state, w.again = running, false
	c := p.newLink(w)
	w.link = c
	c.stream = p.dial(w, c)
	c.stream.SetDeadline(w.began + w.plan.timeout)
}

// dial opens the stream of a connection.
func (p *Prober) dial(w *watch, c *link) loop.Stream {
	t := &w.target
	to := loop.Remote{Addr: t.Addr.TCP, Path: t.Addr.Path}
	if len(t.Source) > 0 && to.Path == "" {
		to.From = p.source(t)
	}
	if t.TLS != nil {
		return c.dialOver(to)
	}
	return p.l.Dial(to, c)
}

// source is the next of the own addresses that a target can be reached from; the zero Addr, which leaves it to the
// system, where none is of its family.
func (p *Prober) source(t *Target) netip.Addr {
	p.sources++
	for i := range t.Source {
		from := t.Source[(p.sources+i)%len(t.Source)].Unmap()
		if from.Is4() == t.Addr.TCP.Addr().Unmap().Is4() {
			return from
		}
	}
	return netip.Addr{}
}

// renewal is when a connection made now is too old: the next of the times that are the target's own, so that those of
// many targets are not renewed at once because they were made at once.
func (w *watch) renewal() loop.Time {
	now, every := w.p.l.Now(), w.p.limits.renew
	return now + every - (now+every-w.renew)%every
}

// finish ends a probe with what it saw, and arranges the next one.
func (w *watch) finish(o outcome) {
	took := w.p.l.Now() - w.began
	c := w.leave()
	w.rearm()
	if o.ours {
		w.p.warn("probe not sent", w, o.reason)
	} else {
		w.slow = o.late || took > w.p.limits.brief
		w.record(o, took)
	}
	if c != nil && c.waiting.n > 0 {
		c.fill()
	}
}

// record tells the backend's health what a probe saw.
func (w *watch) record(o outcome, took loop.Time) {
	h, probe := w.target.Health, w.target.Probe
	before, after, follower := h.Record(backend.Result{
		At: time.Now(), OK: o.reason == "", Reason: o.reason, Took: time.Duration(took),
		UnhealthyThreshold: probe.UnhealthyThreshold, HealthyThreshold: probe.HealthyThreshold,
	})
	w.target.Probes.Add(o.reason == "")
	if before != after {
		w.p.teller.push(turn{health: h, before: before, after: after, reason: o.reason, follower: follower})
	}
}

// cut ends a slow probe for one that waits. fill goes on with the place.
func (w *watch) cut() {
	w.link.drop()
	w.leave()
	took := w.p.l.Now() - w.began
	w.rearm()
	w.record(outcome{reason: reasonCut(w.p.limits.longest), late: true}, took)
}

// putOff ends a quick probe for one that waits, and lets it go on among the slow ones.
func (w *watch) putOff() {
	w.p.warn("probes put off", w, "too many targets do not answer")
	w.link.drop()
	w.leave()
	w.slow = true
	w.p.admit(w)
}

// abandon ends what goes on for a target, without a verdict. The caller sifts the lines before anything is taken out.
func (w *watch) abandon() {
	w.p.l.StopTimer(&w.timer)
	switch c := w.link; {
	case c == nil:
	case c.state == resting:
		c.forsake()
	case c.state == idle:
		c.close()
	default:
		c.drop()
	}
	w.leave()
	w.state = waiting
}

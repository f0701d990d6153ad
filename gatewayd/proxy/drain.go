package proxy

import (
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
)

// An active is a drain under way, of requests.
type active struct {
	of         tunnel.Subject
	timeout    time.Duration
	start      loop.Time
	prev, next *active // in the order of their beginnings
}

// forgetTime is how long a drain is remembered: none is longer than an hour.
const forgetTime = 2 * time.Hour

// drains are those of the last two hours, by subject and in the order of their beginnings, so that neither a new one
// nor forgetting costs what the others are.
type drains struct {
	by          map[tunnel.Subject]*active
	first, last *active
}

// put begins a drain, or begins it anew.
func (d *drains) put(of tunnel.Subject, timeout time.Duration, now loop.Time) {
	d.remove(of)
	a := &active{of: of, timeout: timeout, start: now, prev: d.last}
	if d.last != nil {
		d.last.next = a
	} else {
		d.first = a
	}
	d.last = a
	d.by[of] = a
}

func (d *drains) remove(of tunnel.Subject) {
	a := d.by[of]
	if a == nil {
		return
	}
	delete(d.by, of)
	if a.prev != nil {
		a.prev.next = a.next
	} else {
		d.first = a.next
	}
	if a.next != nil {
		a.next.prev = a.prev
	} else {
		d.last = a.prev
	}
}

// ends says that a backend is gone, or that it is unhealthy and drained for it.
func (d *drains) ends(h *backend.Health) bool {
	if len(d.by) == 0 {
		return false
	}
	return d.by[tunnel.Subject{Backend: h.Backend}] != nil || d.by[tunnel.Subject{Health: h}] != nil
}

// forget drops the drains that are over, a bounded number a turn.
func (w *Worker) forget() {
	d := &w.drains
	for n := 0; d.first != nil && n < planStep && d.first.start+loop.Time(forgetTime) <= w.l.Now(); n++ {
		d.remove(d.first.of)
	}
	if d.first != nil {
		w.l.SetTimer(&w.forgetting, max(d.first.start+loop.Time(forgetTime), w.l.Now()), w.forget)
	}
}

// Drain ends what uses a subject that is gone, or a target that turned unhealthy: tunnels politely within the time,
// requests at its end, idle connections at once. Call it after the table that does without the subject was published;
// then nothing new comes to it. Client connections whose address and port have no listener any more close when they
// serve no request.
func (w *Worker) Drain(of tunnel.Subject, d tunnel.Drain) {
	w.enter()
	if w.drains.first == nil {
		w.l.SetTimer(&w.forgetting, w.l.Now()+loop.Time(forgetTime), w.forget)
	}
	w.drains.put(of, d.Timeout, w.l.Now())
	w.tunnels.Drain(of, d)
	w.plan()
	switch {
	case of.Listener != "":
		w.Sweep()
	case of.Backend != nil:
		w.closeIdle(of.Backend)
	case of.Health != nil:
		w.closeShelf(of.Health)
	}
}

// Keep cancels the drain of a subject that is back.
func (w *Worker) Keep(of tunnel.Subject) {
	w.drains.remove(of)
	w.tunnels.Keep(of)
	w.plan()
}

// Shutdown ends everything within a time because the process stops: idle connections at once, tunnels by Closes that
// say service restart, requests at its end. Answers say Connection: close. Connections that are still accepted get one
// answer.
func (w *Worker) Shutdown(timeout time.Duration) {
	w.enter()
	w.closing, w.shutdown = true, w.l.Now()+loop.Time(timeout)
	for _, d := range w.doors {
		d.sweep()
	}
	for b := range w.stocks {
		w.closeIdle(b)
	}
	w.tunnels.Shutdown(tunnel.Drain{Timeout: timeout, Spread: min(shutdownSpread, timeout/2)})
	w.plan()
}

// shutdownSpread is how long the Closes of a shutdown are spread at most: what is left alone longer is less disturbed.
const shutdownSpread = 10 * time.Second

// planStep is how many exchanges are looked at in one turn of the loop.
const planStep = 1000

// plan works out anew when drains cut the open exchanges, in turns of their own, once for all drains that came before.
func (w *Worker) plan() {
	w.cursor = w.first
	if !w.planning && w.cursor != nil {
		w.planning = w.l.Post(w.planStep)
	}
}

func (w *Worker) planStep() {
	w.planning = false
	for n := 0; w.cursor != nil; n++ {
		if n == planStep {
			w.planning = w.l.Post(w.planStep)
			return
		}
		x := w.cursor
		w.cursor = x.next
		x.plan()
	}
}

// plan works out when the exchange is cut.
func (x *exchange) plan() {
	r := x.route
	if r == nil || x.health == nil {
		return
	}
	w := x.w
	x.cut = w.shutdown
	x.flags &^= xGone
	for _, s := range [...]tunnel.Subject{
		{Listener: r.Listener.ID}, {Rule: r.RuleID}, {Backend: x.health.Backend}, {Health: x.health},
	} {
		a := w.drains.by[s]
		if a == nil || s.Health != nil && a.start < x.account.picked {
			continue
		}
		timeout := a.timeout
		if timeout < 0 {
			timeout = r.Setting.DrainTimeout
		}
		if at := max(a.start+loop.Time(timeout), 1); x.cut == 0 || at < x.cut {
			x.cut = at
			x.flags &^= xGone
			if s.Backend != nil || s.Health != nil {
				x.flags |= xGone
			}
		}
	}
	x.arm()
}

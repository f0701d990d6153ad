package proxy

import (
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
)

// An active is a drain under way, of requests.
type active struct {
	timeout time.Duration
	start   loop.Time
	over    loop.Timer
}

// drains are those that may be under way.
type drains map[tunnel.Subject]*active

// begin begins a drain, or begins it anew.
func (w *Worker) begin(of tunnel.Subject, d tunnel.Drain) {
	w.forget(of)
	a := &active{timeout: d.Timeout, start: w.l.Now()}
	w.drains[of] = a
	w.l.SetTimer(&a.over, a.start+loop.Time(d.Remembered()), func() { delete(w.drains, of) })
}

// forget ends the memory of a drain, if there is one.
func (w *Worker) forget(of tunnel.Subject) {
	if a := w.drains[of]; a != nil {
		w.l.StopTimer(&a.over)
		delete(w.drains, of)
	}
}

// ends says that a backend is gone, or that it is unhealthy and drained for it.
func (d drains) ends(h *backend.Health) bool {
	return len(d) > 0 && (d[tunnel.Subject{Backend: h.Backend}] != nil || d[tunnel.Subject{Health: h}] != nil)
}

// Drain ends what uses a subject that is gone, or a target that turned unhealthy: tunnels politely within the time,
// requests at its end, idle connections at once. Call it after the table that does without the subject was published;
// then nothing new comes to it. Client connections whose address and port have no listener any more close when they
// serve no request.
func (w *Worker) Drain(of tunnel.Subject, d tunnel.Drain) {
	w.enter()
	w.begin(of, d)
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
	w.forget(of)
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
		a := w.drains[s]
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

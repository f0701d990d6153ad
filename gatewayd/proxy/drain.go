package proxy

import (
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
)

// active is a drain under way, of requests.
type active struct {
	timeout time.Duration
	start   loop.Time
}

// Drain ends what uses a subject that is gone: tunnels politely within the time, requests at its end, idle connections at once.
// Call it after the table that does without the subject was published; then nothing new comes to it. Client
// connections whose address and port have no listener any more close when they serve no request.
func (w *Worker) Drain(of tunnel.Subject, d tunnel.Drain) {
	now := w.l.Now()
	for s, a := range w.drains {
		if now-a.start > loop.Time(2*time.Hour) { // no drain is longer than one
			delete(w.drains, s)
		}
	}
	w.drains[of] = active{d.Timeout, now}
	w.tunnels.Drain(of, d)
	w.plan()
	switch {
	case of.Listener != "":
		for _, door := range w.doors {
			if door.address() == nil {
				door.sweep()
			}
		}
	case of.Backend != nil:
		w.closeIdle(of.Backend)
	case of.Pool != "":
		for b := range w.stocks {
			if b.Key.Pool == of.Pool {
				w.closeIdle(b)
			}
		}
	}
}

// Keep cancels the drain of a subject that is back.
func (w *Worker) Keep(of tunnel.Subject) {
	delete(w.drains, of)
	w.tunnels.Keep(of)
	w.plan()
}

// Shutdown ends everything within a time because the process stops: idle connections at once, tunnels by Closes that
// say service restart, requests at its end. Answers say Connection: close. Connections that are still accepted get one
// answer.
func (w *Worker) Shutdown(timeout time.Duration) {
	w.closing, w.shutdown = true, w.l.Now()+loop.Time(timeout)
	for _, d := range w.doors {
		d.sweep()
	}
	for b := range w.stocks {
		w.closeIdle(b)
	}
	w.tunnels.Shutdown(tunnel.Drain{Timeout: timeout})
	w.plan()
}

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
	if r == nil || x.backend == nil {
		return
	}
	w := x.w
	x.cut = w.shutdown
	for _, s := range [...]tunnel.Subject{
		{Listener: r.Listener.ID}, {Rule: r.RuleID}, {Pool: r.PoolID}, {Backend: x.backend},
	} {
		a, ok := w.drains[s]
		if !ok {
			continue
		}
		timeout := a.timeout
		if timeout < 0 {
			timeout = r.Setting.DrainTimeout
		}
		if at := max(a.start+loop.Time(timeout), 1); x.cut == 0 || at < x.cut {
			x.cut = at
		}
	}
	x.arm()
}

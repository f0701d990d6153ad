package health

import (
	"log/slog"
	"math/rand/v2"
	"reflect"
	"sync"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
)

// A state is where a watch stands.
type state int

const (
	waiting state = iota // in the schedule
	ready                // in a lane, for a slot
	running              // probing
	gone                 // no longer wanted
)

// A watch is a target being probed, from the Sync that brought it to the one that takes it away. The prober's mu guards
// it, and mu besides what a report rests on.
type watch struct {
	due     time.Time
	state   state
	index   int    // in the schedule
	lane    int    // 1 where the last probe ran out of time
	settled bool   // the target has its own phase in the interval
	cancel  func() // ends the probe in flight; nil where there is none

	mu     sync.Mutex // held while a result is reported, so that a change of the target waits for it
	target Target
	turn   uint64 // grows with each change of the target; a result of an older one is not reported
}

// A sent is one probe: how the target was probed, and what came of it.
type sent struct {
	target  Target
	turn    uint64 // of the watch when it was sent
	lane    int
	outcome outcome
	ended   time.Time
}

// aim sets what is probed. A report that has begun ends before it returns, and none of the old target begins after.
func (w *watch) aim(t Target) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.target = t
	w.turn++
}

// report tells the backend's health what a probe saw, unless the target has changed since the probe was sent.
func (w *watch) report(log *slog.Logger, s *sent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.turn != s.turn {
		return
	}
	h, probe, reason := s.target.Health, s.target.Probe, s.outcome.reason
	if s.outcome.ours {
		log.Warn("probe not sent", "backend", h.Backend.String(), "reason", reason)
		return
	}
	before := h.Status()
	h.Report(backend.Result{
		At: s.ended, OK: reason == "", Reason: reason,
		UnhealthyThreshold: probe.UnhealthyThreshold, HealthyThreshold: probe.HealthyThreshold,
	})
	if after := h.Status(); after != before {
		log.Info("backend changed", "backend", h.Backend.String(), "pool", h.Backend.Key.Pool,
			"setting", h.Setting, "status", after.String(), "reason", reason)
	}
}

// next sets when the target is probed again. The first time it draws a phase of its own, so that targets that came in
// one change are not probed in one burst for ever; from then on it keeps to it, and leaves out what it missed.
func (w *watch) next(now time.Time) {
	every := interval(w.target.Probe)
	if !w.settled {
		w.settled = true
		w.due = now.Add(every/4 + rand.N(every-every/4))
		return
	}
	w.due = w.due.Add(every)
	if late := now.Sub(w.due); late > 0 {
		w.due = w.due.Add((late + every - 1) / every * every)
	}
}

// equal says whether two targets are probed in the same way. A probe that was only renamed is the same.
func (t Target) equal(other Target) bool {
	if t.Addr != other.Addr || t.Host != other.Host {
		return false
	}
	if t.Probe == other.Probe {
		return true
	}
	a, b := *t.Probe, *other.Probe
	a.Name, b.Name = "", ""
	return reflect.DeepEqual(a, b)
}

// A schedule is a heap of watches by due.
type schedule []*watch

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].due.Before(s[j].due) }
func (s schedule) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i, j
}

// Push is heap.Interface's.
func (s *schedule) Push(x any) {
	w := x.(*watch)
	w.index = len(*s)
	*s = append(*s, w)
}

// Pop is heap.Interface's.
func (s *schedule) Pop() any {
	last := len(*s) - 1
	w := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	return w
}

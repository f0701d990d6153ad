package health

import (
	"log/slog"
	"math/rand/v2"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
)

// A state is where a watch stands.
type state int

const (
	waiting state = iota // in the schedule
	ready                // in a lane, for a start
	running              // probing
	gone                 // no longer wanted
)

// A watch is a target being probed, from the Sync that brought it to the one that takes it away. The prober's mu guards
// it, and mu besides what a report rests on.
type watch struct {
	due     time.Time
	state   state
	index   int       // in the schedule
	lane    int       // of the next probe
	heard   time.Time // when a probe last came to an outcome
	settled bool      // the target has its own phase in the interval
	cancel  func()    // ends the probe in flight; nil where there is none

	mu     sync.Mutex // held while a result is reported, so that a change of the target waits for it
	target Target
	turn   uint64 // grows with each change of the target; a result of an older one is not reported
}

// A fate is why a probe was ended before its time.
type fate = int32

const (
	onTime   fate = iota // it was not
	putOff               // there was no room for it to last: it says nothing
	cutShort             // it lasted long enough: the target failed
)

// A flight is one probe: how the target was probed, and what came of it.
type flight struct {
	watch   *watch
	lane    *lane
	began   time.Time
	timeout time.Duration
	target  Target
	turn    uint64 // of the watch when it was sent

	fate atomic.Int32 // written under the prober's mu

	outcome outcome // this and ended belong to the probe's goroutine, and under the prober's mu to finish
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
func (w *watch) report(log *slog.Logger, f *flight) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.turn != f.turn || f.outcome.putOff {
		return
	}
	h, probe, reason := f.target.Health, f.target.Probe, f.outcome.reason
	if f.outcome.ours {
		log.Warn("probe not sent", "backend", h.Backend.String(), "reason", reason)
		return
	}
	before := h.Status()
	h.Report(backend.Result{
		At: f.ended, OK: reason == "", Reason: reason,
		UnhealthyThreshold: probe.UnhealthyThreshold, HealthyThreshold: probe.HealthyThreshold,
	})
	if after := h.Status(); after != before {
		log.Info("backend changed", "backend", h.Backend.String(), "pool", h.Backend.Key.Pool,
			"setting", h.Setting, "status", after.String(), "reason", h.View().Reason)
	}
}

// learn chooses the lane of the next probe by what this one saw.
func (w *watch) learn(f *flight) {
	switch {
	case f.outcome.ours: // It says nothing about the target.
		return
	case f.outcome.putOff:
		w.lane = silent
		return
	case f.outcome.late:
		w.lane = silent
	default:
		w.lane = answering
	}
	w.heard = f.ended
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

package health

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A Target is what is probed on behalf of one health.
type Target struct {
	Health *backend.Health // identity of the target: one Health is probed once
	Addr   netip.AddrPort  // where the probe connects: the probe's port, else the one requests go to
	Probe  *spec.Probe     // never nil: the kind's defaults where the setting names none; never changed afterwards
	Host   string          // Host header where Probe.Host is null; "" means 127.0.0.1
}

// maxJitter bounds how long the first probe of a target is put off, so that the targets of one change do not all get
// theirs at once.
const maxJitter = time.Second

// A Prober probes targets until it is closed: each at once and then again and again at its interval, never twice at the
// same time. One goroutine keeps the times, and each probe in flight has one.
type Prober struct {
	log    *slog.Logger
	run    func(context.Context, *Target) outcome // set once in New; a clock-driven test replaces it
	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{} // holds one; the timekeeper has something new to look at
	work   sync.WaitGroup

	mu      sync.Mutex // guards what follows
	watches map[*backend.Health]*watch
	due     schedule
	lanes   [lanes]lane

	told atomic.Int64 // Unix time in seconds of the last warning that probes are put off
}

// New starts a prober without targets. Close ends it.
func New(log *slog.Logger) *Prober { return newProber(log, ask) }

func newProber(log *slog.Logger, run func(context.Context, *Target) outcome) *Prober {
	p := &Prober{log: log, run: run, wake: make(chan struct{}, 1), watches: map[*backend.Health]*watch{}, lanes: newLanes()}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.work.Add(1)
	go p.keepTime()
	return p
}

// Close ends all probes and waits for them. Nothing is reported afterwards.
func (p *Prober) Close() {
	p.Sync(nil) // So that no probe that is cut short is reported.
	p.cancel()
	p.work.Wait()
}

// Sync makes the targets the ones that are probed. What is probed already and did not change goes on undisturbed; what
// changed keeps its verdict and is probed anew at once. When it returns, no result of a target that left, or of the way
// a target was probed before, is reported any more.
func (p *Prober) Sync(targets []Target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wanted := make(map[*backend.Health]bool, len(targets))
	for _, t := range targets {
		wanted[t.Health] = true
		w := p.watches[t.Health]
		switch {
		case w == nil:
			w = &watch{due: soon(t.Probe), lane: fresh}
			w.aim(t)
			p.watches[t.Health] = w
			heap.Push(&p.due, w)
		case !w.target.equal(t):
			p.change(w, t)
		}
	}
	for h, w := range p.watches {
		if !wanted[h] {
			p.remove(w)
			delete(p.watches, h)
		}
	}
	p.poke()
}

// change probes a target in another way from now on.
func (p *Prober) change(w *watch, t Target) {
	w.aim(t)
	w.lane, w.settled = fresh, false
	t.Health.Recount()
	if w.cancel != nil {
		w.cancel() // The probe in flight asks what nobody wants to know any more; the next follows when it has ended.
	}
	if w.state == waiting {
		w.due = soon(t.Probe)
		heap.Fix(&p.due, w.index)
	}
}

func (p *Prober) remove(w *watch) {
	w.aim(Target{})
	if w.cancel != nil {
		w.cancel()
	}
	if w.state == waiting {
		heap.Remove(&p.due, w.index)
	}
	w.state = gone
}

// soon is when a target is probed that is new, or is probed in a new way.
func soon(probe *spec.Probe) time.Time {
	return time.Now().Add(rand.N(min(maxJitter, interval(probe))))
}

// interval guards against one that no check would let pass.
func interval(probe *spec.Probe) time.Duration {
	return max(probe.Interval.Value(), 10*time.Millisecond)
}

// poke makes the timekeeper look again.
func (p *Prober) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// keepTime starts each probe when it is due and there is a start for it.
func (p *Prober) keepTime() {
	defer p.work.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if next := p.dispatch(); next > 0 {
			timer.Reset(next)
		}
		select {
		case <-p.ctx.Done():
			return
		case <-p.wake:
		case <-timer.C:
		}
	}
}

// dispatch starts what is due and says in how long to come again; 0 where nothing waits for a time.
func (p *Prober) dispatch() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for len(p.due) > 0 && !p.due[0].due.After(now) {
		w := heap.Pop(&p.due).(*watch)
		if l := &p.lanes[w.lane]; l.waiting.n == 0 && len(l.starting) < l.starts {
			p.start(w, l)
		} else {
			w.state = ready
			l.waiting.push(w)
		}
	}
	var next time.Time
	if len(p.due) > 0 {
		next = p.due[0].due
	}
	for i := range p.lanes {
		next = earlier(next, p.fill(&p.lanes[i], now))
	}
	if next.IsZero() {
		return 0
	}
	return max(next.Sub(now), time.Nanosecond)
}

// start begins a probe. The prober's mu is held.
func (p *Prober) start(w *watch, l *lane) {
	w.state = running
	p.work.Add(1)
	f := &flight{watch: w, lane: l, began: time.Now(), target: w.target, turn: w.turn, timeout: w.target.Probe.Timeout.Value()}
	l.starting = append(l.starting, f)
	ctx, cancel := context.WithTimeout(p.ctx, f.timeout)
	w.cancel = cancel
	go func() {
		defer p.work.Done()
		f.outcome = p.run(ctx, &f.target)
		f.ended = time.Now()
		if f.outcome.late && errors.Is(ctx.Err(), context.Canceled) {
			p.curtailed(f)
		}
		cancel()
		w.report(p.log, f)
		p.finish(f)
	}()
}

// curtailed is the outcome of a probe that was ended before its timeout.
func (p *Prober) curtailed(f *flight) {
	switch f.fate.Load() {
	case cutShort:
		f.outcome.reason = fmt.Sprintf("no whole answer within %s; the probe was ended then, because too many targets do not answer", longest)
	case putOff:
		f.outcome = outcome{putOff: true}
		now := f.ended.Unix()
		if last := p.told.Load(); now-last >= 60 && p.told.CompareAndSwap(last, now) {
			p.log.Warn("probes put off", "backend", f.target.Health.Backend.String(), "reason", "too many targets do not answer")
		}
	}
}

// finish gives the place in the lane back and arranges the next probe.
func (p *Prober) finish(f *flight) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := f.watch
	f.lane.leave(f)
	w.cancel = nil
	p.poke()
	switch {
	case w.state == gone || p.ctx.Err() != nil:
		return
	case w.turn != f.turn:
		w.due = soon(w.target.Probe)
	case f.outcome.putOff && w.lane == fresh:
		w.lane = silent
		w.due = soon(w.target.Probe)
	default:
		w.learn(f)
		w.next(f.ended)
	}
	w.state = waiting
	heap.Push(&p.due, w)
}

package health

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/handshake"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secure"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A Target is what is probed on behalf of one health.
type Target struct {
	Health *backend.Health // identity of the target: one Health is probed once
	Addr   backend.Address // where the probe connects: the probe's port, else where requests go to
	Probe  *spec.Probe     // never nil: the kind's defaults where the setting names none; never changed afterwards
	Host   string          // Host header where Probe.Host is null; "" means 127.0.0.1

	KeepFor       time.Duration // how long the target may be trusted to leave an idle connection open; 0 is not at all
	Source        []netip.Addr  // own addresses that TCP connections come from, in turn; none of the family is any
	Probes        *meter.Probes // counts the probes; nil where nobody asks
	ProxyProtocol bool          // begin every connection with a PROXY protocol header, version 2, LOCAL

	TLS        *secure.Client // probes go over it; nil: in clear
	ServerName string         // what the certificate must be for
}

// Config is what a Prober needs.
type Config struct {
	// Log may be nil: nothing is logged.
	Log *slog.Logger
	// Names, which may be nil, are what a target is called in the log; empty for one that is called nothing any more. It is
	// called as Changed is.
	Names func(h *backend.Health) (pool, setting, target string)
	// Changed, which may be nil, is called after a verdict turned and those who follow the health were told. It runs on a
	// goroutine of the prober without a lock held, one call after the other. It may take long, but must not call or wait
	// for Sync or Close. A turn that came before a Sync may still be told of after it.
	Changed func(h *backend.Health, before, after backend.Status, reason string)
	// Handshakes bound those that compute at once, with others; nil makes slots for the prober.
	Handshakes *handshake.Slots
}

const (
	// maxDelay bounds how long the first probe of a target is put off, and paceOfFirst how many of one change come in a
	// millisecond, so that they do not all come at once.
	maxDelay    = loop.Time(500e6)
	paceOfFirst = loop.Time(1e6)
	// Phases are rounded to a part of the interval, and to together at most.
	stepsApart = 64
	together   = loop.Time(16e6)
	// pace is how long answers gather while there are many. They come a little later for it, and cost half.
	pace = 8 * time.Millisecond
	// keepFree bounds how many closed connections' memory waits for its next use.
	keepFree = 1024
)

// A Prober probes targets until it is closed: each at once and then again and again at its interval, never twice at the
// same time. Its loop runs on a goroutine of its own, locked to a thread, and costs nothing while there is nothing to do.
type Prober struct {
	log    *slog.Logger
	l      *loop.Loop
	teller *teller
	shakes *handshake.Runner
	work   sync.WaitGroup

	// What follows is the loop's.
	limits      limits
	watches     map[*backend.Health]*watch
	epoch       uint64 // of the last Sync
	phases      uint32 // where in its interval the next target is probed
	sources     int    // turns over Target.Source
	quick, slow class
	parting     int
	kept        int
	told        map[string]loop.Time // when a warning was last given, by its text

	// Memory that one handler uses at a time.
	response http1.Response
	text     []byte
	free     []*link
}

// New starts a prober without targets. Close ends it. Its errors are the system's, which has no poller for it.
func New(cfg Config) (*Prober, error) { return newProber(cfg, newLimits()) }

func newProber(cfg Config, lim limits) (*Prober, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Handshakes == nil {
		cfg.Handshakes = handshake.NewSlots(1)
	}
	l, err := loop.New(loop.Config{Pace: pace, Log: cfg.Log.With("of", "probes")})
	if err != nil {
		return nil, fmt.Errorf("event loop of probes: %w", err)
	}
	p := &Prober{
		log: cfg.Log, l: l, teller: newTeller(cfg), shakes: handshake.NewRunner(l, cfg.Handshakes), limits: lim, phases: rand.Uint32(),
		watches: map[*backend.Health]*watch{}, told: map[string]loop.Time{},
	}
	p.quick.init(p, false, lim.brief)
	p.slow.init(p, true, lim.longest)
	p.work.Go(l.Run)
	p.work.Go(p.teller.run)
	return p, nil
}

// Close ends all probes and waits for them. Nothing is reported afterwards.
func (p *Prober) Close() {
	p.Sync(nil) // So that no probe that is ended is reported.
	p.l.Stop()
	p.teller.end()
	p.work.Wait()
}

// Sync makes the targets the ones that are probed. What is probed already and did not change goes on undisturbed; what
// changed keeps its verdict and is probed anew at once. When it returns, no result of a target that left, or of the way
// a target was probed before, is recorded any more. After Close it does nothing.
func (p *Prober) Sync(targets []Target) {
	done := make(chan struct{})
	if p.l.Post(func() { defer close(done); p.sync(targets) }) {
		<-done
	}
}

func (p *Prober) sync(targets []Target) {
	p.epoch++
	ps := newPlans()
	var fresh []*watch
	for i := range targets {
		t := &targets[i]
		w := p.watches[t.Health]
		switch {
		case w == nil:
			w = &watch{p: p, plan: ps.plan(t.Probe)}
			w.fire = w.begin
			p.watches[t.Health] = w
			fresh = append(fresh, w)
		case w.epoch == p.epoch:
			continue // the same health twice
		case !w.target.asks(t) || !ps.equal(w.target.Probe, t.Probe):
			w.abandon()
			w.plan, w.slow = ps.plan(t.Probe), false
			t.Health.Recount()
			fresh = append(fresh, w)
		}
		w.target, w.epoch = *t, p.epoch
	}
	for h, w := range p.watches {
		if w.epoch != p.epoch {
			w.abandon()
			w.state = gone
			delete(p.watches, h)
		}
	}
	for _, w := range fresh {
		w.settle(loop.Time(len(fresh)) * paceOfFirst)
	}
	for _, c := range []*class{&p.quick, &p.slow} {
		c.waiting.sift()
		c.fill()
	}
}

// asks says whether another target is connected to and asked in the same way, but for the probe.
func (t *Target) asks(other *Target) bool {
	return t.Addr == other.Addr && t.Host == other.Host && t.ProxyProtocol == other.ProxyProtocol &&
		t.TLS == other.TLS && t.ServerName == other.ServerName && slices.Equal(t.Source, other.Source)
}

// warn tells of what hinders probes, at most once a minute.
func (p *Prober) warn(text string, w *watch, reason string) {
	now := p.l.Now()
	if last, known := p.told[text]; known && now-last < loop.Time(time.Minute) {
		return
	}
	p.told[text] = now
	p.log.Warn(text, "backend", w.target.Health.Backend.String(), "reason", reason)
}

package plane

import (
	"slices"
	"strings"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/accesslog"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/proxy"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
)

// Figures are what the data path has counted, under the names that objects have now. They are not of one instant.
type Figures struct {
	Traffic   []TrafficFigures // of every rule, then of every listener, then of requests that no listener serves
	Upstreams []UpstreamFigures
	Loops     []LoopFigures
	Workers   proxy.Stats      // of all loops
	AccessLog *accesslog.Stats // nil without an access log
	// Own are the gateway's own answers by reason, every reason once.
	Own []Reasoned
	// Unshaken are the TLS handshakes with clients that failed by reason, every reason once.
	Unshaken []Reasoned
}

// TrafficFigures are those of a rule; of a listener where Rule is empty; of nobody where Listener is empty, too.
type TrafficFigures struct {
	Listener, Rule, Pool, Setting string
	meter.TrafficFigures
}

// UpstreamFigures are those of a pool under a setting.
type UpstreamFigures struct {
	Pool, Setting string
	meter.UpstreamFigures
	// States counts the backends by their verdict, Ejected those that are out because requests to them failed.
	States  [3]int // by backend.Status
	Ejected int
	Targets map[string]*TargetFigures // by the target's key
}

// TargetFigures are those of one target of a pool under a setting. Where two come to the same address and port, each has
// what both have together.
type TargetFigures struct {
	// Healthy counts its healthy backends: 0 or 1, but more where a DNS name has several addresses.
	Healthy int
	// Tunnels are those to it, and to addresses that its DNS name had before.
	Tunnels meter.TargetFigures

	counted map[*meter.Target]bool
}

// count adds what is known of one of the target's backends.
func (f *TargetFigures) count(h *backend.Health, healthy bool) {
	if healthy {
		f.Healthy++
	}
	if tunnels := h.Tunnels(); !f.counted[tunnels] { // The addresses of a name have one meter.
		f.counted[tunnels] = true
		tunnels.AddTo(&f.Tunnels)
	}
}

// LoopFigures are those of an event loop. Stalled says that it did not answer in time; what its worker counts is then as
// it was when it answered last.
type LoopFigures struct {
	loop.Stats
	Stalled bool
}

// A Reasoned is how often something came about for one reason.
type Reasoned struct {
	Reason string
	N      uint64
}

// Figures reads the counters. Loops are asked for some of them, and have a time to answer: one that stands still makes
// nobody wait for longer. Many may call it, but not on a loop.
func (p *Plane) Figures(within time.Duration) Figures {
	var f Figures
	f.Loops, f.Workers = p.askLoops(within)
	if p.access != nil {
		stats := p.access.Stats()
		f.AccessLog = &stats
	}
	for i, n := range f.Workers.Refused {
		f.Own = append(f.Own, Reasoned{Reason: proxy.Reason(i).String(), N: n})
	}
	for i, n := range f.Workers.Handshakes.Failed {
		f.Unshaken = append(f.Unshaken, Reasoned{Reason: proxy.HandshakeFailure(i).String(), N: n})
	}
	f.Traffic = trafficOf(p.table.Load())
	f.Traffic = append(f.Traffic, TrafficFigures{TrafficFigures: p.strangers.Figures()})
	p.mu.Lock()
	uses := p.serving.sorted()
	members := make([][]member, len(uses))
	for i, u := range uses {
		members[i] = u.members // The slice is never changed.
	}
	p.mu.Unlock()
	for i, u := range uses {
		f.Upstreams = append(f.Upstreams, u.figures(members[i]))
	}
	return f
}

func trafficOf(t *table.Table) []TrafficFigures {
	routes := slices.Clone(t.Routes())
	list := make([]TrafficFigures, 0, len(routes))
	seen := map[*meter.Traffic]bool{}
	for _, r := range routes {
		if r.Split != nil { // What goes to a share is counted there.
			routes = append(routes, r.Split.Routes()...)
		}
	}
	for _, r := range routes {
		if seen[r.Traffic] {
			continue
		}
		seen[r.Traffic] = true
		list = append(list, TrafficFigures{
			Listener: r.Listener.Name, Rule: r.RuleName, Pool: r.PoolName, Setting: r.Setting.Name, TrafficFigures: r.Traffic.Figures(),
		})
	}
	for _, at := range t.Addresses() {
		for _, l := range t.Address(at.Address, at.Port).Listeners {
			list = append(list, TrafficFigures{Listener: l.Name, TrafficFigures: l.Traffic.Figures()})
		}
	}
	return list
}

func (u *use) figures(members []member) UpstreamFigures {
	f := UpstreamFigures{Pool: u.pool.Name(), Setting: u.setting.Name(), UpstreamFigures: u.upstream.Figures(), Targets: make(map[string]*TargetFigures, len(members))}
	seen := map[*backend.Health]bool{}
	for i := range members {
		m := &members[i]
		key, _, _ := strings.Cut(m.key, "@")
		s := m.health.Standing()
		if f.Targets[key] == nil {
			f.Targets[key] = &TargetFigures{counted: map[*meter.Target]bool{}}
		}
		f.Targets[key].count(m.health, s.Status == backend.Healthy && !s.Ejected)
		if seen[m.health] {
			continue // Two targets may come to one address and port.
		}
		seen[m.health] = true
		f.States[s.Status]++
		if s.Ejected {
			f.Ejected++
		}
	}
	return f
}

// An answer is what a loop says of its worker.
type answer struct {
	loop  int
	stats proxy.Stats
}

// askLoops has each loop copy what its worker counts.
func (p *Plane) askLoops(within time.Duration) ([]LoopFigures, proxy.Stats) {
	loops := make([]LoopFigures, len(p.loops))
	answers := make(chan answer, len(p.loops)) // Room for all: a late loop waits for nobody.
	asked := 0
	for i, l := range p.loops {
		loops[i] = LoopFigures{Stats: l.Stats(), Stalled: true}
		if l.Post(func() {
			p.workers[i].Tunnels().Settle()
			answers <- answer{i, p.workers[i].Stats()}
		}) {
			asked++
		}
	}
	late := time.NewTimer(within)
	defer late.Stop()
	for got := 0; got < asked; got++ {
		select {
		case a := <-answers:
			loops[a.loop].Stalled = false
			p.counted.Lock()
			p.lastStats[a.loop] = a.stats
			p.counted.Unlock()
		case <-late.C:
			asked = 0
		}
	}
	var all proxy.Stats
	p.counted.Lock()
	defer p.counted.Unlock()
	for _, s := range p.lastStats {
		all.Add(s)
	}
	return loops, all
}

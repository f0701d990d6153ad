package plane

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// An ending is what a configuration that is imagined would take from those who use it.
type ending struct {
	leaving
	within time.Duration
	by     cause
}

// A cause is the change that ends something: of which object, at which path, and what it does in words that go on with what
// that ends.
type cause struct {
	kind             *spec.Kind
	name, path, does string
}

// impact tells each object that would be changed or deleted what that ends. Each loop is asked how much is open, so it must
// not be called on one.
func (p *Plane) impact(next *spec.Set) []control.ObjectProblem {
	p.mu.Lock()
	endings := p.endings(next)
	p.mu.Unlock()
	if len(endings) == 0 {
		return nil
	}
	list := make([]*leaving, len(endings))
	for i := range endings {
		list[i] = &endings[i].leaving
	}
	open, within := map[cause]int64{}, map[cause]time.Duration{}
	var causes []cause
	for i, n := range p.usage(list) {
		if n == 0 {
			continue
		}
		by := endings[i].by
		if open[by] == 0 {
			causes = append(causes, by)
		}
		open[by] += n
		within[by] = max(within[by], endings[i].within)
	}
	if len(causes) == 0 {
		return nil
	}
	all := p.Activity()
	told := make([]control.ObjectProblem, len(causes))
	for i, by := range causes {
		message := fmt.Sprintf("%sends %d of the %d requests and WebSockets that are open now, within %s",
			by.does, open[by], max(all.Requests+all.Tunnels, open[by]), spec.Brief(within[by]))
		told[i] = control.ObjectProblem{Kind: by.kind, Name: by.name, Problem: spec.Problem{Path: by.path, Message: message}}
	}
	return told
}

// endings are the listeners, rules and backends that would be gone. The plane's mu is held, and nothing is changed.
func (p *Plane) endings(next *spec.Set) []ending {
	s := &step{was: p.set, is: next, uses: newUses(p, next)}
	var list []ending
	gone, _ := passEntries(maps.Clone(p.life.listeners), s, spec.Listeners)
	for _, e := range gone {
		list = append(list, endingOf(e, tunnel.Subject{Listener: e.ID}, e.Object.(*spec.Listener).DrainTimeout.Value()))
	}
	gone, _ = passEntries(maps.Clone(p.life.rules), s, spec.Rules)
	for _, e := range gone {
		list = append(list, endingOf(e, tunnel.Subject{Rule: e.ID}, p.life.grants[e.ID]))
	}
	return append(list, p.leavingBackends(s)...)
}

func endingOf(e *spec.Entry, of tunnel.Subject, within time.Duration) ending {
	return ending{leaving: leaving{of: of}, within: within, by: cause{kind: e.Kind, name: e.Name()}}
}

// leavingBackends are the endings of backends whose target would be gone.
func (p *Plane) leavingBackends(s *step) []ending {
	var list []ending
	for id, pool := range s.changedPools(nil) {
		seats := s.seatsOf(pool)
		for b, o := range p.life.backends[id] {
			if !o.here || b.Open.Load() == 0 {
				continue
			}
			imagined := *o
			imagined.settings = maps.Clone(o.settings)
			if _, here := imagined.stands(b, seats, s); here {
				continue
			}
			e := ending{leaving: leaving{of: tunnel.Subject{Backend: b}}, within: o.grant}
			for _, e.by = range leftBy(s, b, o, pool) {
				list = append(list, e)
			}
		}
	}
	return list
}

// leftBy says what takes a backend away: its target that is an object, its pool that goes or leaves it out, or else the
// settings whose port becomes another.
func leftBy(s *step, b *backend.Backend, o *origin, pool *spec.Entry) []cause {
	name, own := strings.CutPrefix(o.key, "target/")
	name, _, _ = strings.Cut(name, "@")
	switch {
	case own && s.is.Get(spec.Targets, name) == nil:
		return []cause{{kind: spec.Targets, name: name}}
	case own && s.is.Get(spec.Targets, name) != s.was.Get(spec.Targets, name):
		return []cause{{kind: spec.Targets, name: name, does: "is no longer where it was, which "}}
	case pool == nil:
		return []cause{{kind: spec.Pools, name: o.pool}}
	case s.was.Get(spec.Pools, o.pool) != pool:
		return []cause{{spec.Pools, pool.Name(), "targets", fmt.Sprintf("has %q no longer at %s, which ", name, b)}}
	}
	var list []cause
	for was, is := range s.is.Differences(s.was, spec.Settings) {
		if was != nil && is != nil && o.settings[is.ID] && port(was) != port(is) {
			list = append(list, cause{spec.Settings, is.Name(), "port", "moves targets that have none of their own, which "})
		}
	}
	return list
}

package plane

import (
	"fmt"
	"maps"
	"slices"
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
	on     control.ObjectProblem // its message says what does it, and goes on with how many
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
	type place struct {
		kind             *spec.Kind
		name, path, text string
	}
	var told []control.ObjectProblem
	at := map[place]int{}
	var sums []int64
	var longest []time.Duration
	for i, n := range p.usage(list) {
		e := &endings[i]
		if n == 0 {
			continue
		}
		here := place{e.on.Kind, e.on.Name, e.on.Path, e.on.Message}
		k, known := at[here]
		if !known {
			k = len(told)
			at[here] = k
			told, sums, longest = append(told, e.on), append(sums, 0), append(longest, 0)
		}
		sums[k] += n
		longest[k] = max(longest[k], e.within)
	}
	if len(told) == 0 {
		return nil
	}
	all := p.Activity()
	for k := range told {
		told[k].Message += fmt.Sprintf("ends %d of the %d requests and WebSockets that are open now, within %s",
			sums[k], max(all.Requests+all.Tunnels, sums[k]), brief(longest[k]))
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
	return ending{leaving: leaving{of: of}, within: within, on: control.ObjectProblem{Kind: e.Kind, Name: e.Name()}}
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
			for _, e.on = range leftBy(s, b, o, pool) {
				list = append(list, e)
			}
		}
	}
	return list
}

// leftBy says what takes a backend away: its target that is an object, its pool that goes or leaves it out, or else the
// settings whose port becomes another.
func leftBy(s *step, b *backend.Backend, o *origin, pool *spec.Entry) []control.ObjectProblem {
	name, own := strings.CutPrefix(o.key, "target/")
	name, _, _ = strings.Cut(name, "@")
	switch {
	case own && s.is.Get(spec.Targets, name) == nil:
		return []control.ObjectProblem{{Kind: spec.Targets, Name: name}}
	case own && s.is.Get(spec.Targets, name) != s.was.Get(spec.Targets, name):
		return []control.ObjectProblem{{Kind: spec.Targets, Name: name, Problem: spec.Problem{Message: "is no longer where it was, which "}}}
	case pool == nil:
		return []control.ObjectProblem{{Kind: spec.Pools, Name: o.pool}}
	case s.was.Get(spec.Pools, o.pool) != pool:
		message := fmt.Sprintf("has %q no longer at %s, which ", name, b)
		return []control.ObjectProblem{{Kind: spec.Pools, Name: pool.Name(), Problem: spec.Problem{Path: "targets", Message: message}}}
	}
	var list []control.ObjectProblem
	for was, is := range s.is.Differences(s.was, spec.Settings) {
		if was != nil && is != nil && o.settings[is.ID] && port(was) != port(is) {
			list = append(list, control.ObjectProblem{Kind: spec.Settings, Name: is.Name(), Problem: spec.Problem{Path: "port", Message: "moves targets that have none of their own, which "}})
		}
	}
	return slices.Clip(list)
}

// brief is a duration as people write it.
func brief(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

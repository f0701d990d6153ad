package plane

import (
	"net/netip"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A life follows what connections hold: which listeners, rules and backends of published configurations are gone and
// draining, and which came back. Connections belong to objects and not to configurations, so a backend is followed as
// long as something may be open on it, also while no rule uses its pool.
type life struct {
	listeners, rules map[string]time.Time // by hidden id, those that are gone: since when
	backends         map[string]map[*backend.Backend]*origin
	pools            map[string]bool // by hidden id, those that are gone while something was open on their backends
}

// An origin is where a backend came from. life holds them by the pool's hidden id.
type origin struct {
	settings map[string]bool // hidden ids of the settings under which its target means its port
	here     bool            // false while draining
}

func newLife() *life {
	return &life{
		listeners: map[string]time.Time{}, rules: map[string]time.Time{},
		backends: map[string]map[*backend.Backend]*origin{}, pools: map[string]bool{},
	}
}

// A passage is what one publication did to living things.
type passage struct {
	goneListeners, backListeners []string
	goneRules, backRules         []string
	goneBackends, backBackends   []*backend.Backend
}

// empty says that nothing went or came back.
func (p *passage) empty() bool {
	return len(p.goneListeners)+len(p.backListeners)+len(p.goneRules)+len(p.backRules)+len(p.goneBackends)+len(p.backBackends) == 0
}

// A step is from one published configuration to the next.
type step struct {
	was, is *spec.Set
	fresh   []*use // those that are new or other than before
	dropped bool   // some use is no more
}

// newStep is the step that publishes x.
func newStep(p *Plane, x *prepared) step {
	s := step{was: p.set, is: x.set}
	for at, u := range x.uses.pairs {
		if p.serving.pairs[at] != u {
			s.fresh = append(s.fresh, u)
		}
	}
	for at := range p.serving.pairs {
		if x.uses.pairs[at] == nil {
			s.dropped = true
		}
	}
	return s
}

// pass moves on by a step. It costs little where little changed.
func (l *life) pass(s step) passage {
	var p passage
	p.goneListeners, p.backListeners = passIDs(l.listeners, s, spec.Listeners)
	p.goneRules, p.backRules = passIDs(l.rules, s, spec.Rules)
	for _, u := range s.fresh {
		l.follow(&p, u)
	}
	for id, pool := range l.changedPools(s) {
		l.passPool(&p, s.is, id, pool)
	}
	return p
}

// follow notes the backends of a use. One that is met for the first time counts as back: the registry may have kept it
// since an earlier life, of which workers still remember a drain.
func (l *life) follow(p *passage, u *use) {
	followed := l.backends[u.pool.ID]
	if followed == nil {
		followed = map[*backend.Backend]*origin{}
		l.backends[u.pool.ID] = followed
	}
	for _, m := range u.members {
		o := followed[m.health.Backend]
		if o == nil {
			o = &origin{settings: map[string]bool{}, here: true}
			followed[m.health.Backend] = o
			p.backBackends = append(p.backBackends, m.health.Backend)
		}
		o.settings[u.setting.ID] = true
	}
}

// changedPools are the pools, by hidden id, of which a backend may have gone or come back; nil for one that is gone.
func (l *life) changedPools(s step) map[string]*spec.Entry {
	changed := map[string]*spec.Entry{}
	for id := range l.pools {
		changed[id] = nil // To forget its backends once nothing is open on them.
	}
	for was, is := range s.is.Differences(s.was, spec.Pools) {
		if was != nil && changed[was.ID] == nil {
			changed[was.ID] = nil // Unless it is found under its new name.
		}
		if is != nil {
			changed[is.ID] = is
		}
	}
	for was, is := range s.is.Differences(s.was, spec.Settings) {
		if was != nil && is != nil && port(was) == port(is) {
			continue
		}
		// Targets without a port of their own may have moved, in any pool.
		for _, e := range s.is.All(spec.Pools) {
			changed[e.ID] = e
		}
		break
	}
	return changed
}

func port(setting *spec.Entry) int { return setting.Object.(*spec.Setting).EffectivePort() }

// passPool finds out which backends of a pool are gone and back.
func (l *life) passPool(p *passage, set *spec.Set, id string, pool *spec.Entry) {
	targets := targetsOf(pool)
	for b, o := range l.backends[id] {
		here := o.stands(b, targets, set)
		switch {
		case here && !o.here:
			p.backBackends = append(p.backBackends, b)
		case !here && o.here:
			p.goneBackends = append(p.goneBackends, b)
		}
		o.here = here
		if !here && b.Open.Load() == 0 {
			delete(l.backends[id], b)
		}
	}
	delete(l.pools, id)
	if len(l.backends[id]) == 0 {
		delete(l.backends, id)
	} else if pool == nil {
		l.pools[id] = true
	}
}

// forgetAfter is how long what went is remembered, in case it comes back: longer than any drain.
const forgetAfter = 2 * time.Hour

// passIDs keeps the ids of a kind's objects that are gone, and says which went and which are back.
func passIDs(away map[string]time.Time, s step, kind *spec.Kind) (gone, back []string) {
	went, came := map[string]bool{}, map[string]bool{}
	for was, is := range s.is.Differences(s.was, kind) {
		if was != nil {
			went[was.ID] = true
		}
		if is != nil {
			came[is.ID] = true
		}
	}
	for id := range came {
		if _, known := away[id]; known {
			back = append(back, id)
			delete(away, id)
		}
	}
	for id, since := range away {
		if time.Since(since) > forgetAfter {
			delete(away, id)
		}
	}
	for id := range went {
		if !came[id] { // Else it was changed or renamed.
			gone = append(gone, id)
			away[id] = time.Now()
		}
	}
	return gone, back
}

// targetsOf are the ports of a pool's targets by address; 0 is a target that leaves it to the setting. A nil entry has
// none.
func targetsOf(pool *spec.Entry) map[netip.Addr][]int {
	if pool == nil {
		return nil
	}
	targets := map[netip.Addr][]int{}
	for _, t := range pool.Object.(*spec.Pool).Targets {
		address, err := netip.ParseAddr(t.Address)
		if err != nil {
			continue
		}
		p := 0
		if t.Port != nil {
			p = *t.Port
		}
		targets[address.Unmap()] = append(targets[address.Unmap()], p)
	}
	return targets
}

// stands says whether a backend's target is still in its pool, under a setting that still means its port.
func (o *origin) stands(b *backend.Backend, targets map[netip.Addr][]int, set *spec.Set) bool {
	for _, p := range targets[b.Key.Addr.TCP.Addr()] {
		if p == int(b.Key.Addr.TCP.Port()) {
			return true
		}
		if p != 0 {
			continue
		}
		for id := range o.settings {
			// A setting that is gone is no reason to end anything: only listener, rule, pool and target are.
			if e := set.ByID(spec.Settings, id); e == nil || port(e) == int(b.Key.Addr.TCP.Port()) {
				return true
			}
			delete(o.settings, id)
		}
	}
	return false
}

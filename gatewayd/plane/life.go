package plane

import (
	"net/netip"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A life follows what connections hold: which listeners, rules and backends of published configurations are still
// there, and which are gone and draining. Connections belong to objects and not to configurations, so a backend is
// followed as long as something may be open on it, also while no rule uses its pool.
type life struct {
	listeners, rules map[string]time.Time // by hidden id: when it went, zero while it is there
	backends         map[*backend.Backend]*origin
}

// An origin is where a backend came from.
type origin struct {
	settings map[string]bool // hidden ids of the settings under which it was used
	here     bool            // false while draining
}

func newLife() *life {
	return &life{listeners: map[string]time.Time{}, rules: map[string]time.Time{}, backends: map[*backend.Backend]*origin{}}
}

// A passage is what one publication did to living things.
type passage struct {
	goneListeners, backListeners []string
	goneRules, backRules         []string
	goneBackends, backBackends   []*backend.Backend
}

// pass moves on to a published configuration.
func (l *life) pass(set *spec.Set, in *uses) passage {
	var p passage
	p.goneListeners, p.backListeners = passIDs(l.listeners, set.All(spec.Listeners))
	p.goneRules, p.backRules = passIDs(l.rules, set.All(spec.Rules))
	for _, u := range in.pairs {
		for _, m := range u.members {
			o := l.backends[m.health.Backend]
			if o == nil {
				o = &origin{settings: map[string]bool{}, here: true}
				l.backends[m.health.Backend] = o
			}
			o.settings[u.setting.ID] = true
		}
	}
	pools := map[string]*spec.Entry{}
	for _, e := range set.All(spec.Pools) {
		pools[e.ID] = e
	}
	settings := map[string]*spec.Entry{}
	for _, e := range set.All(spec.Settings) {
		settings[e.ID] = e
	}
	for b, o := range l.backends {
		here := o.stands(b, pools[b.Key.Pool], settings)
		switch {
		case here && !o.here:
			p.backBackends = append(p.backBackends, b)
		case !here && o.here:
			p.goneBackends = append(p.goneBackends, b)
		}
		o.here = here
		if !here && b.Open.Load() == 0 {
			delete(l.backends, b)
		}
	}
	return p
}

// forgetAfter is how long what went is remembered, in case it comes back: longer than any drain.
const forgetAfter = 2 * time.Hour

// passIDs moves a map of ids on to the entries that are there now.
func passIDs(known map[string]time.Time, entries []*spec.Entry) (gone, back []string) {
	now := make(map[string]bool, len(entries))
	for _, e := range entries {
		now[e.ID] = true
		if went := known[e.ID]; !went.IsZero() {
			back = append(back, e.ID)
		}
		known[e.ID] = time.Time{}
	}
	for id, went := range known {
		switch {
		case now[id]:
		case went.IsZero():
			gone = append(gone, id)
			known[id] = time.Now()
		case time.Since(went) > forgetAfter:
			delete(known, id)
		}
	}
	return gone, back
}

// stands says whether a backend's target is still in its pool, under a setting that still means its port.
func (o *origin) stands(b *backend.Backend, pool *spec.Entry, settings map[string]*spec.Entry) bool {
	if pool == nil {
		return false
	}
	for _, t := range pool.Object.(*spec.Pool).Targets {
		address, err := netip.ParseAddr(t.Address)
		if err != nil || address.Unmap() != b.Key.Addr.Addr() {
			continue
		}
		if t.Port != nil {
			if *t.Port == int(b.Key.Addr.Port()) {
				return true
			}
			continue
		}
		for id := range o.settings {
			// A setting that is gone is no reason to end anything: only listener, rule, pool and target are.
			e := settings[id]
			if e == nil || e.Object.(*spec.Setting).EffectivePort() == int(b.Key.Addr.Port()) {
				return true
			}
		}
	}
	return false
}

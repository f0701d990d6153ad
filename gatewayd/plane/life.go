package plane

import (
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A life follows what connections hold: which listeners, rules and backends of published configurations are gone and
// draining, and which came back. Connections belong to objects and not to configurations, so a backend is followed as
// long as something may be open on it, also while no rule uses its pool. The plane's mu guards it.
type life struct {
	listeners, rules map[string]time.Time     // by hidden id, those that are gone: since when
	grants           map[string]time.Duration // of rules by hidden id: the longest drain that they ever gave
	backends         map[string]map[*backend.Backend]*origin
	pools            map[string]bool // by hidden id, those that are gone while something was open on their backends
	passes           uint64          // how often members were followed
}

func newLife() *life {
	return &life{
		listeners: map[string]time.Time{}, rules: map[string]time.Time{}, grants: map[string]time.Duration{},
		backends: map[string]map[*backend.Backend]*origin{}, pools: map[string]bool{},
	}
}

// pass moves on by a step, whose uses have their members and which changed these pools. It costs little where little
// changed.
func (l *life) pass(s *step, changed map[string]*spec.Entry) passage {
	var p passage
	p.goneListeners, p.backListeners = passEntries(l.listeners, s, spec.Listeners)
	p.goneRules, p.backRules = passEntries(l.rules, s, spec.Rules)
	l.grantRules(s)
	l.follow(&p, s.fresh, s.uses)
	for id, pool := range changed {
		l.passPool(&p, s, id, pool)
	}
	return p
}

// follow notes the backends of uses whose members are others than before. One that drained is back, and one that is met
// for the first time counts as back: the registry may have kept it since an earlier life, of which workers still remember
// a drain. All uses of their pools are looked at, since one may know a backend by a name and another by its address.
func (l *life) follow(p *passage, fresh []*use, all *uses) {
	pools := map[string]bool{}
	for _, u := range fresh {
		pools[u.pool.ID] = true
	}
	l.passes++
	for at, u := range all.pairs {
		if pools[at.pool] {
			l.followUse(p, u)
		}
	}
}

func (l *life) followUse(p *passage, u *use) {
	followed := l.backends[u.pool.ID]
	if followed == nil {
		followed = map[*backend.Backend]*origin{}
		l.backends[u.pool.ID] = followed
	}
	for i := range u.members {
		m := &u.members[i]
		o := followed[m.health.Backend]
		if o == nil {
			o = &origin{settings: map[string]bool{}}
			followed[m.health.Backend] = o
		}
		if !o.here {
			p.backBackends = append(p.backBackends, m.health.Backend)
		}
		o.join(u, m, l.passes)
	}
}

// passPool finds out which backends of a pool are gone and back, and forgets those that nobody needs.
func (l *life) passPool(p *passage, s *step, id string, pool *spec.Entry) {
	if len(l.backends[id]) > 0 {
		seats := s.seatsOf(pool)
		for b, o := range l.backends[id] {
			key, here := o.stands(b, seats, s)
			if here { // It may be called otherwise by now, though no rule uses it.
				o.pool, o.key = pool.Name(), key
			}
			switch {
			case here && !o.here:
				p.backBackends = append(p.backBackends, b)
			case !here && o.here:
				p.gone(b, o)
				o.until = time.Now().Add(o.grant)
			}
			o.here = here
			if o.idle(b, s.member(b)) {
				delete(l.backends[id], b)
			}
		}
	}
	delete(l.pools, id)
	if len(l.backends[id]) == 0 {
		delete(l.backends, id)
	} else if pool == nil {
		l.pools[id] = true
	}
}

// grantRules keeps the longest drain that each rule gave: what is open under it has that of its beginning.
func (l *life) grantRules(s *step) {
	raise := func(e *spec.Entry) {
		for name := range e.Object.(*spec.Rule).Settings() {
			if setting := s.is.Get(spec.Settings, name); setting != nil {
				l.grants[e.ID] = max(l.grants[e.ID], setting.Object.(*spec.Setting).DrainTimeout.Value())
			}
		}
	}
	for _, is := range s.is.Differences(s.was, spec.Rules) {
		if is != nil {
			raise(is)
		}
	}
	for range s.is.Differences(s.was, spec.Settings) {
		for _, e := range s.is.All(spec.Rules) {
			raise(e)
		}
		break
	}
}

// forget drops the backends that are members of nothing and have nothing open, as addresses that left a DNS answer, and
// what is known of rules that will not come back.
func (l *life) forget(set *spec.Set, serving *uses) {
	rules := map[string]bool{}
	for _, e := range set.All(spec.Rules) {
		rules[e.ID] = true
	}
	for id := range l.grants {
		if _, away := l.rules[id]; !away && !rules[id] {
			delete(l.grants, id)
		}
	}
	members := serving.backends()
	for id, followed := range l.backends {
		for b, o := range followed {
			if o.idle(b, members[b]) {
				delete(followed, b)
			}
		}
		if len(followed) == 0 {
			delete(l.backends, id)
			delete(l.pools, id)
		}
	}
}

// forgetAfter is how long what went is remembered, in case it comes back: longer than any drain.
const forgetAfter = 2 * time.Hour

// passEntries keeps the ids of a kind's objects that are gone, and says which went and which are back.
func passEntries(away map[string]time.Time, s *step, kind *spec.Kind) (gone []*spec.Entry, back []string) {
	went, came := map[string]*spec.Entry{}, map[string]bool{}
	for was, is := range s.is.Differences(s.was, kind) {
		if was != nil {
			went[was.ID] = was
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
	for id, e := range went {
		if !came[id] { // Else it was changed or renamed.
			gone = append(gone, e)
			away[id] = time.Now()
		}
	}
	return gone, back
}

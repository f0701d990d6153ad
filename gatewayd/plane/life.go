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
	listeners, rules map[string]time.Time // by hidden id, those that are gone: since when
	backends         map[string]map[*backend.Backend]*origin
	pools            map[string]bool // by hidden id, those that are gone while something was open on their backends
}

// An origin is where a backend came from. life holds them by the pool's hidden id.
type origin struct {
	settings map[string]bool // hidden ids of the settings under which its target means its port
	names    map[string]bool // DNS names that it was an address of; nil where it was of none
	pool     string          // the name of its pool
	key      string          // of its target, as in member
	here     bool            // false while draining; an address that left a DNS answer does not drain
	until    time.Time       // when the drain ends at the latest
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
	origins                      map[*backend.Backend]*origin // of those that are gone
}

// empty says that nothing went or came back.
func (p *passage) empty() bool {
	return len(p.goneListeners)+len(p.backListeners)+len(p.goneRules)+len(p.backRules)+len(p.goneBackends)+len(p.backBackends) == 0
}

func (p *passage) gone(b *backend.Backend, o *origin) {
	if p.origins == nil {
		p.origins = map[*backend.Backend]*origin{}
	}
	p.origins[b] = o
	p.goneBackends = append(p.goneBackends, b)
}

// A step is from one published configuration to the next.
type step struct {
	was, is  *spec.Set
	fresh    []*use                 // those that are new or other than before
	dropped  bool                   // some use is no more
	uses     *uses                  // of is
	settings map[string]*spec.Entry // of is, by hidden id; see setting
}

// newStep is the step that publishes x.
func newStep(p *Plane, x *prepared) *step {
	s := &step{was: p.set, is: x.set, uses: x.uses}
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

// setting finds a setting of the step's end by its hidden id; nil where there is none.
func (s *step) setting(id string) *spec.Entry {
	if s.settings == nil {
		s.settings = map[string]*spec.Entry{}
		for _, e := range s.is.All(spec.Settings) {
			s.settings[e.ID] = e
		}
	}
	return s.settings[id]
}

// pass moves on by a step. It costs little where little changed.
func (l *life) pass(s *step) passage {
	var p passage
	p.goneListeners, p.backListeners = passIDs(l.listeners, s, spec.Listeners)
	p.goneRules, p.backRules = passIDs(l.rules, s, spec.Rules)
	for _, u := range s.fresh {
		l.follow(&p, u)
	}
	for id, pool := range l.changedPools(s) {
		l.passPool(&p, s, id, pool)
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
		o.pool, o.key = u.pool.Name(), m.key
		if m.name != "" {
			if o.names == nil {
				o.names = map[string]bool{}
			}
			o.names[m.name] = true
		}
	}
}

// changedPools are the pools, by hidden id, of which a backend may have gone or come back; nil for one that is gone.
func (l *life) changedPools(s *step) map[string]*spec.Entry {
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
	for name := range s.uses.moved {
		if was := s.was.Get(spec.Pools, name); was != nil && changed[was.ID] == nil {
			changed[was.ID] = nil
		}
		if is := s.is.Get(spec.Pools, name); is != nil {
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
func (l *life) passPool(p *passage, s *step, id string, pool *spec.Entry) {
	if len(l.backends[id]) > 0 {
		seats := s.seatsOf(pool)
		for b, o := range l.backends[id] {
			here := o.stands(b, seats, s)
			switch {
			case here && !o.here:
				p.backBackends = append(p.backBackends, b)
			case !here && o.here:
				p.gone(b, o)
				o.until = time.Now().Add(o.grant(s.was))
			}
			o.here = here
			if !here && b.Open.Load() == 0 {
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

// forget drops the addresses that left a DNS answer and have nothing open any more.
func (l *life) forget(serving *uses) {
	members := serving.backends()
	for id, followed := range l.backends {
		for b, o := range followed {
			if o.names != nil && !members[b] && b.Open.Load() == 0 {
				delete(followed, b)
			}
		}
		if len(followed) == 0 {
			delete(l.backends, id)
		}
	}
}

// backends are those that something new may come to.
func (u *uses) backends() map[*backend.Backend]bool {
	all := map[*backend.Backend]bool{}
	for _, x := range u.pairs {
		for _, m := range x.members {
			all[m.health.Backend] = true
		}
	}
	return all
}

// grant is the longest time that something open on the backend may have been given: it has that of its own setting.
func (o *origin) grant(set *spec.Set) time.Duration {
	longest := time.Duration(0)
	for _, e := range set.All(spec.Settings) {
		if o.settings[e.ID] {
			longest = max(longest, e.Object.(*spec.Setting).DrainTimeout.Value())
		}
	}
	return longest
}

// forgetAfter is how long what went is remembered, in case it comes back: longer than any drain.
const forgetAfter = 2 * time.Hour

// passIDs keeps the ids of a kind's objects that are gone, and says which went and which are back.
func passIDs(away map[string]time.Time, s *step, kind *spec.Kind) (gone, back []string) {
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

// seatsOf are the ports of a pool's targets by address; 0 is a target that leaves it to the setting. A nil entry has none.
func (s *step) seatsOf(pool *spec.Entry) map[spec.TargetAddress][]int {
	if pool == nil {
		return nil
	}
	seats := map[spec.TargetAddress][]int{}
	for _, e := range s.uses.roster(pool) {
		seats[e.address] = append(seats[e.address], e.port)
	}
	return seats
}

// stands says whether a backend's target is still in its pool, under a setting that still means its port. One that came
// by a DNS name stands as long as the name does: whether the name still has the address is no reason to end anything.
func (o *origin) stands(b *backend.Backend, seats map[spec.TargetAddress][]int, s *step) bool {
	at := b.Key.Addr
	if at.Path != "" {
		return seats[spec.TargetAddress{Path: at.Path}] != nil
	}
	port := int(at.TCP.Port())
	if o.means(port, seats[spec.TargetAddress{IP: at.TCP.Addr()}], s) {
		return true
	}
	for name := range o.names {
		if o.means(port, seats[spec.TargetAddress{Name: name}], s) {
			return true
		}
	}
	return false
}

// means says whether one of the ports that targets have is the backend's.
func (o *origin) means(own int, ports []int, s *step) bool {
	for _, p := range ports {
		if p == own {
			return true
		}
		if p != 0 {
			continue
		}
		for id := range o.settings {
			// A setting that is gone is no reason to end anything: only listener, rule, pool and target are.
			if e := s.setting(id); e == nil || port(e) == own {
				return true
			}
			delete(o.settings, id)
		}
	}
	return false
}

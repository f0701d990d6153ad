package plane

import (
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A step is from one published configuration to the next.
type step struct {
	was, is  *spec.Set
	fresh    []*use                    // those that are new or other than before
	dropped  []*use                    // those whose pair is used no more
	uses     *uses                     // of is
	settings map[string]*spec.Entry    // of is, by hidden id; see setting
	members  map[*backend.Backend]bool // see member
}

// newStep is the step that publishes x.
func newStep(p *Plane, x *prepared) *step {
	s := &step{was: p.set, is: x.set, uses: x.uses}
	for at, u := range x.uses.pairs {
		if p.serving.pairs[at] != u {
			s.fresh = append(s.fresh, u)
		}
	}
	for at, u := range p.serving.pairs {
		if x.uses.pairs[at] == nil {
			s.dropped = append(s.dropped, u)
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

// member says whether something new may come to a backend at the step's end. Uses must have their members.
func (s *step) member(b *backend.Backend) bool {
	if s.members == nil {
		s.members = s.uses.backends()
	}
	return s.members[b]
}

// changedPools are the pools, by hidden id, of which a backend may have gone, come back or be forgotten; nil for one
// that is gone.
func (s *step) changedPools(gone map[string]bool) map[string]*spec.Entry {
	changed := map[string]*spec.Entry{}
	left := func(e *spec.Entry) {
		if e != nil && changed[e.ID] == nil {
			changed[e.ID] = nil // Unless it is found under its new name.
		}
	}
	came := func(e *spec.Entry) {
		if e != nil {
			changed[e.ID] = e
		}
	}
	for id := range gone {
		changed[id] = nil // To forget its backends once nothing is open on them.
	}
	for was, is := range s.is.Differences(s.was, spec.Pools) {
		left(was)
		came(is)
	}
	for name := range s.uses.moved {
		left(s.was.Get(spec.Pools, name))
		came(s.is.Get(spec.Pools, name))
	}
	for _, u := range s.dropped {
		if is := s.is.Get(spec.Pools, u.pool.Name()); is != nil && is.ID == u.pool.ID {
			came(is)
		}
	}
	for was, is := range s.is.Differences(s.was, spec.Settings) {
		if was != nil && is != nil && port(was) == port(is) {
			continue
		}
		// Targets without a port of their own may have moved, in any pool.
		for _, e := range s.is.All(spec.Pools) {
			came(e)
		}
		break
	}
	return changed
}

func port(setting *spec.Entry) int { return setting.Object.(*spec.Setting).EffectivePort() }

// A seat is a target as a backend looks for its own.
type seat struct {
	key  string
	port int // 0 is the setting's
}

// seatsOf are a pool's targets by address. A nil entry has none.
func (s *step) seatsOf(pool *spec.Entry) map[spec.TargetAddress][]seat {
	if pool == nil {
		return nil
	}
	seats := map[spec.TargetAddress][]seat{}
	for _, e := range s.uses.roster(pool) {
		seats[e.address] = append(seats[e.address], seat{e.key, e.port})
	}
	return seats
}

// A passage is what one publication did to living things.
type passage struct {
	goneListeners, goneRules []*spec.Entry // as they were
	backListeners, backRules []string      // hidden ids
	goneBackends             map[*backend.Backend]*origin
	backBackends             []*backend.Backend
}

// empty says that nothing went or came back.
func (p *passage) empty() bool {
	return len(p.goneListeners)+len(p.backListeners)+len(p.goneRules)+len(p.backRules)+len(p.goneBackends)+len(p.backBackends) == 0
}

func (p *passage) gone(b *backend.Backend, o *origin) {
	if p.goneBackends == nil {
		p.goneBackends = map[*backend.Backend]*origin{}
	}
	p.goneBackends[b] = o
}

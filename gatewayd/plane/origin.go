package plane

import (
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// An origin is where a backend came from. life holds them by the pool's hidden id.
type origin struct {
	settings map[string]bool // hidden ids of the settings under which its target means its port
	names    map[string]bool // DNS names that it was an address of; nil where it was of none
	pool     string          // the name of its pool when it was a member last
	key      string          // of its target, as in member
	here     bool            // false while draining; an address that left a DNS answer does not drain
	apart    bool            // it was no member when it was looked at last
	until    time.Time       // when the drain ends at the latest
	grant    time.Duration   // the longest that something which is open on it may go on
}

// join notes that the backend is a member of a use.
func (o *origin) join(u *use, m *member) {
	if m.health.Backend.Open.Load() == 0 {
		o.grant = 0
	}
	// What is open keeps the terms of its beginning, whatever the setting says by now.
	o.grant = max(o.grant, u.setting.Object.(*spec.Setting).DrainTimeout.Value())
	o.here, o.apart = true, false
	o.settings[u.setting.ID] = true
	o.pool, o.key = u.pool.Name(), m.key
	if m.name != "" {
		if o.names == nil {
			o.names = map[string]bool{}
		}
		o.names[m.name] = true
	}
}

// idle says that nothing needs the origin any more: the backend is no member, was none before either, so that no loop
// has a schedule with it, and nothing is open on it.
func (o *origin) idle(b *backend.Backend, member bool) bool {
	before := o.apart
	o.apart = !member
	return before && o.apart && b.Open.Load() == 0
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

package plane

import (
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// An origin is where a backend came from. life holds them by the pool's hidden id.
type origin struct {
	settings map[string]bool // hidden ids of the settings whose port is its own
	names    map[string]bool // DNS names that it was an address of when it was a member last; nil where it was of none
	pass     uint64          // in which names were gathered
	pool     string          // the name of its pool, and
	key      string          // of its target, as in member, when it was there last
	here     bool            // false while draining; an address that left a DNS answer does not drain
	apart    bool            // it was no member when it was looked at last
	until    time.Time       // when the drain ends at the latest
	grant    time.Duration   // the longest that something which is open on it may go on
}

// join notes that the backend is a member of a use.
func (o *origin) join(u *use, m *member, pass uint64) {
	// What is open keeps the terms of its beginning, whatever the settings say by now.
	o.grant = max(o.grant, u.setting.Object.(*spec.Setting).DrainTimeout.Value())
	o.here, o.apart = true, false
	// A target may leave its port out later, which is the setting's then.
	if !m.ported || port(u.setting) == int(m.health.Backend.Key.Addr.TCP.Port()) {
		o.settings[u.setting.ID] = true
	}
	o.pool, o.key = u.pool.Name(), m.key
	if o.pass != pass {
		o.pass, o.names = pass, nil // Those of before say nothing of a target that is written as an address by now.
	}
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

// stands says whether a backend's target is still in its pool, under a setting that still means its port, and which key it
// has there. One that came by a DNS name stands as long as the name does: whether the name still has the address is no
// reason to end anything.
func (o *origin) stands(b *backend.Backend, seats map[spec.TargetAddress][]seat, s *step) (key string, here bool) {
	at := b.Key.Addr
	if at.Path != "" {
		for _, t := range seats[spec.TargetAddress{Path: at.Path}] {
			return t.key, true
		}
		return "", false
	}
	port := int(at.TCP.Port())
	if key, here = o.seated(port, seats[spec.TargetAddress{IP: at.TCP.Addr()}], s); here {
		return key, true
	}
	for name := range o.names {
		if key, here = o.seated(port, seats[spec.TargetAddress{Name: name}], s); here {
			return addressKey(key, at.TCP.Addr()), true
		}
	}
	return "", false
}

// seated finds the target whose port is the backend's.
func (o *origin) seated(own int, targets []seat, s *step) (key string, here bool) {
	for _, t := range targets {
		if t.port == own {
			return t.key, true
		}
		if t.port != 0 {
			continue
		}
		for id := range o.settings {
			// A setting that is gone is no reason to end anything: only listener, rule, pool and target are.
			if e := s.setting(id); e == nil || port(e) == own {
				return t.key, true
			}
			delete(o.settings, id)
		}
	}
	return "", false
}

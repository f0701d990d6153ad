package plane

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/balance"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/health"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A pair is a pool used under a setting, by hidden ids: what a group belongs to.
type pair struct{ pool, setting string }

// A use is a pair in one configuration.
type use struct {
	pool, setting *spec.Entry
	group         *balance.Group
	members       []member
}

// A member is a target of a use.
type member struct {
	key    string // in the pool's map
	weight int
	health *backend.Health
}

// uses collects the pairs that a table asks for while it is compiled.
type uses struct {
	plane *Plane
	pairs map[pair]*use
}

// Group implements table.Living.
func (u *uses) Group(pool, setting *spec.Entry) *balance.Group {
	at := pair{pool.ID, setting.ID}
	if known := u.pairs[at]; known != nil {
		return known.group
	}
	serving := u.plane.serving.pairs[at]
	if serving != nil && serving.pool == pool && serving.setting == setting {
		u.pairs[at] = serving // Entries are never changed, so nothing about the use did.
		return serving.group
	}
	fresh := &use{pool: pool, setting: setting, members: u.plane.members(pool, setting)}
	if serving != nil {
		fresh.group = serving.group
	} else {
		fresh.group = balance.NewGroup(len(u.plane.loops))
	}
	u.pairs[at] = fresh
	return fresh.group
}

// members are the targets of a pool under a setting, by key, each with its health.
func (p *Plane) members(pool, setting *spec.Entry) []member {
	o := pool.Object.(*spec.Pool)
	list := make([]member, 0, len(o.Targets))
	for _, k := range o.Keys() {
		t := o.Targets[k]
		address, err := netip.ParseAddr(t.Address)
		if err != nil {
			continue // Accepted by an earlier version; Check reports it as a condition.
		}
		port := setting.Object.(*spec.Setting).EffectivePort()
		if t.Port != nil {
			port = *t.Port
		}
		at := backend.Key{Pool: pool.ID, Addr: backend.TCP(netip.AddrPortFrom(address, uint16(port)))}
		list = append(list, member{key: k, weight: t.Weight, health: p.registry.Health(at, setting.ID)})
	}
	return list
}

// groupMembers is what the group of a use picks among. Two targets that come to the same address and port, one by the
// setting's port, are one backend with both weights.
func (u *use) groupMembers() []balance.Member {
	list := make([]balance.Member, 0, len(u.members))
	place := make(map[*backend.Health]int, len(u.members))
	for _, m := range u.members {
		if i, known := place[m.health]; known {
			list[i].Weight += m.weight
			continue
		}
		place[m.health] = len(list)
		list = append(list, balance.Member{Health: m.health, Weight: m.weight})
	}
	return list
}

// policy is how the pool's group picks.
func (u *use) policy() balance.Policy {
	o := u.pool.Object.(*spec.Pool)
	return balance.Policy{Algorithm: o.Algorithm, SlowStart: o.SlowStart.Value(), FailOpen: o.FailOpen}
}

// targets are what is probed for a use.
func (u *use) targets(set *spec.Set) []health.Target {
	setting := u.setting.Object.(*spec.Setting)
	probe := spec.Probes.New().(*spec.Probe)
	if setting.Probe != nil {
		if e := set.Get(spec.Probes, *setting.Probe); e != nil {
			probe = e.Object.(*spec.Probe)
		}
	}
	var sources []netip.Addr
	for _, s := range setting.SourceAddresses {
		if a, err := netip.ParseAddr(s); err == nil {
			sources = append(sources, a)
		}
	}
	list := make([]health.Target, 0, len(u.members))
	for _, m := range u.groupMembers() {
		at := m.Health.Backend.Key.Addr.TCP
		t := health.Target{
			Health: m.Health, Addr: m.Health.Backend.Key.Addr, Probe: probe, Source: sources, ProxyProtocol: setting.SendProxyProtocol,
		}
		if setting.KeepAlive.MaxIdle > 0 {
			t.KeepFor = setting.KeepAlive.IdleTimeout.Value()
		}
		if probe.Port != nil && t.Addr.Path == "" {
			t.Addr = backend.TCP(netip.AddrPortFrom(at.Addr(), uint16(*probe.Port)))
		}
		// The default probe takes the setting's host too (Azure Application Gateway, default health probe).
		if probe.HostFromSetting || setting.Probe == nil {
			switch {
			case setting.Host != nil:
				t.Host = *setting.Host
			case setting.HostFromTarget:
				t.Host = hostHeader(at)
			}
		}
		list = append(list, t)
	}
	return list
}

// hostHeader is an address as a Host header: without the port that http implies.
func hostHeader(at netip.AddrPort) string {
	if at.Port() != 80 {
		return at.String()
	}
	if at.Addr().Is6() {
		return "[" + at.Addr().String() + "]"
	}
	return at.Addr().String()
}

// sorted are the uses in a fixed order.
func (u *uses) sorted() []*use {
	list := make([]*use, 0, len(u.pairs))
	for _, x := range u.pairs {
		list = append(list, x)
	}
	slices.SortFunc(list, func(a, b *use) int {
		return cmp.Or(cmp.Compare(a.pool.Name(), b.pool.Name()), cmp.Compare(a.setting.Name(), b.setting.Name()))
	})
	return list
}

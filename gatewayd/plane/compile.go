package plane

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/balance"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/health"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secure"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A pair is a pool used under a setting, by hidden ids: what a group belongs to.
type pair struct{ pool, setting string }

// A use is a pair in one configuration. Its members follow DNS while it serves; all the rest is set once.
type use struct {
	pool, setting *spec.Entry
	group         *balance.Group
	upstream      *meter.Upstream
	roster        []enrolled
	members       []member // nil before the publication; the plane's mu guards it, and a slice is never changed
}

// uses collects the pairs that a table asks for while it is compiled.
type uses struct {
	plane   *Plane
	set     *spec.Set // nil where nothing was published yet
	pairs   map[pair]*use
	rosters map[*spec.Entry][]enrolled // of pools, made once for all settings
	moved   map[string]bool            // pools to which a target came, or of which one left or changed
}

// newUses are the uses of a set, as far as others than those that serve. The writer calls it.
func newUses(p *Plane, next *spec.Set) *uses {
	u := &uses{plane: p, set: next, pairs: map[pair]*use{}, rosters: map[*spec.Entry][]enrolled{}, moved: map[string]bool{}}
	for was, is := range next.Differences(p.set, spec.Targets) {
		for _, e := range [...]*spec.Entry{was, is} {
			if e != nil {
				u.moved[e.Object.(*spec.Target).Pool] = true
			}
		}
	}
	return u
}

// Group implements table.Living.
func (u *uses) Group(pool, setting *spec.Entry) *balance.Group {
	at := pair{pool.ID, setting.ID}
	if known := u.pairs[at]; known != nil {
		return known.group
	}
	serving := u.plane.serving.pairs[at]
	if serving != nil && serving.pool == pool && serving.setting == setting && !u.moved[pool.Name()] {
		u.pairs[at] = serving // Entries are never changed, so nothing about the use did.
		return serving.group
	}
	fresh := &use{pool: pool, setting: setting, roster: u.roster(pool)}
	fresh.upstream = u.plane.meters.Upstream(meter.UpstreamKey{Pool: pool.ID, Setting: setting.ID})
	if serving != nil {
		fresh.group = serving.group
	} else {
		fresh.group = balance.NewGroup(len(u.plane.loops))
	}
	u.pairs[at] = fresh
	return fresh.group
}

// Meters implements table.Living.
func (u *uses) Meters() *meter.Registry { return u.plane.meters }

// Tickets implements table.Living.
func (u *uses) Tickets() *secure.Tickets { return u.plane.tickets }

func (u *uses) roster(pool *spec.Entry) []enrolled {
	list, known := u.rosters[pool]
	if !known {
		list = roster(u.set, pool)
		u.rosters[pool] = list
	}
	return list
}

// policy is how the group of the use picks.
func (u *use) policy() balance.Policy {
	o := u.pool.Object.(*spec.Pool)
	sticky := u.setting.Object.(*spec.Setting).Affinity != nil
	return balance.Policy{Algorithm: o.Algorithm, SlowStart: o.SlowStart.Value(), FailOpen: o.FailOpen, Affinity: sticky}
}

// targets are what is probed for a use, under a table that it is served by.
func (u *use) targets(set *spec.Set, t *table.Table) []health.Target {
	setting := u.setting.Object.(*spec.Setting)
	probe := spec.Probes.New().(*spec.Probe)
	if setting.Probe != nil {
		if e := set.Get(spec.Probes, *setting.Probe); e != nil {
			probe = e.Object.(*spec.Probe)
		}
	}
	sources, over := setting.Sources(), probe.Secure(setting)
	client := t.TLS(u.setting)
	if client == nil {
		client = secure.Anybody()
	}
	list := make([]health.Target, 0, len(u.members))
	for _, m := range u.groupMembers() {
		at := m.Health.Backend.Key.Addr
		t := health.Target{
			Health: m.Health, Addr: at, Probe: probe, Source: sources, Probes: &u.upstream.Probes,
			// A port of the probe's own is another server's, which need not know of PROXY.
			ProxyProtocol: setting.SendProxyProtocol && probe.Port == nil,
		}
		if setting.KeepAlive.MaxIdle > 0 && !setting.SendProxyProtocol {
			t.KeepFor = setting.KeepAlive.IdleTimeout.Value()
		}
		if probe.Port != nil && at.Path == "" {
			t.Addr = backend.TCP(netip.AddrPortFrom(at.TCP.Addr(), uint16(*probe.Port)))
		}
		if over {
			t.TLS, t.ServerName = client, probe.ServerName(setting)
			if t.ServerName == "" {
				t.ServerName = m.Health.Backend.ServerName()
			}
		}
		// The default probe takes the setting's host too (Azure Application Gateway, default health probe).
		if probe.HostFromSetting || setting.Probe == nil {
			switch {
			case setting.Host != nil:
				t.Host = *setting.Host
			case setting.HostFromTarget:
				t.Host = string(m.Health.Backend.AppendHost(nil, t.TLS != nil))
			}
		}
		list = append(list, t)
	}
	return list
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

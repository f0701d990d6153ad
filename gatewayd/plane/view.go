package plane

import (
	"cmp"
	"slices"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/proxy"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// Health is what is known of every target of every pool that a rule uses, and of what is on its way out. With the name
// of a pool it is that pool's alone, if there is one, with the last results of its probes.
func (p *Plane) Health(pool string) api.Health {
	p.mu.Lock()
	defer p.mu.Unlock()
	view := api.Health{Pools: map[string]api.PoolHealth{}}
	for _, u := range p.serving.pairs {
		name := u.pool.Name()
		if pool != "" && name != pool {
			continue
		}
		of := poolHealth(&view, name)
		targets := make(map[string]api.TargetHealth, len(u.members))
		for _, m := range u.members {
			targets[m.key] = targetHealth(m, pool != "")
		}
		of.Settings[u.setting.Name()] = api.SettingHealth{Targets: targets}
		for i := range u.roster {
			if e := &u.roster[i]; e.address.Name != "" {
				of.Names[e.key] = p.nameHealth(e.address.Name)
			}
		}
	}
	p.addDraining(&view, pool)
	return view
}

// poolHealth finds or makes the view of a pool, whose maps can be filled.
func poolHealth(view *api.Health, name string) api.PoolHealth {
	of, known := view.Pools[name]
	if !known {
		of = api.PoolHealth{Settings: map[string]api.SettingHealth{}, Names: map[string]api.NameHealth{}, Draining: []api.DrainingTarget{}}
		view.Pools[name] = of
	}
	return of
}

func targetHealth(m member, results bool) api.TargetHealth {
	v, b := m.health.View(), m.health.Backend
	t := api.TargetHealth{
		State: v.Status.String(), Reason: v.Reason, Since: stamp(v.Since), LastProbe: stamp(v.LastProbe),
		Ejected: stamp(v.Ejected), Successes: v.Successes, Failures: v.Failures, Open: b.Open.Load(),
	}
	t.Address, t.Port = hostAndPort(b.Key.Addr)
	if !results {
		return t
	}
	for _, r := range m.health.Results() {
		t.Results = append(t.Results, api.ProbeResult{
			At: r.At.UTC().Format("2006-01-02T15:04:05.000Z07:00"), Milliseconds: float64(r.Took.Microseconds()) / 1000, OK: r.OK, Reason: r.Reason,
		})
	}
	return t
}

func (p *Plane) nameHealth(name string) api.NameHealth {
	a := p.names.Lookup(name)
	v := api.NameHealth{Name: name, Addresses: make([]string, len(a.Addrs)), Reason: a.Reason, Since: stamp(a.Since), Next: stamp(a.Next)}
	for i, ip := range a.Addrs {
		v.Addresses[i] = ip.String()
	}
	return v
}

// addDraining adds what gets nothing new and has something open.
func (p *Plane) addDraining(view *api.Health, pool string) {
	members, pools := p.serving.backends(), map[string]string{} // names by hidden id
	for _, e := range p.set.All(spec.Pools) {
		pools[e.ID] = e.Name()
	}
	for id, followed := range p.life.backends {
		for b, o := range followed {
			name := cmp.Or(pools[id], o.pool)
			open := b.Open.Load()
			if open == 0 || members[b] || pool != "" && name != pool {
				continue
			}
			d := api.DrainingTarget{Target: o.key, Open: open, Reason: p.whyApart(b, o)}
			d.Address, d.Port = hostAndPort(b.Key.Addr)
			if !o.here {
				d.Deadline = stamp(o.until)
			}
			of := poolHealth(view, name)
			of.Draining = append(of.Draining, d)
			view.Pools[name] = of
		}
	}
	for name, of := range view.Pools {
		slices.SortFunc(of.Draining, func(a, b api.DrainingTarget) int {
			return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(a.Address, b.Address), cmp.Compare(a.Port, b.Port))
		})
		view.Pools[name] = of
	}
}

// whyApart says why nothing new comes to a backend that is no member.
func (p *Plane) whyApart(b *backend.Backend, o *origin) string {
	if !o.here {
		return "the target was removed"
	}
	for name := range o.names {
		if a := p.names.Lookup(name); a.Known && !slices.Contains(a.Addrs, b.Key.Addr.TCP.Addr()) {
			return "the address left the answer of DNS"
		}
	}
	return "no rule sends anything there any more"
}

// stamp is a time as the API writes it, empty for never.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// Activity is what the data path is doing. Each loop is asked, so it must not be called on one.
func (p *Plane) Activity() api.Activity {
	parts := make([]proxy.Stats, len(p.workers))
	p.each(func(i int) { parts[i] = p.workers[i].Stats() })
	var all proxy.Stats
	for _, s := range parts {
		all.Add(s)
	}
	return api.Activity{
		Loops:       len(p.loops),
		Connections: int64(all.Clients + all.Tunnels.Open),
		Requests:    int64(all.Open),
		Tunnels:     int64(all.Tunnels.Open),
	}
}

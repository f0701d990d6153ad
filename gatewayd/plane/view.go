package plane

import (
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/proxy"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
)

// Health is what is known of every target of every pool that a rule uses.
func (p *Plane) Health() api.Health {
	p.mu.Lock()
	serving := p.serving
	p.mu.Unlock()
	view := api.Health{Pools: map[string]api.PoolHealth{}}
	for _, u := range serving.pairs {
		pool, known := view.Pools[u.pool.Name()]
		if !known {
			pool = api.PoolHealth{Settings: map[string]api.SettingHealth{}}
			view.Pools[u.pool.Name()] = pool
		}
		targets := make(map[string]api.TargetHealth, len(u.members))
		for _, m := range u.members {
			targets[m.key] = targetHealth(m)
		}
		pool.Settings[u.setting.Name()] = api.SettingHealth{Targets: targets}
	}
	return view
}

func targetHealth(m member) api.TargetHealth {
	v, b := m.health.View(), m.health.Backend
	return api.TargetHealth{
		Address: b.Key.Addr.TCP.Addr().String(), Port: int(b.Key.Addr.TCP.Port()),
		State: v.Status.String(), Reason: v.Reason, Since: stamp(v.Since), LastProbe: stamp(v.LastProbe),
		Successes: v.Successes, Failures: v.Failures, Open: b.Open.Load(),
	}
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

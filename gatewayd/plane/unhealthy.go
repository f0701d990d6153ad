package plane

import (
	"slices"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// This file is about what becomes of open requests and tunnels when a target turns unhealthy: a setting's on_unhealthy.

// publishUnhealthy notes what the settings of the step's end say. What was ended because a setting said so, and does not
// any more, is kept.
func (p *Plane) publishUnhealthy(s *step) {
	before, after := map[string]*spec.Entry{}, map[string]*spec.Entry{} // by hidden id, through a rename
	for was, is := range s.is.Differences(s.was, spec.Settings) {
		if was != nil {
			before[was.ID] = was
		}
		if is != nil {
			after[is.ID] = is
		}
	}
	if len(before)+len(after) == 0 {
		return
	}
	drains := map[string]tunnel.Drain{}
	for _, e := range s.is.All(spec.Settings) {
		if d := unhealthyOf(e); d != nil {
			drains[e.ID] = *d
		}
	}
	p.turning.Lock() // A verdict that turns meanwhile goes by what was before, and is kept then.
	defer p.turning.Unlock()
	p.unhealthy = drains
	for id, is := range after {
		was := before[id]
		if was == nil {
			continue
		}
		if unhealthyOf(was) != nil && unhealthyOf(is) == nil {
			p.keepOpen(p.healthsOf(id)...)
		}
	}
}

// unhealthyOf is how a setting ends what is open on an unhealthy target; nil where it keeps it. A nil entry keeps.
func unhealthyOf(e *spec.Entry) *tunnel.Drain {
	if e == nil {
		return nil
	}
	o := e.Object.(*spec.Setting)
	spread := spec.Spread(o.CloseSpread, o.DrainTimeout)
	switch o.OnUnhealthy {
	case spec.Drain:
		return &tunnel.Drain{Timeout: o.DrainTimeout.Value(), Spread: spread}
	case spec.Close:
		return &tunnel.Drain{Timeout: spread, Spread: spread}
	}
	return nil
}

// healthsOf are the healths under a setting, by its hidden id, those of targets that left included.
func (p *Plane) healthsOf(setting string) []*backend.Health {
	return slices.DeleteFunc(p.registry.Healths(), func(h *backend.Health) bool { return h.Setting != setting })
}

// turned is called by the prober after each change of a verdict, in their order. It only posts, and tells.
func (p *Plane) turned(h *backend.Health, before, after backend.Status, reason string) {
	p.turning.Lock()
	defer p.turning.Unlock()
	v := turn{before: before, after: after, reason: reason}
	if d, ends := p.unhealthy[h.Setting]; ends && after == backend.Unhealthy {
		v.ends = &d
	}
	p.tellTurn(h, v)
	switch {
	case v.ends != nil:
		for i, l := range p.loops {
			l.Post(func() { p.workers[i].Drain(tunnel.Subject{Health: h}, *v.ends) })
		}
	case before == backend.Unhealthy:
		p.keepOpen(h)
	}
}

// keepOpen ends the drains of targets that are healthy again, as far as nothing was told to end yet.
func (p *Plane) keepOpen(healths ...*backend.Health) {
	for share := range slices.Chunk(healths, drainShare) {
		for i, l := range p.loops {
			l.Post(func() {
				for _, h := range share {
					p.workers[i].Keep(tunnel.Subject{Health: h})
				}
			})
		}
	}
}

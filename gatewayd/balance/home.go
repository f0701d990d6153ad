package balance

import (
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/affinity"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
)

// homes are the backends that clients come back to.
func (c *choice) homes() map[affinity.ID]*backend.Health {
	m := make(map[affinity.ID]*backend.Health, len(c.list)+len(c.kept))
	for _, list := range [...][]standing{c.list, c.kept} {
		for i := range list {
			m[list[i].Health.Backend.ID] = list[i].Health
		}
	}
	return m
}

// Return is Pick for a client that comes back to a backend. It goes by availability alone: neither weight nor algorithm
// is asked, and nobody's turn is taken. To a member of weight 0 clients come back while it is healthy or no worse than
// those that are picked, which is how one is emptied without anybody noticing. h is nil where the backend takes nothing
// at present; full says that it would, but for the limit.
func (g *Group) Return(to affinity.ID, limit int) (h *backend.Health, full bool) {
	h = g.schedule.Load().homes[to]
	switch {
	case h == nil:
		return nil, false
	case !h.Backend.Take(limit):
		return nil, true
	}
	return h, false
}

// Home is Return as things stand, for whom nothing is counted: nil where the client goes elsewhere.
func (g *Group) Home(to affinity.ID, limit int) *backend.Health {
	h := g.schedule.Load().homes[to]
	if h == nil || limit > 0 && h.Backend.Open.Load() >= int64(limit) {
		return nil
	}
	return h
}

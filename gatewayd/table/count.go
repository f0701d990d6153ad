package table

import (
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// same is the route that an entry had in the table before, where it stands at the same place; else nil.
func (d *draft) same(e *spec.Entry) *Route {
	if i := len(d.rules); d.before != nil && i < len(d.before.rules) && d.before.rules[i].entry == e {
		return d.before.rules[i].route
	}
	return nil
}

// count gives a route its meters. They belong to hidden ids, so they stay the same through every change but that of the
// rule's pool or setting; before, where there is one, saves looking for them.
func (c *compiler) count(r, before *Route) {
	if before != nil && before.Listener == r.Listener && before.PoolID == r.PoolID && before.Setting.ID == r.Setting.ID {
		r.Traffic, r.Upstream = before.Traffic, before.Upstream
		return
	}
	meters := c.living.Meters()
	r.Traffic = meters.Traffic(meter.TrafficKey{Listener: r.Listener.ID, Rule: r.RuleID, Pool: r.PoolID, Setting: r.Setting.ID})
	if r.Group != nil {
		r.Upstream = meters.Upstream(meter.UpstreamKey{Pool: r.PoolID, Setting: r.Setting.ID})
	}
}

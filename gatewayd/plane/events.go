package plane

import (
	"cmp"
	"slices"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
)

// Events are told of what happens on the data plane. They are called with locks held, so they must neither wait nor call
// back.
type Events interface {
	// Health is told of targets that turned, and of what DNS answers for them.
	Health(api.HealthTurn)
	// Drain is told of what is gone, as long as something of it is open. That may be before the change that took it away is
	// told.
	Drain(api.DrainTurn)
	// Closes is told of WebSockets that somebody ends.
	Closes(api.CloseTurn)
}

// A label is what a target is called under a setting.
type label struct{ pool, setting, key string }

// label is that of a target; false where it is none that serves.
func (p *Plane) label(h *backend.Health) (label, bool) {
	labels := p.labels.Load()
	if labels == nil {
		return label{}, false
	}
	l, known := (*labels)[h]
	return l, known
}

// called is what a target is called in the log; empty where it is none that serves.
func (p *Plane) called(h *backend.Health) (pool, setting, target string) {
	l, _ := p.label(h)
	return l.pool, l.setting, l.key
}

// healthTurn begins an event of a target; false where it is none that serves.
func (p *Plane) healthTurn(what string, h *backend.Health) (api.HealthTurn, bool) {
	l, known := p.label(h)
	x := api.HealthTurn{What: what, Pool: l.pool, Setting: l.setting, Target: l.key}
	x.Address, x.Port = hostAndPort(h.Backend.Key.Addr)
	return x, known
}

// A turn is another verdict of a target's.
type turn struct {
	before, after backend.Status
	reason        string
	ends          *tunnel.Drain // of what is open; nil where it stays
}

func (p *Plane) tellTurn(h *backend.Health, v turn) {
	if p.events == nil {
		return
	}
	if x, known := p.healthTurn(api.HealthTurned, h); known {
		x.From, x.To, x.Reason = v.before.String(), v.after.String(), backend.Clip(v.reason)
		if v.ends != nil {
			x.EndsBy = stamp(time.Now().Add(v.ends.Timeout))
		}
		p.events.Health(x)
	}
}

// tellEjection is called with the health locked.
func (p *Plane) tellEjection(h *backend.Health, until time.Time) {
	what := api.HealthEjected
	if until.IsZero() {
		what = api.HealthReturned
	}
	if x, known := p.healthTurn(what, h); known {
		x.Until = stamp(until)
		p.events.Health(x)
	}
}

// resolutions are the DNS names of a use that have other addresses, where it is about to get members.
func resolutions(u *use, members []member, names map[string]bool) []api.HealthTurn {
	var list []api.HealthTurn
	for i := range u.roster {
		e := &u.roster[i]
		if !names[e.address.Name] {
			continue
		}
		were, are := e.addresses(u.members), e.addresses(members)
		if !slices.Equal(were, are) {
			list = append(list, api.HealthTurn{What: api.HealthResolved, Pool: u.pool.Name(), Target: e.key, Name: e.address.Name, Addresses: are, Were: were})
		}
	}
	return list
}

// addresses are those of a DNS name among members, in their order.
func (e *enrolled) addresses(members []member) []string {
	var list []string
	for _, m := range members {
		if at := m.health.Backend.Key.Addr; m.name == e.address.Name && m.key == addressKey(e.key, at.TCP.Addr()) {
			list = append(list, at.TCP.Addr().String())
		}
	}
	slices.Sort(list)
	return list
}

// tellResolved tells of each name of a pool once, under however many settings it is used.
func (p *Plane) tellResolved(list []api.HealthTurn) {
	if p.events == nil {
		return
	}
	compare := func(a, b api.HealthTurn) int {
		return cmp.Or(cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Target, b.Target))
	}
	slices.SortStableFunc(list, compare)
	for _, x := range slices.CompactFunc(list, func(a, b api.HealthTurn) bool { return compare(a, b) == 0 }) {
		p.events.Health(x)
	}
}

// watch follows what is leaving. The plane's mu is held.
func (p *Plane) watch(list []*leaving) {
	if p.events == nil || len(list) == 0 {
		return
	}
	p.watched = append(p.watched, list...)
	select {
	case p.left <- struct{}{}:
	default:
	}
}

// Drains are looked at this often, and less where a look takes long: loops are asked what is open on them.
const (
	drainPause    = 50 * time.Millisecond
	drainPauses   = 20
	maxDrainPause = 2 * time.Second
)

// followDrains tells of drains until the plane is closed.
func (p *Plane) followDrains() {
	var again <-chan time.Time
	for {
		select {
		case <-p.closed:
			return
		case <-p.left:
		case <-again:
		}
		began := time.Now()
		again = nil
		if p.tellDrains() {
			again = time.After(min(max(drainPause, drainPauses*time.Since(began)), maxDrainPause))
		}
	}
}

// tellDrains tells of drains that begin, are over or came back, and says whether there are more. What had nothing open when
// it went is not worth a word.
func (p *Plane) tellDrains() (more bool) {
	p.mu.Lock()
	list := slices.Clone(p.watched)
	p.mu.Unlock()
	open := p.usage(list)
	p.mu.Lock()
	defer p.mu.Unlock()
	var left []*leaving
	for i, x := range list {
		if what := x.turn(open[i]); what != "" {
			p.events.Drain(api.DrainTurn{What: what, Revision: x.revision, Drain: x.view(open[i])})
		}
		if x.told && !x.back && open[i] > 0 {
			left = append(left, x)
		}
	}
	p.watched = append(left, p.watched[len(list):]...) // Others may have come meanwhile, behind.
	return len(p.watched) > 0
}

// turn is what there is to tell of a drain; empty for nothing.
func (x *leaving) turn(open int64) string {
	switch {
	case !x.told && !x.back && open > 0:
		x.told = true
		return api.DrainBegun
	case x.told && x.back:
		return api.DrainBack
	case x.told && open == 0:
		return api.DrainOver
	}
	return ""
}

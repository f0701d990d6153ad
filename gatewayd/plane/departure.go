package plane

import (
	"cmp"
	"slices"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A departure is what one publication took away from those who use it.
type departure struct {
	// One publication may be of several writes, each with a revision of its own: those above after, up to revision.
	after, revision uint64
	at              time.Time
	leaving         []*leaving
}

// A leaving is one listener, rule or target that is gone.
type leaving struct {
	of       tunnel.Subject
	revision uint64 // of the publication
	kind     *spec.Kind
	name     string // of a target its key, as in member
	pool     string // of a target
	deadline time.Time
	back     bool // it came back
	over     bool // nothing of it is open, nor will be
	told     bool // that it drains
}

// maxLeaving bounds how many things that are gone are remembered, beside those of the latest publication; the oldest are
// forgotten first.
const maxLeaving = 50_000

// departures are those of the last hours, the oldest first. The plane's mu guards them.
type departures struct {
	list    []*departure
	leaving map[tunnel.Subject]*leaving // the latest of each subject that did not come back
	n       int
}

// add notes what a step took away, which it returns, and what it brought back. grants are how long what is open under a rule may go on, by hidden id.
func (d *departures) add(s *step, x *passage, grants map[string]time.Duration) []*leaving {
	d.take(x)
	gone := &departure{after: s.was.Revision(), revision: s.is.Revision(), at: time.Now()}
	for _, e := range x.goneListeners {
		d.leave(gone, &leaving{of: tunnel.Subject{Listener: e.ID}, kind: spec.Listeners, name: e.Name(),
			deadline: gone.at.Add(e.Object.(*spec.Listener).DrainTimeout.Value())})
	}
	for _, e := range x.goneRules {
		d.leave(gone, &leaving{of: tunnel.Subject{Rule: e.ID}, kind: spec.Rules, name: e.Name(), deadline: gone.at.Add(grants[e.ID])})
	}
	for b, o := range x.goneBackends {
		d.leave(gone, &leaving{of: tunnel.Subject{Backend: b}, kind: spec.Targets, name: o.key, pool: o.pool, deadline: o.until})
	}
	if len(gone.leaving) > 0 {
		d.list = append(d.list, gone)
	}
	// The latest is kept whatever its size: somebody is about to ask for it.
	for len(d.list) > 1 && d.n > maxLeaving || len(d.list) > 0 && time.Since(d.list[0].at) > forgetAfter {
		for _, x := range d.list[0].leaving {
			if d.leaving[x.of] == x {
				delete(d.leaving, x.of)
			}
		}
		d.n -= len(d.list[0].leaving)
		d.list[0] = nil
		d.list = d.list[1:]
	}
	return gone.leaving
}

func (d *departures) leave(gone *departure, x *leaving) {
	x.revision = gone.revision
	gone.leaving = append(gone.leaving, x)
	if d.leaving == nil {
		d.leaving = map[tunnel.Subject]*leaving{}
	}
	d.leaving[x.of] = x
	d.n++
}

// take notes what came back.
func (d *departures) take(x *passage) {
	back := func(of tunnel.Subject) {
		if known := d.leaving[of]; known != nil {
			known.back = true
			delete(d.leaving, of)
		}
	}
	for _, id := range x.backListeners {
		back(tunnel.Subject{Listener: id})
	}
	for _, id := range x.backRules {
		back(tunnel.Subject{Rule: id})
	}
	for _, b := range x.backBackends {
		back(tunnel.Subject{Backend: b})
	}
}

// of finds what the publication of a revision took away.
func (d *departures) of(revision uint64) []*leaving {
	for _, gone := range d.list {
		if gone.after < revision && revision <= gone.revision {
			return slices.DeleteFunc(slices.Clone(gone.leaving), func(x *leaving) bool { return x.back })
		}
	}
	return nil
}

// Drains is what the change of a revision ended, and how far that is; false for a revision that is still to come. Each
// loop is asked, so it must not be called on one.
func (p *Plane) Drains(revision uint64) (api.Drains, bool) {
	p.mu.Lock()
	known := revision <= p.set.Revision()
	list := p.departures.of(revision)
	p.mu.Unlock()
	view := api.Drains{Revision: revision, Drains: make([]api.Drain, len(list))}
	open := p.usage(list)
	for i, x := range list {
		v := x.view(open[i])
		view.Drains[i] = v
		view.Open += v.Open
	}
	slices.SortFunc(view.Drains, func(a, b api.Drain) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Address, b.Address), cmp.Compare(a.Port, b.Port))
	})
	return view, known
}

// view is a leaving with what is open of it.
func (x *leaving) view(open int64) api.Drain {
	v := api.Drain{Kind: x.kind.Name, Name: x.name, Pool: x.pool, Open: open, Deadline: stamp(x.deadline)}
	if b := x.of.Backend; b != nil {
		v.Address, v.Port = hostAndPort(b.Key.Addr)
	}
	return v
}

// usage counts what is open of each. A backend knows its own number, and the loops are asked for the others, once. What
// was found over is not asked for again: nothing new comes to what is gone.
func (p *Plane) usage(list []*leaving) []int64 {
	open := make([]int64, len(list))
	asked, at := map[tunnel.Subject]int{}, []int{}
	p.mu.Lock()
	for i, x := range list {
		switch {
		case x.of.Backend != nil:
			open[i] = x.of.Backend.Open.Load()
		case !x.over:
			asked[x.of] = len(at)
			at = append(at, i)
		}
	}
	p.mu.Unlock()
	if len(at) == 0 {
		return open
	}
	parts := make([][]int64, len(p.workers))
	p.each(func(w int) { parts[w] = p.workers[w].Open(asked) })
	for _, part := range parts {
		for k, n := range part {
			open[at[k]] += n
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range at {
		list[i].over = open[i] == 0
	}
	return open
}

// hostAndPort are an address as views write it.
func hostAndPort(a backend.Address) (string, int) {
	if a.Path != "" {
		return a.String(), 0
	}
	return a.TCP.Addr().String(), int(a.TCP.Port())
}

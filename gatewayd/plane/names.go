package plane

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// nameWait bounds how long a change waits for names that were never looked up, so that what it adds serves when it is
// answered. A DNS that takes longer holds up nothing but its own targets.
const nameWait = time.Second

// learnNames has the names of the configuration looked up that are not known yet, and says which have no address.
func (x *prepared) learnNames() []control.ObjectProblem {
	p := x.plane
	wanted := x.uses.names()
	if len(wanted) == 0 {
		return nil
	}
	// Those of the present configuration stay known until this one is published, and are not waited for again.
	present := p.serving.names()
	p.names.Sync(slices.Concat(wanted, present))
	known := map[string]bool{}
	for _, n := range present {
		known[n] = true
	}
	added := slices.DeleteFunc(slices.Clone(wanted), func(n string) bool { return known[n] })
	ctx, cancel := context.WithTimeout(context.Background(), nameWait)
	defer cancel()
	p.names.Await(ctx, added)
	var list []control.ObjectProblem
	told := map[string]bool{} // A pool may be used under several settings.
	for _, u := range x.uses.sorted() {
		if !told[u.pool.ID] {
			told[u.pool.ID] = true
			list = append(list, p.namelessIn(u.pool, u.roster, true)...)
		}
	}
	return list
}

// namelessProblem tells the object that holds a target that its name has no address.
func namelessProblem(pool *spec.Entry, e *enrolled, reason string) control.ObjectProblem {
	if reason == "" {
		reason = "no DNS server has answered yet"
	}
	problem := spec.Problem{Message: fmt.Sprintf("has no address, so nothing is sent there until it has one: %s", reason)}
	if own, ok := strings.CutPrefix(e.key, "target/"); ok {
		problem.Path = "address"
		return control.ObjectProblem{Kind: spec.Targets, Name: own, Problem: problem, Transient: true}
	}
	problem.Path = fmt.Sprintf("targets[%q].address", e.key)
	return control.ObjectProblem{Kind: spec.Pools, Name: pool.Name(), Problem: problem, Transient: true}
}

// nameless tells every holder of a name that is known to have no address, without asking for any.
func (p *Plane) nameless(set *spec.Set) []control.ObjectProblem {
	var list []control.ObjectProblem
	for _, pool := range set.All(spec.Pools) {
		list = append(list, p.namelessIn(pool, roster(set, pool), false)...)
	}
	return list
}

// namelessIn tells the holders of a pool's names that have no address; with unknown also of those of which nothing is
// known yet.
func (p *Plane) namelessIn(pool *spec.Entry, roster []enrolled, unknown bool) []control.ObjectProblem {
	var list []control.ObjectProblem
	for i := range roster {
		e := &roster[i]
		if e.address.Name == "" {
			continue
		}
		if a := p.names.Lookup(e.address.Name); len(a.Addrs) == 0 && (a.Known || unknown) {
			list = append(list, namelessProblem(pool, e, a.Reason))
		}
	}
	return list
}

// namePause is how long changes of names are gathered before they are followed together: it costs a walk over all
// targets, and many names may change at once, as when a DNS server comes back. Where the walk is long the pause is many
// times as long, so that names which change all the time leave time for the rest.
const (
	namePause    = 20 * time.Millisecond
	namePauses   = 20
	maxNamePause = 2 * time.Second
)

// renamed notes that something about a DNS name changed. The resolver calls it, one call after the other.
func (p *Plane) renamed(name string) {
	p.changed.Lock()
	defer p.changed.Unlock()
	if p.pending == nil {
		p.pending = map[string]bool{}
	}
	p.pending[name] = true
	select {
	case p.stir <- struct{}{}:
	default:
	}
}

// followNames follows the names that changed until the plane is closed.
func (p *Plane) followNames() {
	pause := namePause
	for {
		select {
		case <-p.closed:
			return
		case <-p.stir:
		}
		select {
		case <-p.closed:
			return
		case <-time.After(pause):
		}
		p.changed.Lock()
		names := p.pending
		p.pending = nil
		p.changed.Unlock()
		pause = min(max(namePause, namePauses*p.readdress(names)), maxNamePause)
	}
}

// readdress follows DNS names of which something changed. What is open on an address that left goes on: it only gets
// nothing new. It says how long that took.
func (p *Plane) readdress(names map[string]bool) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	began := time.Now()
	if p.shut {
		return 0
	}
	var fresh []*use
	var passed passage
	var resolved []api.HealthTurn
	for _, u := range p.serving.pairs {
		if !slices.ContainsFunc(u.roster, func(e enrolled) bool { return names[e.address.Name] }) {
			continue
		}
		members := p.members(u)
		if slices.Equal(members, u.members) {
			continue // Only the reason of a failure is another.
		}
		resolved = append(resolved, resolutions(u, members, names)...)
		u.members = members
		fresh = append(fresh, u)
	}
	if len(fresh) == 0 {
		return time.Since(began)
	}
	p.life.follow(&passed, fresh, p.serving)
	p.departures.take(&passed)
	p.keep(&passed)
	for _, u := range fresh {
		u.group.SetMembers(u.groupMembers(), u.policy())
	}
	p.target()
	p.tellResolved(resolved)
	return time.Since(began)
}

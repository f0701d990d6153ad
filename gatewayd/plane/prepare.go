package plane

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/balance"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/health"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/listen"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secure"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A prepared configuration implements control.Prepared.
type prepared struct {
	plane *Plane
	set   *spec.Set
	table *table.Table
	uses  *uses
	bound map[table.Place]*listen.Group // new sockets, not accepting yet
}

// Prepare implements control.Plane.
func (p *Plane) Prepare(next *spec.Set, lenient bool) (control.Prepared, []control.ObjectProblem) {
	x := &prepared{plane: p, set: next, uses: newUses(p, next), bound: map[table.Place]*listen.Group{}}
	compiled, warnings := p.table.Load().Next(next, x.uses)
	x.table = compiled
	problems := sourceProblems(next)
	for _, at := range compiled.Addresses() {
		if p.groups[at] != nil {
			continue
		}
		g, err := p.sockets.Bind(at.Address, at.Port)
		if err != nil {
			problems = append(problems, bindProblems(compiled, at, err)...)
			continue
		}
		x.bound[at] = g
		p.places.Store(g, at)
	}
	if len(problems) > 0 && !lenient {
		x.Discard()
		return nil, problems
	}
	return x, slices.Concat(conditionsOf(warnings), x.learnNames(), problems)
}

// Inspect implements control.Plane.
func (p *Plane) Inspect(next *spec.Set) []control.ObjectProblem {
	_, warnings := p.table.Load().Next(next, inert{balance.NewGroup(1)})
	return slices.Concat(conditionsOf(warnings), p.nameless(next), sourceProblems(next), p.impact(next))
}

// inert is a table.Living for tables that never serve.
type inert struct{ group *balance.Group }

func (i inert) Group(_, _ *spec.Entry) *balance.Group { return i.group }
func (i inert) Meters() *meter.Registry               { return nil }
func (i inert) Tickets() *secure.Tickets              { return nil }

func conditionsOf(warnings []table.Warning) []control.ObjectProblem {
	list := make([]control.ObjectProblem, len(warnings))
	for i, w := range warnings {
		list[i] = control.ObjectProblem{Kind: w.Kind, Name: w.Name, Problem: w.Problem}
	}
	return list
}

// bindProblems tells every listener of an address why it cannot listen there.
func bindProblems(t *table.Table, at table.Place, err error) []control.ObjectProblem {
	path, needs := "port", []string{"address"}
	text := err.Error()
	switch {
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, listen.ErrAddress):
		path, needs = "address", nil
		text = fmt.Sprintf("cannot listen on %s: this machine has no such address", at.Address)
	case errors.Is(err, syscall.EADDRINUSE):
		text = fmt.Sprintf("cannot listen on port %d: another process has it; choose another port or end that process", at.Port)
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		text = fmt.Sprintf("cannot listen on port %d: gatewayd may not use ports this low; give it CAP_NET_BIND_SERVICE or choose another port", at.Port)
	}
	var list []control.ObjectProblem
	for _, l := range t.Address(at.Address, at.Port).Listeners {
		problem := spec.Problem{Path: path, Message: text, Needs: needs}
		list = append(list, control.ObjectProblem{Kind: spec.Listeners, Name: l.Name, Problem: problem, Transient: true})
	}
	return list
}

// Discard implements control.Prepared.
func (x *prepared) Discard() {
	x.plane.names.Sync(x.plane.serving.names())
	for _, g := range x.bound {
		g.Close()
		x.plane.places.Delete(g)
	}
}

// Publish implements control.Prepared. What is back is kept first, so that nothing new meets an old drain. Members are
// set before the table is stored, so that a new route never finds an empty group; sockets open after it, so that a new
// port never answers 404 for what is configured. What is gone drains last, when nothing new comes to it.
func (x *prepared) Publish() {
	p := x.plane
	p.mu.Lock()
	defer p.mu.Unlock()
	p.names.Sync(x.uses.names())
	s := newStep(p, x)
	for _, u := range s.fresh {
		u.members = p.members(u)
	}
	changed := s.changedPools(p.life.pools)
	p.fade(func(u *use) bool { _, c := changed[u.pool.ID]; return c })
	passed := p.life.pass(s, changed)
	p.keep(&passed)
	p.publishUnhealthy(s)
	for _, u := range s.fresh {
		u.group.SetMembers(u.groupMembers(), u.policy())
	}
	p.table.Store(x.table)
	if closed := x.moveSockets(); closed {
		p.each(func(i int) { p.workers[i].Sweep() })
	}
	p.set, p.serving = x.set, x.uses
	p.fadeOut(s, &passed)
	p.former.add(s)
	p.watch(p.departures.add(s, &passed, p.life.grants))
	p.drain(&passed)
	if s.changesTargets() || !passed.empty() {
		p.target()
	}
	x.uses.rosters, x.uses.moved = nil, nil // They were for this step.
}

// fadeOut leaves the groups of uses that are no more to the requests in flight that hold them, for another target of
// theirs: until their pool changes, the two are used together again, or the next sweep.
// A target that is gone is none of theirs any more.
func (p *Plane) fadeOut(s *step, passed *passage) {
	fresh := map[pair]bool{}
	for _, u := range s.fresh {
		fresh[pair{u.pool.ID, u.setting.ID}] = true
	}
	p.fade(func(u *use) bool { return fresh[pair{u.pool.ID, u.setting.ID}] })
	gone := func(m balance.Member) bool { return passed.goneBackends[m.Health.Backend] != nil }
	for _, u := range s.dropped {
		if members := u.groupMembers(); slices.ContainsFunc(members, gone) {
			u.group.SetMembers(slices.DeleteFunc(members, gone), u.policy())
		}
		p.fading[pair{u.pool.ID, u.setting.ID}] = u
	}
}

// fade takes the members of uses that are no more.
func (p *Plane) fade(which func(*use) bool) {
	for at, u := range p.fading {
		if which(u) {
			delete(p.fading, at)
			u.group.SetMembers(nil, balance.Policy{})
		}
	}
}

// moveSockets begins to accept on new addresses and stops on those that have no listener any more. It says whether there
// were any of these.
func (x *prepared) moveSockets() (closed bool) {
	p := x.plane
	p.limitDescriptors(len(p.loops), len(p.groups)+len(x.bound))
	for at, g := range x.bound {
		p.groups[at] = g
		g.Start()
	}
	for at, g := range p.groups {
		if x.table.Address(at.Address, at.Port) == nil {
			delete(p.groups, at)
			g.Close()
			p.places.Delete(g)
			closed = true
		}
	}
	p.limitDescriptors(len(p.loops), len(p.groups))
	return closed
}

// changesTargets says whether other backends are named, or probed otherwise.
func (s *step) changesTargets() bool {
	if len(s.dropped)+len(s.fresh) > 0 {
		return true
	}
	// Bundles and certificates are whom probes over TLS believe, and what they show.
	for _, kind := range [...]*spec.Kind{spec.Probes, spec.CABundles, spec.Certificates} {
		for range s.is.Differences(s.was, kind) {
			return true
		}
	}
	return false
}

// target keeps and probes what is served.
func (p *Plane) target() {
	var named []*backend.Health
	var targets []health.Target
	labels := map[*backend.Health]label{}
	t := p.table.Load()
	for _, u := range p.serving.sorted() {
		for _, m := range u.members {
			named = append(named, m.health)
			if _, known := labels[m.health]; !known { // Else two targets come to one backend.
				labels[m.health] = label{u.pool.Name(), u.setting.Name(), m.key}
			}
		}
		targets = append(targets, u.targets(p.set, t)...)
	}
	p.labels.Store(&labels) // Before anything is found out about them.
	p.registry.Retain(named)
	p.prober.Sync(targets)
}

// each runs f for every worker on its loop and waits until all have.
func (p *Plane) each(f func(i int)) {
	var all sync.WaitGroup
	for i, l := range p.loops {
		all.Add(1)
		if !l.Post(func() { defer all.Done(); f(i) }) {
			all.Done()
		}
	}
	all.Wait()
}

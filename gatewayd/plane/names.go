package plane

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
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
		for i := range u.roster {
			e := &u.roster[i]
			if e.address.Name == "" {
				continue
			}
			answer := p.names.Lookup(e.address.Name)
			if len(answer.Addrs) > 0 || told[u.pool.ID+" "+e.key] {
				continue
			}
			told[u.pool.ID+" "+e.key] = true
			list = append(list, nameless(u.pool, e, answer.Reason))
		}
	}
	return list
}

// nameless tells the object that holds a target that its name has no address.
func nameless(pool *spec.Entry, e *enrolled, reason string) control.ObjectProblem {
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

// readdress follows a DNS name whose addresses changed. What is open on an address that left goes on: it only gets
// nothing new.
func (p *Plane) readdress(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut {
		return
	}
	var passed passage
	changed := false
	for _, u := range p.serving.pairs {
		if !slices.ContainsFunc(u.roster, func(e enrolled) bool { return e.address.Name == name }) {
			continue
		}
		members := p.members(u)
		if slices.Equal(members, u.members) {
			continue // Only the reason of a failure is another.
		}
		changed = true
		u.members = members
		u.group.SetMembers(u.groupMembers(), u.policy())
		p.life.follow(&passed, u)
	}
	if !changed {
		return
	}
	p.life.forget(p.serving)
	p.departures.take(&passed)
	p.drain(p.set, passed)
	p.target()
}

package balance

import (
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
)

// While a member grows to its share it has a part of its weight, and the schedule is made anew now and then. So picks
// know nothing of it, every algorithm respects it as it respects weights, and a hash gives the member more keys as it
// grows and never takes one away again.
const (
	settled  = 200          // the parts of a weight of a member that has its share
	smallest = settled / 20 // what it begins with: without requests a backend would not warm up
	steps    = 20           // how often the schedule is made anew while a member grows
)

// shortestStep bounds what a short time to grow in may cost.
const shortestStep = 50 * time.Millisecond

// join makes the list into members, and notes which ones are new in a group that serves already.
func (g *Group) join(list []Member, p Policy) []member {
	members := make([]member, len(list))
	for i, m := range list {
		members[i].Member = m
	}
	if p.SlowStart <= 0 {
		return members
	}
	before := make(map[*backend.Health]time.Time, len(g.members))
	for _, m := range g.members {
		if m.Weight > 0 {
			before[m.Health] = m.joined
		}
	}
	now, serves := time.Now(), len(g.schedule.Load().seats) > 0
	for i := range members {
		m := &members[i]
		joined, known := before[m.Health]
		if m.joined = joined; !known && serves {
			m.joined = now
		}
	}
	return members
}

// weigh sets the members' present weights, and says whether one of them still grows. Only the proportions count: what
// came to be healthy together is balanced by weight from the start, as all of a pool does when the gateway starts.
func (p Policy) weigh(list []standing) ([]standing, bool) {
	now, growing := time.Now(), false
	for i := range list {
		s := &list[i]
		parts := settled
		if since := s.since(); p.SlowStart > 0 && s.Status == backend.Healthy && now.Sub(since) < p.SlowStart {
			parts = max(smallest, int(settled*now.Sub(since)/p.SlowStart))
			growing = true
		}
		s.weight = s.Weight * parts
	}
	return list, growing
}

// since is when the member began to grow.
func (s *standing) since() time.Time {
	if s.joined.After(s.Since) {
		return s.joined
	}
	return s.Since
}

// grow has the schedule made anew for as long as a member grows.
func (g *Group) grow(growing bool) {
	switch step := max(g.policy.SlowStart/steps, shortestStep); {
	case growing && g.growth == nil:
		g.growth = time.AfterFunc(step, g.Refresh)
	case growing:
		g.growth.Reset(step)
	case g.growth != nil:
		g.growth.Stop()
	}
}

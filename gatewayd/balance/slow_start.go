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
	before := make(map[*backend.Health]*member, len(g.members))
	for i := range g.members {
		if m := &g.members[i]; m.Weight > 0 {
			before[m.Health] = m
		}
	}
	now, serves := time.Now(), len(g.schedule.Load().seats) > 0
	members := make([]member, len(list))
	for i := range members {
		m := &members[i]
		m.Member = list[i]
		switch was := before[m.Health]; {
		case was != nil:
			m.joined, m.first = was.joined, was.first
		case serves && p.SlowStart > 0:
			m.joined = now
		default:
			m.first = len(g.members) == 0
		}
	}
	return members
}

// weigh sets the members' present weights, and says whether one of them still grows. Only the proportions count: what
// came to be healthy together is balanced by weight from the start, as all of a pool does when the gateway starts.
func (p Policy) weigh(list []standing, now time.Time) (growing bool) {
	for i := range list {
		s := &list[i]
		parts := settled
		switch since := s.since(); {
		case p.SlowStart <= 0:
		case s.unprobed:
			parts, growing = smallest, true // As much as those beside it that were probed just now.
		case s.Status == backend.Healthy && now.Sub(since) < p.SlowStart:
			parts, growing = max(smallest, int(settled*now.Sub(since)/p.SlowStart)), true
		}
		s.weight = s.Weight * parts
	}
	return growing
}

// step is how long a schedule holds while a member grows.
func (p Policy) step() time.Duration { return max(p.SlowStart/steps, shortestStep) }

// since is when the member began to grow.
func (s *standing) since() time.Time {
	if s.joined.After(s.Since) {
		return s.joined
	}
	return s.Since
}

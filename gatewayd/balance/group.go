package balance

import (
	"math/bits"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
)

// A Member is one backend of a group.
type Member struct {
	Health *backend.Health
	Weight int // share relative to the other members; 0 gets nothing but the clients that come back to it
}

// A Policy is how a group picks.
type Policy struct {
	Algorithm string        // spec's word for it; "" is round robin
	SlowStart time.Duration // how long a backend that turned healthy grows to its share; 0 is at once
	FailOpen  bool          // all members are available when every one is unhealthy
	Affinity  bool          // clients come back to backends: see Return
}

// A Want is what a request wants of a pick.
type Want struct {
	Hash   uint64            // of what the pool's hash goes by: see Hash and HashAddr
	Hashed bool              // there is a Hash
	Limit  int               // how many may be in flight on a backend; 0 is any number
	Avoid  []*backend.Health // those that were tried before
}

// A Group picks among the members of one pool under one setting. It lives as long as some configuration names the two
// of them, and keeps its place in the rotation when a configuration is replaced.
//
// Available are the healthy members that are not ejected; where all healthy ones are ejected, these. While no member has
// a verdict yet, the unknown ones are in their place. When every verdict is bad there is none, or with FailOpen there are
// all. Those that the group began with stay available beside the first verdicts on others for up to youth, until their
// own first probe has ended; whoever comes later waits for its first success. Members of weight 0 count for nothing of
// this, and none of them is picked; see Return.
type Group struct {
	schedule atomic.Pointer[schedule] // never nil; replaced whole, never changed
	cursors  []cursor                 // one a loop; set once in NewGroup, each then owned by its loop

	asked atomic.Uint64 // rebuilds asked for

	mu      sync.Mutex // guards what follows; never taken by Pick
	built   uint64     // the value of asked that the schedule answers
	policy  Policy
	members []member
	began   time.Time   // when its first members came
	changes *time.Timer // rebuilds when time alone changes the schedule; nil before the first
}

// A member is a Member with what the group keeps of it.
type member struct {
	Member
	joined time.Time // when it came to a group that served already; zero for one of the first
	first  bool      // the group began with it
	order  order     // for the hashes only
}

// A cursor is a loop's place in the schedule, alone on its cache line because every pick writes it.
type cursor struct {
	next uint32
	rand rand.PCG // of the loop itself, so that draws share nothing and tests can repeat them
	_    [40]byte
}

// below is a number from 0 to n-1.
func (c *cursor) below(n uint64) uint64 {
	high, _ := bits.Mul64(c.rand.Uint64(), n)
	return high
}

// NewGroup makes a group without members for a number of loops, at least 1. Each loop starts at an offset of its own,
// so that many loops, or many gateways started at once, do not send their first requests to one backend.
func NewGroup(loops int) *Group {
	g := &Group{cursors: make([]cursor, max(loops, 1))}
	for i := range g.cursors {
		g.cursors[i].next = rand.Uint32()
		g.cursors[i].rand.Seed(rand.Uint64(), rand.Uint64())
	}
	g.schedule.Store(&schedule{})
	return g
}

// SetMembers replaces the members and the policy, and takes the list over; the caller must not change it afterwards.
// From then on the group follows the health of these members and of no other.
func (g *Group) SetMembers(members []Member, p Policy) {
	want := g.asked.Add(1)
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.members {
		m.Health.Unfollow(g)
	}
	for _, m := range members {
		m.Health.Follow(g)
	}
	if len(g.members) == 0 {
		g.began = time.Now()
	}
	g.members = g.join(members, p)
	if hashes(p.Algorithm) {
		arrange(g.members)
	}
	g.policy = p
	g.rebuild(want)
}

// Refresh takes the present health of the members into account. When it returns, picks do. Calls that wait for each
// other share one rebuild.
func (g *Group) Refresh() {
	want := g.asked.Add(1)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.built < want {
		g.rebuild(g.asked.Load())
	}
}

// rebuild makes the schedule anew. asked is loaded before the health of any member, so a change that comes later asks
// for a rebuild of its own.
func (g *Group) rebuild(asked uint64) {
	g.built = asked
	now := time.Now()
	c := g.policy.choose(g.members, now.Sub(g.began) < youth)
	growing := g.policy.weigh(c.list, now)
	s := newSchedule(g.policy.Algorithm, c.list)
	if g.policy.Affinity {
		s.homes = c.homes()
	}
	g.schedule.Store(s)
	var next time.Duration
	if growing {
		next = g.policy.step()
	}
	if left := g.began.Add(youth).Sub(now); c.unprobed && (!growing || left < next) {
		next = left
	}
	g.rebuildAfter(next)
}

// rebuildAfter has the schedule made anew after a time, if nothing else does before; 0 is never.
func (g *Group) rebuildAfter(next time.Duration) {
	switch {
	case next > 0 && g.changes == nil:
		g.changes = time.AfterFunc(next, g.Refresh)
	case next > 0:
		g.changes.Reset(next)
	case g.changes != nil:
		g.changes.Stop()
	}
}

// youth is for how long the first members of a group that were not probed yet stay available. First probes end one after
// the other within a second; without this the first member that is healthy would get everything until the second one is,
// which is more than it may carry. It is a time, and not the end of the first probe alone, because a member that does not
// answer keeps its probe waiting for as long as the probe's timeout, and its share of the requests with it.
const youth = 2 * time.Second

// Pick chooses a backend for a request of a loop and counts it there (see backend.Backend.Take); whoever gets it
// releases it. It is nil when there is none, full where only the limit stands in the way. It takes no lock and allocates
// nothing. Only the loop itself may pass its number, from 0.
func (g *Group) Pick(loop int, w *Want) (h *backend.Health, full bool) {
	return g.schedule.Load().pick(&g.cursors[loop], w)
}

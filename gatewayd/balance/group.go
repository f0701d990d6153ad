package balance

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
)

// A Member is one backend of a group.
type Member struct {
	Health *backend.Health
	Weight int // share relative to the other members; 0 gets nothing
}

// A Policy is how a group picks.
type Policy struct {
	Algorithm string        // spec's word for it; "" is round robin
	SlowStart time.Duration // how long a backend that turned healthy grows to its share; 0 is at once
	FailOpen  bool          // all members are available when every one is unhealthy
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
// all. Members of weight 0 count for nothing of this.
type Group struct {
	schedule atomic.Pointer[schedule] // never nil; replaced whole, never changed
	cursors  []cursor                 // one a loop; set once in NewGroup, each then owned by its loop

	asked atomic.Uint64 // rebuilds asked for

	mu      sync.Mutex // guards what follows; never taken by Pick
	built   uint64     // the value of asked that the schedule answers
	policy  Policy
	members []member
	growth  *time.Timer // rebuilds while a member grows to its share; nil before the first
}

// A member is a Member with what the group keeps of it.
type member struct {
	Member
	joined time.Time // when it came to a group that served already; zero for one of the first
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
	list, growing := g.policy.weigh(available(g.members, g.policy.FailOpen))
	g.schedule.Store(newSchedule(g.policy.Algorithm, list))
	g.grow(growing)
}

// A standing is a member at one moment.
type standing struct {
	*member
	backend.Standing
	weight int // at present, in parts of settled of its Weight
}

func available(members []member, failOpen bool) []standing {
	all := make([]standing, 0, len(members))
	var found, in [3]int // by status: how many, and how many of them are not ejected
	for i := range members {
		m := &members[i]
		if m.Weight <= 0 {
			continue
		}
		s := standing{member: m, Standing: m.Health.Standing()}
		all = append(all, s)
		found[s.Status]++
		if !s.Ejected {
			in[s.Status]++
		}
	}
	status := backend.Healthy
	switch {
	case found[backend.Healthy] > 0:
	case found[backend.Unhealthy] == 0:
		status = backend.Unknown
	case failOpen:
		return all
	default:
		return nil
	}
	return slices.DeleteFunc(all, func(s standing) bool { return s.Status != status || s.Ejected && in[status] > 0 })
}

// Pick chooses a backend for a request of a loop and counts it there (see backend.Backend.Take); whoever gets it
// releases it. It is nil when there is none, full where only the limit stands in the way. It takes no lock and allocates
// nothing. Only the loop itself may pass its number, from 0.
func (g *Group) Pick(loop int, w *Want) (h *backend.Health, full bool) {
	return g.schedule.Load().pick(&g.cursors[loop], w)
}

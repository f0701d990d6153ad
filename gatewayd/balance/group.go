package balance

import (
	"math/rand/v2"
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
	Hash   uint64            // of what the pool's hash goes by
	Hashed bool              // there is a Hash
	Limit  int               // how many may be in flight on a backend; 0 is any number
	Avoid  []*backend.Health // those that were tried before
}

// A Group picks among the members of one pool under one setting. It lives as long as some configuration names the two
// of them, and keeps its place in the rotation when a configuration is replaced.
//
// Available are the healthy members. While no member has a verdict yet, the unknown ones are. When every verdict is bad
// there is none. Members of weight 0 count for nothing of this.
type Group struct {
	schedule atomic.Pointer[schedule] // never nil; replaced whole, never changed
	cursors  []cursor                 // one a loop; set once in NewGroup, each then owned by its loop

	asked atomic.Uint64 // rebuilds asked for

	mu      sync.Mutex // guards what follows; never taken by Pick
	built   uint64     // the value of asked that the schedule answers
	members []Member
}

// A cursor is a loop's place in the schedule, alone on its cache line because every pick writes it.
type cursor struct {
	next uint32
	_    [60]byte
}

// NewGroup makes a group without members for a number of loops, at least 1. Each loop starts at an offset of its own,
// so that many loops, or many gateways started at once, do not send their first requests to one backend.
func NewGroup(loops int) *Group {
	g := &Group{cursors: make([]cursor, max(loops, 1))}
	for i := range g.cursors {
		g.cursors[i].next = rand.Uint32()
	}
	g.schedule.Store(&schedule{})
	return g
}

// SetMembers replaces the members and takes the list over; the caller must not change it afterwards. From then on the
// group follows the health of these members and of no other.
func (g *Group) SetMembers(members []Member, _ Policy) {
	want := g.asked.Add(1)
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.members {
		m.Health.Unfollow(g)
	}
	for _, m := range members {
		m.Health.Follow(g)
	}
	g.members = members
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
	g.schedule.Store(newSchedule(available(g.members)))
}

func available(members []Member) []Member {
	var healthy, unknown []Member
	judged := false
	for _, m := range members {
		if m.Weight <= 0 {
			continue
		}
		switch m.Health.Status() {
		case backend.Healthy:
			healthy = append(healthy, m)
		case backend.Unhealthy:
			judged = true
		default:
			unknown = append(unknown, m)
		}
	}
	if len(healthy) == 0 && !judged {
		return unknown
	}
	return healthy
}

// Pick chooses a backend for a request of a loop and counts it there (see backend.Backend.Take); whoever gets it
// releases it. It is nil when there is none, full where only the limit stands in the way. It takes no lock and allocates
// nothing. Only the loop itself may pass its number, from 0.
func (g *Group) Pick(loop int, w *Want) (h *backend.Health, full bool) {
	h = g.schedule.Load().pick(&g.cursors[loop].next, w.Avoid)
	if h == nil || !h.Backend.Take(w.Limit) {
		return nil, h != nil
	}
	return h, false
}

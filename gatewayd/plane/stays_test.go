package plane

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
)

// What TestNothingEnds holds open, and how much it writes at least.
const (
	heldTunnels = 1000
	heldWrites  = 1000
)

// A clientele is the clients of a gate: tunnels that speak now and then, and for each rule a request that is open all the
// time, and a connection on which one request follows the other, through all changes.
type clientele struct {
	*gate
	tunnels []*line
	held    map[string]*line // requests that are open all the time, by rule
	spoken  atomic.Int64
	stop    chan struct{}
	talking sync.WaitGroup

	mu       sync.Mutex
	asked    map[string]int // requests by rule
	failures []error
}

// answers are the backends that a rule's requests go to; the other rules have none that are asked steadily.
var answers = map[string][]string{
	"chat": {"blue", "green", "own"}, "split": {"blue", "green", "own", "red"}, "written": {"blue", "green", "own"}, "over": {"over"},
	"named": {"one", "two"}, "site": {"red"}, "secure": {"blue", "green", "own"},
}

func newClientele(g *gate) *clientele {
	c := &clientele{gate: g, stop: make(chan struct{}), held: map[string]*line{}, asked: map[string]int{}}
	rules := slices.Sorted(maps.Keys(g.places))
	for i := range heldTunnels {
		l, err := connect(g.places[rules[i%len(rules)]])
		if err == nil {
			g.Cleanup(func() { _ = l.Close() })
			err = errors.Join(l.upgrade(), l.say())
		}
		if err != nil {
			g.Fatal(err)
		}
		c.tunnels = append(c.tunnels, l)
	}
	for _, rule := range rules {
		at := g.places[rule]
		at.path = strings.Replace(at.path, "/here", "/held", 1)
		l, err := connect(at)
		if err == nil {
			g.Cleanup(func() { _ = l.Close() })
			err = l.begin(http.MethodGet)
		}
		if err != nil {
			g.Fatal(err)
		}
		c.held[rule] = l
	}
	const talkers = 4
	for i := range talkers {
		c.talking.Go(func() { c.talk(i, talkers) })
	}
	for rule, from := range answers {
		c.talking.Go(func() { c.ask(rule, from) })
	}
	return c
}

func (c *clientele) failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures = append(c.failures, err)
}

func (c *clientele) over() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

// talk speaks on every nth tunnel, one after the other.
func (c *clientele) talk(first, n int) {
	for !c.over() {
		for i := first; i < len(c.tunnels) && !c.over(); i += n {
			if err := c.tunnels[i].say(); err != nil {
				c.failed(err)
				return
			}
			c.spoken.Add(1)
			time.Sleep(time.Millisecond)
		}
	}
}

// ask sends requests for a rule on one connection.
func (c *clientele) ask(rule string, from []string) {
	l, err := connect(c.places[rule])
	if err != nil {
		c.failed(err)
		return
	}
	c.Cleanup(func() { _ = l.Close() })
	for !c.over() && err == nil {
		if err = l.get(from...); err != nil {
			c.failed(fmt.Errorf("rule %s: %w", rule, err))
		}
		time.Sleep(5 * time.Millisecond)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked[rule] = l.n
}

// unharmed wants nothing to have ended and no request to have failed.
func (c *clientele) unharmed(behind string) {
	c.Helper()
	c.mu.Lock()
	failures := c.failures
	c.mu.Unlock()
	if len(failures) > 0 {
		c.Fatalf("behind %s: %v", behind, failures)
	}
	if n := c.plane.Activity().Tunnels; n != heldTunnels {
		c.Fatalf("behind %s: %d of %d WebSockets are open", behind, n, heldTunnels)
	}
}

// counted wants the gateway's counters to be exactly what was done.
func (c *clientele) counted() {
	c.Helper()
	opened, held := map[string]uint64{}, map[string]uint64{}
	rules := slices.Sorted(maps.Keys(c.places))
	for i := range c.tunnels {
		held[rules[i%len(rules)]]++
	}
	requests := map[string]uint64{}
	for _, f := range c.plane.Figures(longest).Traffic {
		opened[f.Rule] += f.TunnelsOpened
		for class, n := range f.Ended {
			if requests[f.Rule] += n; n > 0 && f.Rule != "" && meter.Class(class) != meter.Successful && meter.Class(class) != meter.Informational {
				c.Errorf("of the requests of rule %s %d ended %s", f.Rule, n, meter.Class(class))
			}
		}
		for end, n := range f.TunnelsEnded {
			if n > 0 {
				c.Errorf("of the WebSockets of rule %s %d were ended by %s", f.Rule, n, meter.End(end))
			}
		}
	}
	for rule, n := range held {
		if opened[rule] != n {
			c.Errorf("rule %s counts %d WebSockets, and there were %d", rule, opened[rule], n)
		}
		if asked := c.asked[rule] + 1; asked > 1 && rule != "named" && requests[rule] != uint64(asked)+n {
			c.Errorf("rule %s counts %d requests, and there were %d and %d handshakes", rule, requests[rule], asked, n)
		}
	}
}

// descriptorCount is how many descriptors the process has; 0 where the system does not tell.
func descriptorCount() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// TestNothingEnds: a thousand WebSockets and steady requests go through a thousand writes of everything that the contract
// says they stay through. None ends and none fails; counters are exact, verdicts those of before; and of what served
// meanwhile nothing is left, no table, goroutine or descriptor.
func TestNothingEnds(t *testing.T) {
	g := newGate(t)
	until(t, "all targets are healthy", func() bool {
		for _, v := range g.verdicts() {
			if v.status.String() != "healthy" {
				return false
			}
		}
		return g.plane.Health("").Pools["sick"].Settings["sick"].Targets["sick"].State == "healthy" && len(g.plane.Health("").Pools["named"].Names["web"].Addresses) == 2
	})
	c := newClientele(g)
	w := &writer{gate: g}
	w.tables.note(g.plane)
	before := g.verdicts()
	var goroutines, descriptors int
	for ; w.n < heldWrites; w.round++ {
		for _, clause := range contract() {
			if clause.writes != nil {
				clause.writes(w)
				c.unharmed(clause.change)
			}
		}
		if w.round == 0 {
			goroutines, descriptors = runtime.NumGoroutine(), descriptorCount()
		}
	}
	for c.spoken.Load() < heldTunnels {
		c.unharmed("everything")
		time.Sleep(time.Millisecond)
	}
	close(c.stop)
	c.talking.Wait()
	for _, l := range c.tunnels {
		if err := l.say(); err != nil {
			t.Error(err)
		}
	}
	close(g.hold.free)
	for rule, l := range c.held {
		if err := l.answered("blue", "green", "own", "red", "over", "one", "two", "sick"); err != nil {
			t.Errorf("the request of rule %s that was open all the time: %v", rule, err)
		}
	}
	c.unharmed("everything")
	c.counted()
	for at, now := range g.verdicts() {
		if now != before[at] {
			t.Errorf("the health of %s was %v since %v and is %v since %v", at, before[at].status, before[at].since, now.status, now.since)
		}
	}
	until(t, "the tables of before are gone", func() bool { return w.tables.left() == 0 })
	until(t, "there are as many goroutines and descriptors as before", func() bool {
		return runtime.NumGoroutine() <= goroutines+20 && descriptorCount() <= descriptors+20
	})
	t.Logf("%d writes in %d rounds, %d tables, %d messages", w.n, w.round, len(w.tables.before), c.spoken.Load())
}

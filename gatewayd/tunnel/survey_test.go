package tunnel

import (
	"net/netip"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// look gives what a page sees.
func (r *rig) look(p Page) Sight {
	r.t.Helper()
	seen := make(chan Sight, 1)
	r.on(func() { r.set.Look(p, func(s Sight) { seen <- s }) })
	return <-seen
}

// A survey of several turns sees every tunnel once, whatever ends and begins meanwhile, and a drain that walks at the same
// time reaches every one.
func TestSurveysAndDrainsPassEachOther(t *testing.T) {
	r := newRig(t)
	const n = 2*surveyStep + 100
	for range n {
		r.open()
	}
	for _, order := range []Order{Oldest, Newest} {
		seen, gone := make(chan Sight, 2), make(chan ID, 2)
		r.on(func() {
			p := Page{Order: order, Limit: n, Which: Which{Rules: map[string]bool{"rule": true}}}
			r.set.Look(p, func(s Sight) { seen <- s })
			v := r.set.surveys[0]
			next := v.cursor
			gone <- next.id()
			next.client.Reset() // It is gone before the survey's next turn.
			next.backend.Reset()
			r.set.Drain(Subject{Rule: "rule"}, Drain{Timeout: time.Hour, Spread: time.Minute})
			r.set.Look(p, func(s Sight) { seen <- s })
		})
		missing := <-gone
		for range 2 {
			s := <-seen
			ids := map[ID]int{}
			for i := range s.Seen {
				ids[s.Seen[i].ID]++
			}
			if len(ids) != len(s.Seen) || s.Meant != len(s.Seen) || ids[missing] > 0 {
				t.Errorf("saw %d of %d tunnels, %d of them twice, the one that was gone %d times", len(ids), s.Open, len(s.Seen)-len(ids), ids[missing])
			}
			if want := s.Open - 1; len(ids) != want {
				t.Errorf("saw %d of the %d tunnels that stayed", len(ids), want)
			}
		}
		until(t, "the drain has reached all", func() (all bool) {
			r.on(func() {
				all = len(r.set.surveys) == 0
				for c := r.set.lists[Subject{Rule: "rule"}].first; c != nil; c = c.links[ofRule].next {
					all = all && c.account.closeAt != 0
				}
			})
			return all
		})
		if s := r.look(Page{Limit: n, Which: Which{Draining: new(true)}}); s.Meant != s.Open {
			t.Errorf("%d of %d are seen to drain", s.Meant, s.Open)
		}
		r.on(func() { r.set.Keep(Subject{Rule: "rule"}) })
		until(t, "all are kept", func() bool { return r.look(Page{Limit: 1, Which: Which{Draining: new(true)}}).Meant == 0 })
	}
}

// A page has those that stand first, however many there are, and the next one what stands behind.
func TestPagesOfTunnels(t *testing.T) {
	r := newRig(t)
	const n = 30
	for i := range n {
		c, s := r.open()
		c.send(masked)
		s.expect(masked)
		if i%3 == 0 {
			s.send(hello)
			c.expect(hello)
		}
	}
	for _, order := range []Order{Oldest, Newest, Active, Busiest} {
		all := order.First(r.look(Page{Order: order, Limit: n}).Seen, n)
		for _, limit := range []int{1, 3, 7, n - 1} {
			got := order.First(r.look(Page{Order: order, Limit: limit}).Seen, limit)
			for i := range got {
				if got[i].ID != all[i].ID {
					t.Fatalf("order %d, page of %d: place %d has %v, not %v", order, limit, i, got[i].ID, all[i].ID)
				}
			}
			if len(got) != limit {
				t.Errorf("order %d: %d of %d", order, len(got), limit)
			}
		}
	}
	for _, order := range []Order{Oldest, Newest} {
		all := order.First(r.look(Page{Order: order, Limit: n}).Seen, n)
		behind := r.look(Page{Order: order, Limit: n, Behind: &all[9].ID})
		if rest := order.First(behind.Seen, n); behind.Meant != n || len(rest) != n-10 || rest[0].ID != all[10].ID {
			t.Errorf("order %d: %d of %d stand behind the tenth", order, len(rest), behind.Meant)
		}
	}
}

// What a survey looks at is what is asked for.
func TestWhich(t *testing.T) {
	r := newRig(t)
	c, s := r.open()
	c.send(masked)
	s.expect(masked)
	at := netip.MustParseAddrPort(c.LocalAddr().String())
	var began loop.Time
	r.only(func(t *Tunnel) { began = t.account.began })
	id := ID{Began: began}
	for name, row := range map[string]struct {
		which Which
		want  int
	}{
		"any":            {Which{}, 1},
		"listener":       {Which{Listeners: map[string]bool{"listener": true}}, 1},
		"other listener": {Which{Listeners: map[string]bool{"other": true}}, 0},
		"rule":           {Which{Rules: map[string]bool{"rule": true, "other": true}}, 1},
		"no rule":        {Which{Rules: map[string]bool{}}, 0},
		"pool":           {Which{Pools: map[string]bool{"pool": true}}, 1},
		"other pool":     {Which{Pools: map[string]bool{"other": true}}, 0},
		"backend":        {Which{Backends: map[*backend.Backend]bool{r.backend: true}}, 1},
		"no backend":     {Which{Backends: map[*backend.Backend]bool{}}, 0},
		"client":         {Which{Client: netip.PrefixFrom(at.Addr(), 32)}, 1},
		"other client":   {Which{Client: netip.MustParsePrefix("10.0.0.0/8")}, 0},
		"idle":           {Which{IdleFor: time.Nanosecond}, 1},
		"not idle":       {Which{IdleFor: time.Hour}, 0},
		"old":            {Which{OlderThan: time.Nanosecond}, 1},
		"young":          {Which{OlderThan: time.Hour}, 0},
		"id":             {Which{IDs: map[ID]bool{id: true}}, 1},
		"other id":       {Which{IDs: map[ID]bool{{Began: id.Began, Loop: 1}: true}}, 0},
		"not draining":   {Which{Draining: new(false)}, 1},
		"all of it":      {Which{Rules: map[string]bool{"rule": true}, Pools: map[string]bool{"other": true}}, 0},
	} {
		if got := r.look(Page{Which: row.which, Limit: 9}); got.Meant != row.want || got.Open != 1 {
			t.Errorf("%s: means %d of %d, want %d", name, got.Meant, got.Open, row.want)
		}
	}
	if seen := r.look(Page{Limit: 1}).Seen[0]; seen.Client != at || seen.Received != uint64(len(masked)) || seen.Ending || seen.Secure {
		t.Errorf("seen: %+v", seen)
	}
}

// Tunnels that begin in one turn of their loop have ids of their own.
func TestIDs(t *testing.T) {
	r := newRig(t)
	r.on(func() {
		last := r.set.beginning()
		for range 5 {
			next := r.set.beginning()
			if next <= last {
				t.Errorf("%d comes behind %d", next, last)
			}
			last = next
		}
	})
	for _, id := range []ID{{1, 0}, {1 << 62, 65535}, {0, 3}} {
		if got, ok := ParseID(id.String()); !ok || got != id {
			t.Errorf("%v is read as %v", id, got)
		}
	}
	for _, text := range []string{"", "-", "1", "1-", "-1", "01-1", "1-01", "1-A", "1--1", "1-1-1", "65536-1", "1-10000000000000000", " 1-1", "1-0x1", "1-1_1"} {
		if id, ok := ParseID(text); ok {
			t.Errorf("%q is read as %v", text, id)
		}
	}
}

// FuzzParseID: what is an id is written the same way.
func FuzzParseID(f *testing.F) {
	for _, seed := range []string{"0-1", "65535-ffffffffffffffff", "1-", "-1", "01-1", "0-0x1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if id, ok := ParseID(text); ok && id.String() != text {
			t.Errorf("%q is read as %v", text, id)
		}
	})
}

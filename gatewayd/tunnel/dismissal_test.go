package tunnel

import (
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/ws"
)

// dismiss dismisses the tunnels that are meant, and gives the counts.
func (r *rig) dismiss(which Which, d Dismissal) (ends, ending int) {
	r.t.Helper()
	done := make(chan [2]int, 1)
	r.on(func() { r.set.Dismiss(which, d, func(ends, ending int) { done <- [2]int{ends, ending} }) })
	n := <-done
	return n[0], n[1]
}

// A dismissed tunnel gets its Close with code and reason, ends as by a limit, and is told to have been ended by an admin.
func TestDismiss(t *testing.T) {
	r := newRig(t)
	c, s := r.open()
	d := Dismissal{Code: 4001, Reason: "signed out"}
	if ends, ending := r.dismiss(Which{Rules: map[string]bool{"other": true}}, d); ends != 0 || ending != 0 {
		t.Errorf("of another rule: %d end, %d are ending", ends, ending)
	}
	imagined := d
	imagined.Imagined = true
	for range 2 {
		if ends, ending := r.dismiss(Which{}, imagined); ends != 1 || ending != 0 {
			t.Errorf("imagined: %d end, %d are ending", ends, ending)
		}
	}
	if seen := r.look(Page{Limit: 1}).Seen[0]; seen.Ending {
		t.Errorf("imagined: %+v", seen)
	}
	s.send(hello)
	c.expect(hello)
	if ends, ending := r.dismiss(Which{}, d); ends != 1 || ending != 0 {
		t.Errorf("%d end, %d are ending", ends, ending)
	}
	c.expect(string(ws.AppendClose(nil, 4001, "signed out", nil)))
	if ends, ending := r.dismiss(Which{}, d); ends != 0 || ending != 1 {
		t.Errorf("behind its Close: %d end, %d are ending", ends, ending)
	}
	c.send(masked, ownClose) // What the client still says arrives.
	s.expect(masked + ownClose)
	s.send(replyClose)
	c.ends()
	c.Close()
	s.Close()
	until(t, "the tunnel is over", func() (over bool) {
		r.on(func() { over = len(r.told) == 1 })
		return over
	})
	if e := r.told[0]; e.By != meter.ByAdmin || e.Code != 4001 || e.Cut {
		t.Errorf("told of %+v", e)
	}
	if f := r.traffic.Figures(); f.TunnelsEnded[meter.ByAdmin] != 1 {
		t.Errorf("counted %+v", f)
	}
}

// Closes are spread over the time, what ends is counted once, and a second dismissal only hastens.
func TestDismissalsAreSpread(t *testing.T) {
	r := newRig(t)
	const n = 120
	for range n {
		r.open()
	}
	var quarters [4]int
	var first loop.Time
	each := func(visit func(*account)) {
		r.on(func() {
			for c := r.set.lists[Subject{Rule: "rule"}].first; c != nil; c = c.links[ofRule].next {
				visit(c.account)
			}
		})
	}
	r.on(func() { first = r.l.Now() })
	if ends, ending := r.dismiss(Which{}, Dismissal{Within: time.Hour, Code: ws.CodeGoingAway}); ends != n || ending != 0 {
		t.Errorf("%d end, %d are ending", ends, ending)
	}
	var last loop.Time
	r.on(func() { last = r.l.Now() + loop.Time(time.Hour) })
	before := map[*account]loop.Time{}
	each(func(a *account) {
		if a.dies < first || a.dies > last {
			t.Errorf("one ends %s off", time.Duration(a.dies-first))
			return
		}
		before[a] = a.dies
		quarters[min(4*(a.dies-first)/loop.Time(time.Hour), 3)]++
	})
	for _, q := range quarters {
		if q == 0 {
			t.Errorf("by quarters of the hour: %d", quarters)
		}
	}
	for _, seen := range r.look(Page{Limit: n}).Seen {
		if !seen.Ending || seen.By != meter.ByAdmin || seen.Deadline < first || seen.Deadline > last+loop.Time(limitTime) {
			t.Fatalf("seen: %+v", seen)
		}
	}
	if ends, ending := r.dismiss(Which{Draining: new(true)}, Dismissal{Within: 40 * time.Minute, Code: 4000}); ends != 0 || ending != n {
		t.Errorf("again: %d end, %d are ending", ends, ending)
	}
	hastened := 0
	each(func(a *account) {
		if a.dies > before[a] {
			t.Error("one ends later than before")
		}
		if a.dies < before[a] {
			hastened++
		}
		if (a.apart.dismissal.Code == 4000) != (a.dies < before[a]) {
			t.Errorf("one has the code %d, and ends %s earlier", a.apart.dismissal.Code, time.Duration(before[a]-a.dies))
		}
	})
	if hastened == 0 {
		t.Error("none ends earlier")
	}
	// What drains before ends because of that.
	r.on(func() { r.set.Drain(Subject{Rule: "rule"}, Drain{Timeout: 0}) })
	until(t, "all are over", func() (over bool) {
		r.on(func() { over = len(r.told) == n })
		return over
	})
	for _, e := range r.told {
		if e.By != meter.ByChange || e.Code != ws.CodeGoingAway {
			t.Fatalf("told of %+v", e)
		}
	}
}

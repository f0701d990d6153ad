package tunnel

import (
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// bare is a tunnel of a rule's list, without streams, that belongs to nothing else.
func (s *Set) bare(l *list) *Tunnel {
	t := s.take()
	t.client, t.backend = nowhere{}, nowhere{}
	l.push(t)
	for _, slot := range []int{ofListener, ofBackend, ofHealth} {
		t.links[slot].list = &list{}
	}
	return t
}

// A walk over many tunnels takes several turns, and tunnels that end meanwhile do not break it.
func TestLongWalk(t *testing.T) {
	r := newRig(t)
	r.on(func() {
		l := r.set.list(Subject{Rule: "rule"}, ofRule)
		all := make([]*Tunnel, 2*walkStep+500)
		for i := range all {
			all[i] = r.set.bare(l)
		}
		r.set.Drain(Subject{Rule: "rule"}, Drain{Timeout: time.Hour})
		if l.visited != walkStep || !l.walking {
			t.Errorf("%d tunnels were visited at once", l.visited)
		}
		l.remove(l.cursor)
		l.remove(l.first)
	})
	r.on(func() {})
	r.on(func() {
		l := r.set.lists[Subject{Rule: "rule"}]
		for k := l.first; k != nil; k = k.links[ofRule].next {
			if k.deadline == 0 {
				t.Fatalf("a tunnel was left out")
			}
		}
		if l.walking || l.n != 2*walkStep+498 {
			t.Errorf("%d tunnels, still walking: %v", l.n, l.walking)
		}
		delete(r.set.lists, Subject{Rule: "rule"})
	})
}

// TestDueBeforeTheWalk: a Close that is due before the walk comes to its tunnel goes by the drains that stand by now.
func TestDueBeforeTheWalk(t *testing.T) {
	const hour = loop.Time(time.Hour)
	rule, target := Subject{Rule: "rule"}, Subject{Rule: "target"} // The one's list stands for the other slot, too.
	for _, c := range []struct {
		name string
		then func(s *Set)
		left loop.Time // until its end, 0 for none
	}{
		{"it stands", func(*Set) {}, hour / 2},
		{"it is off", func(s *Set) { s.Keep(rule) }, 0},
		{"it is off, and another stands", func(s *Set) { s.Drain(target, Drain{Timeout: time.Hour}); s.Keep(rule) }, hour},
		{"it was replaced", func(s *Set) { s.Drain(rule, Drain{Timeout: time.Hour}) }, hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.on(func() {
				s := r.set
				of := s.list(rule, ofRule)
				other := s.list(target, ofRule)
				other.slot = ofBackend
				all := make([]*Tunnel, walkStep+1)
				for i := range all {
					all[i] = s.bare(of)
					all[i].links[ofBackend].list = other
				}
				last := all[0]
				s.Drain(rule, Drain{Timeout: time.Hour / 2})
				last.plan(0)
				at := last.account.closeAt
				c.then(s)
				if last.account.closeAt != at {
					t.Error("the walk was at the last tunnel at once")
				}
				last.renew()
				switch a := last.account; {
				case c.left == 0 && (a.closeAt != 0 || last.deadline != 0):
					t.Errorf("it is to end at %d, and to be told at %d", last.deadline, a.closeAt)
				case c.left != 0 && (a.closeAt == 0 || last.deadline-r.l.Now() != c.left):
					t.Errorf("it is to end in %v, want %v", time.Duration(last.deadline-r.l.Now()), time.Duration(c.left))
				}
				of.cursor = nil
				delete(s.lists, rule)
				delete(s.lists, target)
			})
		})
	}
}

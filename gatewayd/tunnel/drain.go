package tunnel

import (
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
)

// Drain ends the tunnels of a subject that is gone, and those that begin later though they were routed before. Each is
// left alone until the last [Drain.Spread] of its time, then gets a Close. A second Drain of the subject replaces the
// first for tunnels that are still left alone. That of a health is for those alone whose backend was picked before.
func (s *Set) Drain(of Subject, d Drain) {
	s.begin(s.list(of, slotOf(of)), d)
}

// Keep cancels the drain of a subject that is back. Tunnels that got their Close already end all the same.
func (s *Set) Keep(of Subject) {
	if l := s.lists[of]; l != nil {
		s.cancel(l)
	}
}

// Shutdown drains every tunnel, open and to come, because the process ends: their Closes say 1012, service restart.
func (s *Set) Shutdown(d Drain) {
	d.restart = true
	s.closing, s.shutdown, s.since = true, d, s.l.Now()
	for subject, l := range s.lists {
		if subject.Listener == "" {
			continue
		}
		if l.draining && l.drain.Timeout >= 0 &&
			l.start+loop.Time(l.drain.Timeout) <= s.since+loop.Time(d.Timeout) {
			continue // they end earlier as it is
		}
		s.begin(l, d)
	}
}

func slotOf(of Subject) int {
	switch {
	case of.Listener != "":
		return ofListener
	case of.Rule != "":
		return ofRule
	case of.Health != nil:
		return ofHealth
	}
	return ofBackend
}

func (s *Set) begin(l *list, d Drain) {
	l.draining, l.drain, l.start = true, d, s.l.Now()
	s.l.SetTimer(&l.forget, s.l.Now()+loop.Time(d.Remembered()), func() {
		l.draining = false
		s.tidy(l)
	})
	s.walk(l)
}

func (s *Set) cancel(l *list) {
	if !l.draining || s.closing && l.slot == ofListener {
		return
	}
	l.draining = false
	s.l.StopTimer(&l.forget)
	s.walk(l)
	s.tidy(l)
}

// walk visits every tunnel of the list that is in it now, and plans its end anew. Where the first of them stands is left to
// chance: many subjects may be taken away at once, each with few tunnels, on several loops.
func (s *Set) walk(l *list) {
	l.cursor, l.visited, l.of, l.phase = l.first, 0, l.n, s.fraction()
	if !l.walking {
		s.step(l)
	}
}

// step is a turn's share of a walk. Later shares are posted, so that the loop's connections have their turns between.
func (s *Set) step(l *list) {
	l.walking = false
	for n := 0; l.cursor != nil; n++ {
		if n == walkStep {
			l.walking = s.l.Post(func() { s.step(l) })
			return
		}
		t := l.cursor
		l.cursor = t.links[l.slot].next
		if l.slot == ofHealth {
			t.flags &^= spared // It is older than this drain.
		}
		t.plan((float64(l.visited) + l.phase) / float64(l.of))
		l.visited++
	}
}

// plan works out when the tunnel has to end and arranges its Close; place, from 0 to below 1, is where in the spread.
// The end that comes first counts. One that is ending keeps its deadline, unless it comes earlier now.
func (t *Tunnel) plan(place float64) {
	var at, end loop.Time
	var cause meter.End
	for i := range t.links {
		if !t.drainsWith(i) {
			continue
		}
		deadline := t.endWith(i)
		if end != 0 && end <= deadline {
			continue
		}
		l := t.links[i].list
		end, cause = deadline, l.cause()
		at = max(l.drain.by(t).moment(l.start, place), 1)
	}
	if t.flags&(closeWanted|ended) == 0 {
		t.deadline, t.cause, t.account.closeAt = end, cause, at
		t.arm()
		return
	}
	if end != 0 && (t.deadline == 0 || end < t.deadline) {
		t.deadline, t.cause = end, cause
		t.limit()
	}
}

// drainsWith says that one of the tunnel's subjects drains, and that the tunnel is a part of that.
func (t *Tunnel) drainsWith(slot int) bool {
	return t.links[slot].list.draining && (slot != ofHealth || t.flags&spared == 0)
}

// endWith is when the drain of one of the tunnel's subjects ends it.
func (t *Tunnel) endWith(slot int) loop.Time {
	l := t.links[slot].list
	return max(l.start+loop.Time(l.drain.by(t).Timeout), 1)
}

// renew plans the Close anew where the drain that it was planned for is off, or another one by now: the walk that tells so
// may still be on its way.
func (t *Tunnel) renew() {
	if t.account.closeAt == 0 {
		return
	}
	for i := range t.links {
		if t.drainsWith(i) && t.endWith(i) == t.deadline {
			return
		}
	}
	t.plan(t.set.fraction())
}

// politeTime is how long a client may be silent behind a Close of ours, and a backend behind its own.
const politeTime = 5 * time.Second

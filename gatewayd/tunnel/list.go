package tunnel

import (
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
)

// A list holds the tunnels of one subject on one loop, so that a drain costs what its tunnels are and not what the
// loop's are. It exists while it has tunnels or is draining.
type list struct {
	subject Subject
	slot    int     // which link of its tunnels is the list's
	first   *Tunnel // the newest
	last    *Tunnel // the oldest
	n       int

	// What passed since it was settled, of that of a health.
	received, sent meter.PassedFigures

	draining bool
	drain    Drain
	start    loop.Time // when the drain began
	forget   loop.Timer

	// A walk over the tunnels, a bounded number a turn.
	walking bool
	cursor  *Tunnel // the next to be visited
	visited int
	of      int
	phase   float64 // from 0 to below 1, of the distance between two
}

// A link is a tunnel's place in one list.
type link struct {
	list       *list
	prev, next *Tunnel
}

// The lists that every tunnel is in.
const (
	ofListener = iota
	ofRule
	ofBackend
	ofHealth
	linkCount
)

func (l *list) push(t *Tunnel) {
	t.links[l.slot] = link{list: l, next: l.first}
	if l.first != nil {
		l.first.links[l.slot].prev = t
	} else {
		l.last = t
	}
	l.first = t
	l.n++
}

func (l *list) remove(t *Tunnel) {
	k := &t.links[l.slot]
	if l.cursor == t {
		l.cursor = k.next
	}
	if k.prev != nil {
		k.prev.links[l.slot].next = k.next
	} else {
		l.first = k.next
	}
	if k.next != nil {
		k.next.links[l.slot].prev = k.prev
	} else {
		l.last = k.prev
	}
	*k = link{}
	l.n--
}

// settle adds what passed to what is known of the target.
func (l *list) settle() {
	l.subject.Health.Tunnels().Passed(l.received, l.sent)
	l.received, l.sent = meter.PassedFigures{}, meter.PassedFigures{}
}

// keepUnsettled bounds the counters that wait to be settled by somebody who asks, who may never come.
const keepUnsettled = 1024

// unsettled notes that something was counted which is not told.
func (s *Set) unsettled(p *meter.Passed) {
	s.untold = append(s.untold, p)
	if len(s.untold) > keepUnsettled {
		s.tellAll()
	}
}

func (s *Set) tellAll() {
	for _, p := range s.untold {
		p.Settle()
	}
	clear(s.untold)
	s.untold = s.untold[:0]
}

// Settle adds what passed since the last time to what everybody may read of rules and targets. That would be dear with every
// message: so it is done for who wants to read it, when a tunnel ends for its rule, and when the last one does for the target.
func (s *Set) Settle() {
	s.tellAll()
	for _, l := range s.lists {
		if l.slot == ofHealth {
			l.settle()
		}
	}
}

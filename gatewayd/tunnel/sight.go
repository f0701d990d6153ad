package tunnel

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
)

// An Order is that of a list of tunnels.
type Order uint8

// The orders. Those of the same rank stand in that of their beginnings.
const (
	Oldest  Order = iota // first
	Newest               // first
	Active               // those first on which a byte passed last
	Busiest              // those first that most bytes passed on, both ways together
)

// A Seen is what is told of a tunnel while it is open.
type Seen struct {
	ID             ID
	Listener, Rule string // hidden ids
	Health         *backend.Health
	Client         netip.AddrPort // not valid once its connection is gone
	Secure         bool
	Received, Sent uint64 // bytes from the client, and to it
	// The messages, as far as the framing could be followed.
	ReceivedMessages, SentMessages uint64
	Stirred                        loop.Time // the last byte
	// Ending says that it is on its way out, because of By and until Deadline at the latest, where there is one.
	Ending   bool
	By       meter.End
	Deadline loop.Time
}

// see tells of a tunnel.
func (t *Tunnel) see() Seen {
	a := t.account
	s := Seen{
		ID: t.id(), Listener: t.links[ofListener].list.subject.Listener, Rule: t.links[ofRule].list.subject.Rule,
		Health: t.links[ofHealth].list.subject.Health, Client: t.from(), Secure: t.flags&secured != 0,
		Received: a.received.Bytes, Sent: a.sent.Bytes, Stirred: a.stirred,
		ReceivedMessages: a.received.Messages, SentMessages: a.sent.Messages,
		Ending: t.ending(), By: t.cause, Deadline: t.deadline,
	}
	if end := a.dies + loop.Time(limitTime); t.dismissed() != nil && t.flags&closeWanted == 0 && (s.Deadline == 0 || end < s.Deadline) {
		s.By, s.Deadline = meter.ByAdmin, end
	}
	if t.flags&known != 0 {
		s.By = t.by
	}
	return s
}

// Compare says which of two stands first.
func (o Order) Compare(a, b *Seen) int {
	switch o {
	case Newest:
		return b.ID.Compare(a.ID)
	case Active:
		return cmp.Or(cmp.Compare(b.Stirred, a.Stirred), a.ID.Compare(b.ID))
	case Busiest:
		return cmp.Or(cmp.Compare(b.Received+b.Sent, a.Received+a.Sent), a.ID.Compare(b.ID))
	}
	return a.ID.Compare(b.ID)
}

// A Page is which tunnels are asked for: so many at most that stand first, behind the one that Behind names. That is for
// orders of beginnings, for the others change by the moment.
type Page struct {
	Which  Which
	Order  Order
	Behind *ID
	Limit  int // from 1
}

// A Sight is what one loop answers.
type Sight struct {
	// Open is how many tunnels there were, Meant how many of them were meant.
	Open, Meant int
	// Seen stand in no order. They may be more than Limit; all those that stand first are among them.
	Seen []Seen
}

// Look has the tunnels visited, a bounded number a turn, and calls done with what was seen, on the loop. It ends nothing and holds up nobody.
func (s *Set) Look(p Page, done func(Sight)) {
	sight := Sight{Open: s.stats.Open}
	v := &survey{set: s, which: &p.Which, oldest: p.Order == Oldest}
	var last *Seen // No more than this one is needed of what stands behind it.
	v.visit = func(t *Tunnel) {
		sight.Meant++
		seen := t.see()
		if p.Behind != nil && p.Order.Compare(&seen, &Seen{ID: *p.Behind}) <= 0 || last != nil && p.Order.Compare(&seen, last) > 0 {
			return
		}
		sight.Seen = append(sight.Seen, seen)
		if len(sight.Seen) >= 2*p.Limit {
			sight.Seen = p.Order.First(sight.Seen, p.Limit)
			last = new(sight.Seen[p.Limit-1])
		}
	}
	v.done = func() { done(sight) }
	v.begin()
}

// First sorts a list, and cuts it behind n.
func (o Order) First(list []Seen, n int) []Seen {
	slices.SortFunc(list, func(a, b Seen) int { return o.Compare(&a, &b) })
	return list[:min(n, len(list))]
}

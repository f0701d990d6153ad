package tunnel

import (
	"syscall"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// Peers that vanished. Keep-alive finds one that nothing is on its way to. Else the system sends the same again and again,
// for a quarter of an hour, and a peer that is gone looks like one that does not read: so rounds are made over the tunnels
// that something passed through lately, to ask the system what it hears of their peers. A tunnel that is idle has nothing to
// do with it.
const (
	roundEvery = 5 * time.Second
	// deadTime is how long a peer is silent that is given up. With the time to the next round it is less than a minute.
	deadTime = 50 * time.Second
	// deadAsked is how often it was asked in vain then: a single packet may be lost, or the machine may have slept.
	deadAsked = 3
	// roundStep is how many tunnels a round visits in one turn of the loop.
	roundStep = 100
)

// said notes whose bytes passed, and that the next rounds visit the tunnel.
func (t *Tunnel) said(who uint16) {
	t.flags |= who
	s := t.set
	if t.account.place != 0 {
		return
	}
	if len(s.talking) == 0 {
		s.l.SetTimer(&s.rounds, s.l.Now()+loop.Time(roundEvery), s.round)
	}
	s.talking = append(s.talking, t)
	t.account.place = int32(len(s.talking))
}

// quiet takes a tunnel out of the rounds. The last one gets its place: it may be visited twice in a round, but never be
// left out.
func (s *Set) quiet(t *Tunnel) {
	i := int(t.account.place) - 1
	if i < 0 {
		return
	}
	t.account.place = 0
	n := len(s.talking) - 1
	last := s.talking[n]
	s.talking[n] = nil
	s.talking = s.talking[:n]
	if last != t {
		s.talking[i] = last
		last.account.place = int32(i + 1)
	}
}

// begins is a round's beginning.
func (s *Set) begins() {
	s.visited = len(s.talking)
	s.visit()
}

// visit is a turn's share of a round, from the end to the beginning. Who comes meanwhile stands behind.
func (s *Set) visit() {
	s.visited = min(s.visited, len(s.talking))
	for n := 0; s.visited > 0; n++ {
		if n == roundStep {
			s.l.Post(s.visit)
			return
		}
		s.visited = min(s.visited, len(s.talking)) - 1
		s.talking[s.visited].visit()
	}
	if len(s.talking) == 0 {
		s.talking = nil
		return
	}
	if cap(s.talking) > max(4*len(s.talking), keepFree) {
		s.talking = append(make([]*Tunnel, 0, 2*len(s.talking)), s.talking...)
	}
	s.l.SetTimer(&s.rounds, s.l.Now()+loop.Time(roundEvery), s.round)
}

// visit looks whether the tunnel's peers are there. Where nothing is on its way to either and nothing passed since the last
// visit, keep-alive looks after them.
func (t *Tunnel) visit() {
	said := t.flags & (clientSaid | backendSaid)
	t.flags &^= said
	if t.flags&ended != 0 { // Its streams see to their end themselves.
		t.set.quiet(t)
		return
	}
	client, backend := t.feel(toClient, said&clientSaid != 0), t.feel(toBackend, said&backendSaid != 0)
	switch {
	case t.dead(client):
		t.vanished(clientGone)
	case t.dead(backend):
		t.vanished(backendGone)
	case said == 0 && !client.Owes && !backend.Owes:
		t.set.quiet(t)
	}
}

// feel is the pulse of a peer. One that spoke since the last visit lives, and is not asked for; unless the other one is slow,
// so that what passes now may have been said a long time ago.
func (t *Tunnel) feel(end int, spoke bool) loop.Pulse {
	if spoke && t.to(1-end).Queued() == 0 {
		return loop.Pulse{}
	}
	return t.to(end).Pulse()
}

func (t *Tunnel) dead(p loop.Pulse) bool {
	return p.Owes && p.Silent >= t.set.silence && p.Asked >= deadAsked
}

// vanished ends a tunnel one of whose peers is gone, as where the system gives up a connection.
func (t *Tunnel) vanished(end uint16) {
	t.lost(end, syscall.ETIMEDOUT)
	if end == clientGone {
		t.client.Reset()
	} else {
		t.backend.Reset()
	}
	t.without(end)
}

package tunnel

import (
	crand "crypto/rand"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
)

const (
	// walkStep is how many tunnels are visited in one turn of the loop.
	walkStep = 1000
	// keepFree bounds the tunnels that wait for their next use.
	keepFree = 1024
)

// A Set is the open tunnels of one loop, in lists by what they belong to. Everything in it is called on the loop.
type Set struct {
	l     *loop.Loop
	lists map[Subject]*list
	free  *Tunnel // by links[0].next
	freed int
	rand  *rand.ChaCha8 // masks: unpredictable for whoever wrote the payload (RFC 6455 5.3)
	stats Stats

	latest  loop.Time // when the last tunnel began
	surveys []*survey // under way

	talking []*Tunnel // those that something passed through, until all of it arrived
	visited int       // how many of them a round has still to visit; the last one is the first
	rounds  loop.Timer
	round   func()
	silence time.Duration // deadTime

	untold []*meter.Passed // see unsettled

	// Told, where it is set, is called for each tunnel that is over.
	Told func(Ended)

	closing  bool // the process ends
	shutdown Drain
	since    loop.Time
}

// NewSet makes the empty set of a loop.
func NewSet(l *loop.Loop) *Set {
	var seed [32]byte
	crand.Read(seed[:])
	s := &Set{l: l, lists: map[Subject]*list{}, rand: rand.NewChaCha8(seed), silence: deadTime}
	s.round = s.begins
	return s
}

// Stats are the set's figures.
func (s *Set) Stats() Stats { return s.stats }

// Count is the number of open tunnels that belong to the subject.
func (s *Set) Count(of Subject) int {
	if l := s.lists[of]; l != nil {
		return l.n
	}
	return 0
}

// Start relays between two streams whose handshakes are finished, from the next byte of each on. It takes both over;
// bytes that they hold back are delivered to the tunnel.
func (s *Set) Start(client, backend loop.Stream, terms Terms) {
	t := s.take()
	t.client, t.backend = client, backend
	*t.account = account{
		grant: terms.DrainTimeout, spread: terms.CloseSpread, figures: terms.Figures, began: s.beginning(), note: terms.Note, count: terms.Count,
	}
	t.grant(terms.Limits)
	if terms.Client.IsValid() {
		t.account.apart = &apart{client: terms.Client}
	}
	if terms.Secure {
		t.flags |= secured
	}
	terms.Figures.Opened.Add(1)
	terms.Health.Tunnels().Opened()
	s.list(Subject{Listener: terms.Listener}, ofListener).push(t)
	s.list(Subject{Rule: terms.Rule}, ofRule).push(t)
	s.list(Subject{Backend: terms.Health.Backend}, ofBackend).push(t)
	h := s.list(Subject{Health: terms.Health}, ofHealth)
	h.push(t)
	if h.draining && h.start < terms.Picked {
		t.flags |= spared
	}
	s.stats.Open++
	s.stats.Opened++
	client.SetHandler((*clientEnd)(t))
	backend.SetHandler((*backendEnd)(t))
	client.SetDeadline(0)
	backend.SetDeadline(0)
	t.plan(s.fraction())
	client.Resume()
	backend.Resume()
	if terms.ClientEnded {
		t.eof(&t.fromClient, backend)
	}
}

func (s *Set) take() *Tunnel {
	t := s.free
	if t == nil {
		return &Tunnel{set: s, account: new(account)}
	}
	s.free = t.links[0].next
	s.freed--
	*t = Tunnel{set: s, account: t.account}
	return t
}

// release forgets a tunnel whose streams are both gone, once.
func (s *Set) release(t *Tunnel) {
	h := t.links[ofHealth].list.subject.Health
	for _, v := range s.surveys {
		v.pass(t)
	}
	for i := range t.links {
		l := t.links[i].list
		l.remove(t)
		s.tidy(l)
	}
	s.stats.Open--
	s.quiet(t)
	if t.last != nil {
		s.l.StopTimer(t.last)
	}
	if n := t.account.count; n != nil {
		n.Add(-1)
	}
	s.tell(t, h)
	*t.account = account{}
	*t = Tunnel{account: t.account}
	if s.freed < keepFree {
		t.links[0].next = s.free
		s.free = t
		s.freed++
	}
	h.Backend.Release()
}

// list finds or makes the list of a subject.
func (s *Set) list(of Subject, slot int) *list {
	l := s.lists[of]
	if l == nil {
		l = &list{subject: of, slot: slot}
		s.lists[of] = l
		if s.closing && slot == ofListener {
			l.draining, l.drain, l.start = true, s.shutdown, s.since
		}
	}
	return l
}

func (s *Set) tidy(l *list) {
	if l.n > 0 {
		return
	}
	if l.slot == ofHealth {
		l.settle()
	}
	if !l.draining {
		delete(s.lists, l.subject)
	}
}

// fraction is a number from 0 to below 1, for places among others.
func (s *Set) fraction() float64 { return float64(s.rand.Uint64()>>11) / (1 << 53) }

func (s *Set) mask() (m [4]byte) {
	binary.LittleEndian.PutUint32(m[:], uint32(s.rand.Uint64()))
	return m
}

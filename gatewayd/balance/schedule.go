package balance

import (
	"slices"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A schedule is all that picks need to know of the available members. It is never changed once made.
//
// It is no interface with an implementation for each algorithm: through one, the compiler could not see that a Want
// stays on the stack of the loop.
type schedule struct {
	algorithm algorithm
	seats     []seat      // each available member once
	turns     []uint32    // of weighted round robin: indices of seats, each as often as its weight says
	hashes    *rendezvous // of the hashes, else nil
}

// An algorithm is a word of spec as a number.
type algorithm uint8

const (
	roundRobin algorithm = iota
	leastConnections
	powerOfTwo
	byHash
)

// A seat is an available member.
type seat struct {
	health  *backend.Health
	backend *backend.Backend // of health: one step less to what is open
	weight  int64
}

// none is no seat.
const none = -1

func newSchedule(word string, list []standing) *schedule {
	s := &schedule{seats: make([]seat, len(list))}
	weights := make([]int, len(list))
	for i, m := range list {
		s.seats[i] = seat{health: m.Health, backend: m.Health.Backend, weight: int64(m.weight)}
		weights[i] = m.weight
	}
	s.turns = spread(shares(weights))
	switch {
	case word == spec.LeastConnections:
		s.algorithm = leastConnections
	case word == spec.PowerOfTwo:
		s.algorithm = powerOfTwo
	case hashes(word):
		s.algorithm = byHash
		s.hashes = newRendezvous(list)
	}
	return s
}

// hashes says whether a word of spec is that of a hash.
func hashes(word string) bool { return word == spec.SourceHash || word == spec.HeaderHash }

// draws is how many members are drawn by the algorithm before all are looked at, besides one for each to avoid. With
// half of the members at their limit it is once in 65000 picks that none of them will do.
const draws = 16

// pick takes what the algorithm draws, and passes over what is to be avoided or at its limit.
func (s *schedule) pick(c *cursor, w *Want) (h *backend.Health, full bool) {
	if len(s.seats) == 0 {
		return nil, false
	}
	for k := range draws + len(w.Avoid) {
		i := s.draw(c, w, k)
		if i == none {
			break
		}
		if at := &s.seats[i]; !at.avoided(w) && at.backend.Take(w.Limit) {
			return at.health, false
		}
	}
	return s.anyOther(c, w)
}

// draw is the choice of the algorithm, k counts those that were of no use. It is none where more of them make no sense.
func (s *schedule) draw(c *cursor, w *Want, k int) int {
	switch {
	case s.algorithm == leastConnections:
		return s.least(c, w)
	case s.algorithm == powerOfTwo:
		return s.better(c, w)
	case s.algorithm == byHash && w.Hashed:
		return s.hashes.draw(w.Hash, k)
	}
	return s.turn(c)
}

// anyOther takes the best of all members, and where others are faster whatever can be had. Its cost grows with their
// number, once.
func (s *schedule) anyOther(c *cursor, w *Want) (h *backend.Health, full bool) {
	var from int
	if s.hashes != nil && w.Hashed {
		from = s.hashes.first(s, w)
	} else {
		from = s.random(c, w)
	}
	for k := range s.seats {
		i := max(from, 0) + k
		if i >= len(s.seats) {
			i -= len(s.seats)
		}
		at := &s.seats[i]
		if at.avoided(w) {
			continue
		}
		if at.backend.Take(w.Limit) {
			return at.health, false
		}
		full = true
	}
	return nil, full
}

// random draws among all that have room, by weight.
func (s *schedule) random(c *cursor, w *Want) int {
	drawn, sum := none, uint64(0)
	for i := range s.seats {
		if !s.room(i, w) {
			continue
		}
		weight := uint64(s.seats[i].weight)
		sum += weight
		if c.below(sum) < weight {
			drawn = i
		}
	}
	return drawn
}

// some draws one of all by weight.
func (s *schedule) some(c *cursor) int { return int(s.turns[c.below(uint64(len(s.turns)))]) }

// room says whether a member would do at this moment.
func (s *schedule) room(i int, w *Want) bool {
	at := &s.seats[i]
	return (w.Limit <= 0 || at.open() < int64(w.Limit)) && !at.avoided(w)
}

func (s *seat) open() int64 { return s.backend.Open.Load() }

func (s *seat) avoided(w *Want) bool { return len(w.Avoid) > 0 && slices.Contains(w.Avoid, s.health) }

// keeps says whether a member that was drawn by weight gets the request although another could have it: unless that one
// would carry less for its weight with the request than the drawn one does without it. Between equal weights that is the
// rule that less is better and the drawn one wins a tie. Where nothing is open each gets what it is drawn for, so an
// idle pool is balanced by weight too, and a light member is not preferred to a heavy one for being idle.
func (s *schedule) keeps(drawn, other int) bool {
	a, b := &s.seats[drawn], &s.seats[other]
	return a.open()*b.weight < (b.open()+1)*a.weight
}

package balance

import (
	"iter"
	"slices"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/affinity"
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

	homes map[affinity.ID]*backend.Health // that clients come back to; nil without affinity
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

// looks is how many members are looked at when the draws were of no use. In a pool of up to so many nothing is refused
// while a member has room and nobody else picks. In a larger one a request may be refused that some member could carry,
// where hardly any can: with room on 1 % of the members it is one in 30 000. Without a bound each refusal of an overloaded
// gateway would cost it more than the request costs whoever sends it.
const looks = 1024

// anyOther takes the best of the members that it looks at, and where others are faster whatever can be had. It looks at
// all, in a large pool at so many in a row: from a random one on, or for a hash from one that is the hash's own.
func (s *schedule) anyOther(c *cursor, w *Want) (h *backend.Health, full bool) {
	from, n := 0, len(s.seats)
	hashed := s.hashes != nil && w.Hashed
	if n > looks {
		if n = looks; hashed {
			from = int(w.Hash % uint64(len(s.seats)))
		} else {
			from = int(c.below(uint64(len(s.seats))))
		}
	}
	var best int
	if hashed {
		best = s.hashes.first(s, w, row{from, n})
	} else {
		best = s.random(c, w, row{from, n})
	}
	if best != none {
		from = best
	}
	for i := range s.each(row{from, n}) {
		at := &s.seats[i]
		if at.avoided(w) {
			continue
		}
		full = true
		if best == none {
			break // None had room a moment ago.
		}
		if at.backend.Take(w.Limit) {
			return at.health, false
		}
	}
	return nil, full
}

// A row is n seats from one on; the first follows the last.
type row struct{ from, n int }

// each are the indices of the seats of a row.
func (s *schedule) each(r row) iter.Seq[int] {
	return func(yield func(int) bool) {
		for k := range r.n {
			i := r.from + k
			if i >= len(s.seats) {
				i -= len(s.seats)
			}
			if !yield(i) {
				return
			}
		}
	}
}

// random draws among all of a row that have room, by weight.
func (s *schedule) random(c *cursor, w *Want, r row) int {
	drawn, sum := none, uint64(0)
	for i := range s.each(r) {
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

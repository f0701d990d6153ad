package balance

// least_connections looks at all of so many members, and of more at a sample drawn by weight. A larger sample would cost
// a cache miss for each member in it, and keep 1000 members no closer to each other: with 10 in flight on each, none gets
// to 12 by 8 or by 32.
const (
	whole  = 32
	sample = 8
)

// least is the member whose turn it is, or rather the one that carries least for its weight among those looked at. It is
// none when none of them has room.
func (s *schedule) least(c *cursor, w *Want) int {
	drawn, best := s.turn(c), none
	n, sampled := len(s.seats), false
	if n > whole {
		n, sampled = sample, true
	}
	skipped := !s.room(drawn, w)
	if skipped {
		drawn = none // One of those that have room is drawn in its place.
	}
	var seen, tied uint64 // the weights of those that have room, and of those that carry as little as the best
	for i := range n {
		weight := uint64(1)
		if sampled {
			i = s.some(c)
		} else {
			weight = uint64(s.seats[i].weight)
		}
		if !s.room(i, w) {
			continue
		}
		if seen += weight; skipped && c.below(seen) < weight {
			drawn = i
		}
		switch order := s.compare(i, best); {
		case order < 0:
			best, tied = i, weight
		case order == 0:
			if tied += weight; c.below(tied) < weight {
				best = i
			}
		}
	}
	if best == none || drawn != none && s.keeps(drawn, best) {
		return drawn
	}
	return best
}

// compare is less than 0 where a member would carry less for its weight with one more than the best so far.
func (s *schedule) compare(i, best int) int {
	if best == none {
		return -1
	}
	a, b := &s.seats[i], &s.seats[best]
	x, y := (a.open()+1)*b.weight, (b.open()+1)*a.weight
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

package balance

// better is the better of two members that are drawn by weight. Where the first has no room it is of no use, and another
// pair is drawn: the second one alone would not be by weight.
func (s *schedule) better(c *cursor, w *Want) int {
	drawn := s.some(c)
	if !s.room(drawn, w) {
		return drawn
	}
	if other := s.another(c, drawn); s.room(other, w) && !s.keeps(drawn, other) {
		return other
	}
	return drawn
}

// another draws a member that is not the one that was drawn, if there are two: by weight, and where one has most of the
// weight any other.
func (s *schedule) another(c *cursor, drawn int) int {
	n := len(s.seats)
	if n == 1 {
		return drawn
	}
	for range 4 {
		if i := s.some(c); i != drawn {
			return i
		}
	}
	return (drawn + 1 + int(c.below(uint64(n-1)))) % n
}

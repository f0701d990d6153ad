package balance

import "slices"

// maxSlots bounds the turns of a schedule. Shares are exact while the weights, divided by their greatest common divisor,
// add up to no more than this; beyond it they are rounded to the nearest slot, and every member keeps at least one.
const maxSlots = 1 << 16

// shares are numbers of slots for weights.
func shares(weights []int) []int {
	list := slices.Clone(weights)
	divisor, total := 0, 0
	for _, w := range weights {
		divisor = gcd(divisor, w)
		total += w
	}
	if divisor == 0 {
		return nil
	}
	total /= divisor
	for i := range list {
		list[i] /= divisor
		if total > maxSlots {
			list[i] = max(1, (list[i]*maxSlots+total/2)/total)
		}
	}
	return list
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// spread lays out one turn of smooth weighted round robin in advance, so that a pick is a step along it. A member with w
// of n slots gets its k-th within the k-th of the w equal parts of the turn. So after any number of picks no member is a
// whole pick ahead of or behind its share, and equal weights are a plain rotation. Of the members whose time has begun,
// the one whose time ends first takes the slot: earliest deadline first, which keeps every deadline that can be kept.
func spread(shares []int) []uint32 {
	total := 0
	for _, w := range shares {
		total += w
	}
	// begins lists the members by the slot at which their next time begins, chained by after; 0 ends a chain, so members
	// are counted from 1.
	begins, after := make([]uint32, total+1), make([]uint32, len(shares)+1)
	taken := make([]int, len(shares))
	for i := len(shares); i > 0; i-- {
		after[i], begins[0] = begins[0], uint32(i)
	}
	slots := make([]uint32, total)
	var open deadlines
	for slot := range slots {
		for i := begins[slot]; i != 0; i = after[i] {
			w, k := shares[i-1], taken[i-1]
			open.push(uint64(((k+1)*total+w-1)/w)<<32 | uint64(i))
		}
		i := uint32(open.pop())
		slots[slot] = i - 1
		taken[i-1]++
		// Behind its last slot a member's next time would begin with the next turn.
		next := taken[i-1] * total / shares[i-1]
		next = max(next, slot+1)
		after[i], begins[next] = begins[next], i
	}
	return slots
}

// A deadlines is a heap of members by deadline, the deadline in the upper half of each number and the member below it.
type deadlines []uint64

func (d *deadlines) push(v uint64) {
	*d = append(*d, v)
	h := *d
	for i := len(h) - 1; i > 0 && h[i] < h[(i-1)/2]; i = (i - 1) / 2 {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
	}
}

func (d *deadlines) pop() uint64 {
	h := *d
	first, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	*d = h
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h[child] < h[least] {
				least = child
			}
		}
		if least == i {
			return first
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}

// turn is the member whose turn it is for a loop.
func (s *schedule) turn(c *cursor) int {
	n := uint32(len(s.turns))
	slot := c.next
	if slot >= n {
		slot %= n
	}
	c.next = slot + 1
	return int(s.turns[slot])
}

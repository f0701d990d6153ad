package balance

import (
	"slices"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
)

// maxSlots bounds a schedule. Shares are exact while the weights, divided by their greatest common divisor, add up to
// no more than this; beyond it they are rounded to the nearest slot, and every member keeps at least one.
const maxSlots = 1 << 16

// A schedule is one turn of smooth weighted round robin, laid out in advance: each backend stands in it as often as its
// weight says, spread as evenly as can be, so that a pick is a step along it. It is never changed once made.
type schedule struct {
	backends []*backend.Backend // each once
	slots    []uint32           // indices into backends
}

func newSchedule(members []Member) *schedule {
	s := &schedule{backends: make([]*backend.Backend, len(members))}
	for i, m := range members {
		s.backends[i] = m.Health.Backend
	}
	s.slots = spread(shares(members))
	return s
}

// shares are the members' numbers of slots.
func shares(members []Member) []int {
	list := make([]int, len(members))
	divisor, total := 0, 0
	for i, m := range members {
		list[i] = m.Weight
		divisor = gcd(divisor, m.Weight)
		total += m.Weight
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

// spread lays out the shares: of a member with w slots of n, the k-th is due at n(2k+1)/2w, the middle of its k-th w-th
// of the turn. Members due in the same slot follow each other in their order, so equal weights simply alternate.
func spread(shares []int) []uint32 {
	total := 0
	for _, w := range shares {
		total += w
	}
	// A counting sort by due slot: it costs the number of slots, where picking the next member each time would cost
	// slots times members.
	start := make([]uint32, total+1)
	for _, w := range shares {
		for k := range w {
			start[total*(2*k+1)/(2*w)+1]++
		}
	}
	for i := range total {
		start[i+1] += start[i]
	}
	slots := make([]uint32, total)
	for i, w := range shares {
		for k := range w {
			due := total * (2*k + 1) / (2 * w)
			slots[start[due]] = uint32(i)
			start[due]++
		}
	}
	return slots
}

// pick takes the next slot. What stands in avoid is passed over: first along the slots, which keeps to the weights, then
// along the backends, of which the next len(avoid)+1 cannot all be avoided.
func (s *schedule) pick(next *uint32, avoid []*backend.Backend) *backend.Backend {
	if len(s.slots) == 0 {
		return nil
	}
	n := uint32(len(s.slots))
	var i uint32
	for range len(avoid) + 1 {
		slot := *next
		if slot >= n {
			slot %= n
		}
		*next = slot + 1
		i = s.slots[slot]
		if b := s.backends[i]; !slices.Contains(avoid, b) {
			return b
		}
	}
	for k := range min(len(avoid)+1, len(s.backends)) {
		if b := s.backends[(int(i)+1+k)%len(s.backends)]; !slices.Contains(avoid, b) {
			return b
		}
	}
	return nil
}

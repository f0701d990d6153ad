package balance

import (
	"fmt"
	"math"
	"testing"
)

// rendezvousOf are members of weights, and who is who in them.
func rendezvousOf(weights []int) (*rendezvous, []standing) {
	list := make([]member, len(weights))
	for i, m := range members(weights...) {
		list[i].Member = m
	}
	arrange(list)
	standings := make([]standing, len(list))
	for i := range list {
		standings[i] = standing{member: &list[i], weight: settled * list[i].Weight}
	}
	return newRendezvous(standings), standings
}

// TestPlacesByWeight holds the number of a member's places to its weight. The members' addresses are given, so the
// numbers are the same in every run.
func TestPlacesByWeight(t *testing.T) {
	for _, weights := range [][]int{{1, 1}, {1000, 1}, {1, 2, 3}, mixed(10), mixed(100), mixed(1000)} {
		t.Run(fmt.Sprint(len(weights), weights[:2]), func(t *testing.T) {
			r, list := rendezvousOf(weights)
			counts := make([]float64, len(list))
			for place := range places {
				if len(list) > few {
					counts[r.owners[place]]++
				} else {
					counts[uint32(r.arrive(uint16(place)))]++
				}
			}
			square := 0.0
			for i, s := range list {
				want := places * float64(s.Weight) / float64(sum(weights))
				if off := math.Abs(counts[i] - want); off > sigmas*math.Sqrt(want) {
					t.Errorf("a weight of %d in %d has %.0f places, want %.0f", s.Weight, sum(weights), counts[i], want)
				}
				square += (counts[i] - want) * (counts[i] - want) / want
			}
			// As the comment on places has it: half of what drawing each place alone would give.
			if mean := square / float64(len(list)); mean > 0.7 {
				t.Errorf("the shares are off by a variance of %.2f, want about 0.5", mean)
			}
		})
	}
}

// TestOwnersAreTheFirst: the table, which is made in another way, says the same as looking for each place.
func TestOwnersAreTheFirst(t *testing.T) {
	for _, weights := range [][]int{mixed(few + 1), mixed(60), append(mixed(20), 1000, 500, 1, 1)} {
		r, _ := rendezvousOf(weights)
		for place := range places {
			if want := int(uint32(r.arrive(uint16(place)))); int(r.owners[place]) != want {
				t.Fatalf("of %d members: place %d belongs to %d, and %d is the first there", len(weights), place, r.owners[place], want)
			}
		}
	}
}

// TestOrders: each member comes to every place, once, and the way back is right.
func TestOrders(t *testing.T) {
	for _, hash := range []uint64{0, 1, math.MaxUint64, 0x0123456789abcdef, 0xfedcba9876543210} {
		o := newOrder(hash)
		var seen [places]bool
		for n := range places {
			place := o.place(uint16(n))
			if seen[place] {
				t.Fatalf("the order of %#x visits place %d twice", hash, place)
			}
			seen[place] = true
			if back := o.visit(place); int(back) != n {
				t.Fatalf("the order of %#x visits place %d as number %d, and the way back says %d", hash, place, n, back)
			}
		}
	}
}

// TestTimesAreExponential: by a time t, one in e to the t places is not visited.
func TestTimesAreExponential(t *testing.T) {
	for n, at := range times() {
		if left := 1 - (float64(n)+0.5)/places; n < places-100 && math.Abs(math.Exp(-float64(at))-left) > 1e-5 {
			t.Fatalf("visit %d is at %v, when %v should be left", n, at, left)
		}
	}
}

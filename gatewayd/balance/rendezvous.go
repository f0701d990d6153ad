package balance

import (
	"math"
	"sync"
)

// places is how many parts the hashes are divided into. Each belongs to one member, so a share is right to about
// sqrt(n/2/places) of itself: 1 % among 10 members, 9 % among 1000. It is a part of what every gateway must agree on.
const places = 1 << 16

// few is up to how many members the owner of a place is worked out for each pick. It takes no longer than to look it up,
// and most pools are small.
const few = 8

// A rendezvous gives every place to one member, in proportion to the weights.
//
// Each member visits all places in an order of its own, faster the more weight it has, and a place belongs to the member
// that comes there first. When and in which order a member comes depends on its own address and weight alone: so one
// that leaves gives up only its own places, one that joins takes only what becomes its own, and no gateway needs to know
// what another did. Times are drawn out as those of a Poisson process (see times), which makes coming first as likely as
// the member's part of all weight.
//
// It costs 128 KiB where there are more than few members, and some milliseconds to make.
type rendezvous struct {
	visitors []visitor // by seat
	owners   []uint16  // seats, by place; nil for few
	times    *[places]float32
}

// A visitor is a member on its way.
type visitor struct {
	order
	pace float32 // 1/weight
}

// times are when a member of weight 1 makes its visits: the expected times of the first, second ... of as many events as
// there are places, each of which is distributed exponentially with mean 1. Sums and quotients are rounded alike on
// every machine, what a logarithm is not.
var times = sync.OnceValue(func() *[places]float32 {
	var list [places]float32
	sum := 0.0
	for i := range list {
		sum += 1 / float64(places-i)
		list[i] = float32(sum)
	}
	return &list
})

// newRendezvous is for members in the order of arrange. Of more members than there are places the last get none.
func newRendezvous(list []standing) *rendezvous {
	r := &rendezvous{visitors: make([]visitor, min(len(list), places)), times: times()}
	total := 0.0
	for i := range r.visitors {
		r.visitors[i] = visitor{list[i].order, 1 / float32(list[i].weight)}
		total += float64(list[i].weight)
	}
	if n := len(r.visitors); n > few {
		// By then all but one in 2.7 n places were visited.
		r.owners = r.settle(float32((math.Log(float64(n)) + 1) / total))
	}
	return r
}

// settle finds out the owners: all members go as far as a time allows, and the places where nobody came until then are
// worked out one by one.
func (r *rendezvous) settle(until float32) []uint16 {
	arrivals := make([]arrival, places)
	for i := range arrivals {
		arrivals[i] = never
	}
	for i := range r.visitors {
		v := &r.visitors[i]
		for n, t := range r.times {
			t *= v.pace
			if t > until {
				break
			}
			place := v.place(uint16(n))
			arrivals[place] = min(arrivals[place], newArrival(t, i))
		}
	}
	owners := make([]uint16, places)
	for place, first := range arrivals {
		if first == never {
			first = r.arrive(uint16(place))
		}
		owners[place] = uint16(first)
	}
	return owners
}

// An arrival is when a member comes to a place, in the upper half, and which one in the lower one: the least is the
// first. The bits of floats that are not negative compare as the floats do.
type arrival uint64

const never arrival = math.MaxUint64

func newArrival(t float32, i int) arrival { return arrival(math.Float32bits(t))<<32 | arrival(i) }

// arrive is the first arrival at a place.
func (r *rendezvous) arrive(place uint16) arrival {
	first := never
	for i := range r.visitors {
		first = min(first, r.arrival(i, place))
	}
	return first
}

// arrival is when a member comes to a place.
func (r *rendezvous) arrival(i int, place uint16) arrival {
	v := &r.visitors[i]
	return newArrival(r.times[v.visit(place)]*v.pace, i)
}

// draw is the owner of the place of a hash, and for k from 1 on those of further places, that come from the hash too.
func (r *rendezvous) draw(hash uint64, k int) int {
	place := placeOf(hash, k)
	switch {
	case r.owners != nil:
		return int(r.owners[place])
	case k == 0:
		return int(uint32(r.arrive(place)))
	}
	return none // Then all are looked at, which is a few.
}

// first is the first to come to the place of a hash of those of a row that have room: in a row of all, who would own it
// if the others were gone. Members that are no visitors come last.
func (r *rendezvous) first(s *schedule, w *Want, seats row) int {
	place, first := placeOf(w.Hash, 0), never
	for i := range s.each(seats) {
		switch {
		case !s.room(i, w):
		case i < len(r.visitors):
			first = min(first, r.arrival(i, place))
		default:
			first = min(first, newArrival(math.MaxFloat32, i))
		}
	}
	if first == never {
		return none
	}
	return int(uint32(first))
}

// placeOf is the place where the k-th look for a hash ends: splitmix64.
func placeOf(hash uint64, k int) uint16 {
	x := hash + uint64(k+1)*0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return uint16(x ^ x>>31)
}

// An order is the order in which a member visits all places: a permutation of 16 bits that can be followed both ways.
// Multiplication by an odd number and addition are one; two orders of that alone could be alike for long, so each is
// stirred in between.
type order struct{ mul1, add1, mul2, add2, inv1, inv2 uint16 }

func newOrder(hash uint64) order {
	o := order{mul1: uint16(hash) | 1, add1: uint16(hash >> 16), mul2: uint16(hash>>32) | 1, add2: uint16(hash >> 48)}
	o.inv1, o.inv2 = inverse(o.mul1), inverse(o.mul2)
	return o
}

// place is where the n-th visit goes.
func (o *order) place(n uint16) uint16 {
	x := n*o.mul1 + o.add1
	x = (x^x>>8)*o.mul2 + o.add2
	return x ^ x>>8
}

// visit is the number of the visit to a place.
func (o *order) visit(place uint16) uint16 {
	x := place ^ place>>8
	x = (x - o.add2) * o.inv2
	x ^= x >> 8
	return (x - o.add1) * o.inv1
}

// inverse is what an odd number must be multiplied by to make 1: each round doubles the bits that are right, of which
// the number itself has 3.
func inverse(odd uint16) uint16 {
	x := odd
	for range 3 {
		x *= 2 - odd*x
	}
	return x
}

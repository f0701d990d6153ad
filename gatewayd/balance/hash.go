package balance

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Hash is what a Want's Hash is of the value of a header. It is XXH64 without a seed: every gateway, of every version,
// sends the same value to the same backend. It allocates nothing. Whoever may choose the value may choose the backend.
func Hash(value []byte) uint64 { return xxhash.Sum64(value) }

// HashAddr is what it is of a client's address: Hash of its 16 bytes, IPv4-mapped for IPv4, without a zone.
func HashAddr(client netip.Addr) uint64 {
	b := client.As16()
	return Hash(b[:])
}

// arrange puts the members in the order of their hashes, and sets their orders of places. Both go by the members'
// addresses alone, so they are the same on every gateway.
func arrange(members []member) {
	type hashed struct {
		member
		hash uint64
	}
	list := make([]hashed, len(members))
	for i, m := range members {
		h := xxhash.Sum64String(m.Health.Backend.String())
		m.order = newOrder(h)
		list[i] = hashed{m, h}
	}
	slices.SortFunc(list, func(a, b hashed) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), a.Health.Backend.Key.Addr.Compare(b.Health.Backend.Key.Addr))
	})
	for i := range list {
		members[i] = list[i].member
	}
}

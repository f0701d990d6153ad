package table

import (
	"net/netip"
	"slices"
)

// Trust is a set of addresses that are believed. The zero value holds none. It is immutable.
type Trust struct{ spans []span } // in order, none touching another

// A span is the addresses from first to last, of one family.
type span struct{ first, last netip.Addr }

// newTrust holds the addresses of all networks.
func newTrust(networks []netip.Prefix) Trust {
	var spans []span
	for _, n := range networks {
		n = n.Masked()
		spans = append(spans, span{n.Addr(), lastOf(n)})
	}
	return joined(spans)
}

// lastOf is the last address of a network.
func lastOf(n netip.Prefix) netip.Addr {
	b := n.Addr().AsSlice()
	for i := n.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	last, _ := netip.AddrFromSlice(b) // Its length is right.
	return last
}

// joined puts spans in order, and those that overlap together.
func joined(spans []span) Trust {
	slices.SortFunc(spans, func(a, b span) int { return a.first.Compare(b.first) })
	var t Trust
	for _, s := range spans {
		if n := len(t.spans); n > 0 && s.first.Compare(t.spans[n-1].last) <= 0 {
			if t.spans[n-1].last.Less(s.last) {
				t.spans[n-1].last = s.last
			}
			continue
		}
		t.spans = append(t.spans, s)
	}
	return t
}

// Has says whether an address is believed. An IPv4-mapped one is taken for its IPv4 address, a zone does not matter. Has
// allocates nothing.
func (t Trust) Has(a netip.Addr) bool {
	if len(t.spans) == 0 || !a.IsValid() {
		return false
	}
	a = a.Unmap().WithZone("")
	i, found := slices.BinarySearchFunc(t.spans, a, func(s span, a netip.Addr) int { return s.first.Compare(a) })
	return found || i > 0 && a.Compare(t.spans[i-1].last) <= 0
}

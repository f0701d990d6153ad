package plane

import "github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"

// Of the descriptors that the process may have, a reserve is kept from the connections of clients and to targets: for the
// store, the admin API, probes, look-ups of names, and sockets of listeners to come.
const (
	reserveLeast = 32
	reservePart  = 8 // one of so many
	reserveMost  = 1024
)

// limitDescriptors says how many descriptors the connections of some loops may take beside the listening sockets of some
// addresses.
func (p *Plane) limitDescriptors(loops, addresses int) {
	all := loop.MaxDescriptors()
	if all == 0 {
		return
	}
	if p.descriptors == nil {
		p.descriptors = new(loop.Descriptors)
	}
	p.descriptors.Set(connectionShare(all, loops*addresses))
}

// connectionShare is how many of all descriptors connections may take. It never falls below one part of them, however
// many sockets listen: with none every client would be refused, for good and without a word.
func connectionShare(all, sockets int) int {
	return max(all-reserveLeast-min(all/reservePart, reserveMost)-sockets, all/reservePart)
}

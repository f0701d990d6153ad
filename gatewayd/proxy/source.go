package proxy

import "net/netip"

// draw is where a connection begins among a number of own addresses. It is drawn at random: turns would go along with
// those of the balancing, and give each of two targets one of two addresses.
func (w *Worker) draw(sources int) uint32 {
	if sources < 2 {
		return 0
	}
	return uint32(w.random.Uint64() >> 33)
}

// source is the own address that the attempt's next connection leaves from: from the one that was drawn on, those of the
// setting as far as they are of the target's family. The zero Addr leaves it to the system.
func (x *exchange) source() netip.Addr {
	to, list := x.health.Backend.Key.Addr, x.route.Setting.Sources
	if len(list) == 0 || to.Path != "" {
		return netip.Addr{}
	}
	v4 := to.TCP.Addr().Is4()
	fit := uint32(fitting(list, v4))
	if fit == 0 {
		return netip.Addr{}
	}
	n := (x.turn + uint32(x.sources)) % fit
	for _, a := range list {
		if a.Is4() != v4 {
			continue
		}
		if n == 0 {
			return a
		}
		n--
	}
	return netip.Addr{}
}

// nextSource moves on to another own address, or reports false where the attempt has tried all.
func (x *exchange) nextSource() bool {
	to, list := x.health.Backend.Key.Addr, x.route.Setting.Sources
	if to.Path != "" || int(x.sources)+1 >= fitting(list, to.TCP.Addr().Is4()) {
		return false
	}
	x.sources++
	return true
}

// fitting is how many addresses are of a family.
func fitting(list []netip.Addr, v4 bool) (n int) {
	for _, a := range list {
		if a.Is4() == v4 {
			n++
		}
	}
	return n
}

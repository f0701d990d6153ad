package resolve

import (
	"net/netip"
	"time"
)

// The families of addresses, by which a look-up is divided.
const (
	v4 = iota
	v6
	families
)

// A kind is what came of a question, from the best to the worst for whoever asks.
type kind int

const (
	found    kind = iota
	unknown       // there is no such name
	empty         // the name has no addresses
	confused      // the servers could not find out
	barred        // it has addresses, of which none is taken
	failed        // the servers refused, or answered something else
	silent        // no server answered
)

// denies says whether it is known that there is nothing.
func (k kind) denies() bool { return k == unknown || k == empty || k == barred }

// An outcome is what came of asking for one family of a name's addresses.
type outcome struct {
	kind    kind
	addrs   []netip.Addr  // sorted, each once, all to be taken; none where kind is not found
	others  string        // what else there was, in words
	ttl     time.Duration // of addrs
	denied  time.Duration // for how long there are none; 0 where nobody said
	failure *failure      // nil where kind is found
}

// take sorts out which addresses are taken.
func (o *outcome) take(addrs []netip.Addr, from failure) {
	o.addrs, o.others = usable(addrs)
	if len(o.addrs) == 0 {
		from.did, from.detail = "gives only addresses that are not taken for", ": "+o.others
		o.kind, o.failure = barred, &from
	}
}

// A finding is what came of looking a name up.
type finding struct {
	source string // where it is from: the absolute name that was asked for, or the hosts file
	of     [families]outcome
	denied time.Duration // of all names that were tried the shortest; 0 where nobody said
}

// conclude takes together what both families said.
func (f *finding) conclude() {
	for _, o := range f.of {
		f.denied = shorter(f.denied, o.denied)
	}
}

func (f *finding) found() bool { return f.of[v4].kind == found || f.of[v6].kind == found }

// silent says whether nobody answered.
func (f *finding) silent() bool { return !f.found() && f.worst().kind == silent }

// worst is the outcome that decides where nothing was found, IPv4's where they are equal.
func (f *finding) worst() *outcome {
	if f.of[v6].kind > f.of[v4].kind {
		return &f.of[v6]
	}
	return &f.of[v4]
}

// ttl is for how long what was found is good.
func (f *finding) ttl() time.Duration {
	ttl := maxTTL
	for _, o := range f.of {
		if o.kind == found {
			ttl = min(ttl, o.ttl)
		}
	}
	return ttl
}

// reason says what went wrong, and nothing where nothing did. A name that has no addresses of one family is as it
// should be.
func (f *finding) reason(name string) string {
	name = quote(name)
	worst := f.worst()
	switch {
	case !f.found():
		return worst.failure.about(name)
	case worst.kind > empty && worst == &f.of[v4]:
		return worst.failure.about("the IPv4 addresses of " + name)
	case worst.kind > empty:
		return worst.failure.about("the IPv6 addresses of " + name)
	}
	for _, o := range f.of {
		if o.others != "" {
			return clip("not all addresses of " + name + " are taken: " + o.others)
		}
	}
	return ""
}

// shorter is the shorter of two times, of which 0 is unknown.
func shorter(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

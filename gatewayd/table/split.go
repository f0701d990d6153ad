package table

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A Split is several routes of a rule, of which each request takes one.
type Split struct {
	shares []share // by key
	total  uint64  // of their weights
}

type share struct {
	key   string
	upTo  uint64 // its weight and those before it
	route *Route
}

// Choose is the route for 64 random bits; nil where no share has a weight. Each request draws by itself, so that the
// shares are fair over all loops and nothing is kept between requests.
func (s *Split) Choose(random uint64) *Route {
	at, _ := bits.Mul64(random, s.total)
	for i := range s.shares {
		if at < s.shares[i].upTo {
			return s.shares[i].route
		}
	}
	return nil
}

// Routes are those that the split has, also without a weight, by key.
func (s *Split) Routes() []*Route {
	routes := make([]*Route, len(s.shares))
	for i := range s.shares {
		routes[i] = s.shares[i].route
	}
	return routes
}

// A Part is one route of a split and its weight.
type Part struct {
	Key    string
	Weight uint64
	Route  *Route
}

// Parts are the routes with their weights, by key, for people.
func (s *Split) Parts() []Part {
	parts := make([]Part, len(s.shares))
	before := uint64(0)
	for i := range s.shares {
		x := &s.shares[i]
		parts[i] = Part{x.key, x.upTo - before, x.route}
		before = x.upTo
	}
	return parts
}

// split makes the split of a rule whose route is r, or takes over the one of the table before where it is equal.
func (c *compiler) split(r *Route, o *spec.Rule, before *Split) *Split {
	s := &Split{}
	for i, k := range o.Shares() {
		sub := Route{Listener: r.Listener, RuleID: r.RuleID, RuleName: r.RuleName, Rewrite: r.Rewrite}
		c.send(&sub, fmt.Sprintf("split[%q].", k), o.Split[k].Pool, o.Split[k].Setting)
		var was *Route
		if before != nil {
			was = before.shares[i].route // Of one entry, so of the same keys.
		}
		c.count(&sub, was)
		s.total += uint64(max(o.Split[k].Weight, 0))
		route := &sub
		if was != nil && *was == sub {
			route = was
		}
		s.shares = append(s.shares, share{k, s.total, route})
	}
	if before != nil && slices.Equal(before.shares, s.shares) {
		return before
	}
	return s
}

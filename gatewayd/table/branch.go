package table

import (
	"cmp"
	"slices"
)

// A branch is the rules of one host condition that ask for more than host and path, by path. Which of them serves is not
// known before their conditions were tried, so it keeps all of them.
type branch struct {
	exact    map[string]*chain
	prefixes prefixes[*chain]
	rest     *chain // of every path
}

// A chain is the rules of one path condition, the best first, and those of all broader ones.
type chain struct {
	candidates []candidate
	above      *chain // of the next shorter prefix
}

// A candidate is a rule that serves where its demand is met.
type candidate struct {
	entry
	demand *demand
}

// find is the rules that take a path.
func (b *branch) find(path []byte) *chain {
	if c := b.exact[string(path)]; c != nil {
		return c
	}
	return b.below(path)
}

// below is the rules that take every path that starts with prefix.
func (b *branch) below(prefix []byte) *chain {
	if c := b.prefixes.longest(prefix); c != nil {
		return c
	}
	return b.rest
}

// covering is the rules that take every path that a path condition takes.
func (b *branch) covering(path string) *chain {
	prefix, ok := isPrefix(path)
	switch {
	case path == "":
		return b.rest
	case ok:
		return b.below([]byte(prefix))
	}
	return b.find([]byte(path))
}

// newBranch indexes rules by path. Rules come by name, so of two that are tied the first to come has the smaller name.
func (d *draft) newBranch(host string, rules []*member) *branch {
	type asked struct{ path, text string }
	var ties []tie
	best := map[asked]entry{} // of rules with equal conditions
	chains := map[string]*chain{}
	for _, m := range rules {
		for _, p := range m.paths {
			e := m.at(p)
			if chains[p] == nil {
				chains[p] = &chain{}
			}
			chains[p].candidates = append(chains[p].candidates, candidate{e, m.demand})
			holder := best[asked{p, m.demand.text}]
			if e.before(holder) {
				best[asked{p, m.demand.text}] = e
			} else if e.rank == holder.rank {
				ties = append(ties, tie{path: p, conditions: m.demand.text, loser: m.route, holder: holder.route})
			}
		}
	}
	for _, t := range ties {
		if best[asked{t.path, t.conditions}].route == t.holder {
			t.conditions = " and " + short(t.conditions)
			d.warnTie(host, t)
		}
	}
	for _, c := range chains {
		slices.SortFunc(c.candidates, func(a, b candidate) int {
			return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.route.RuleName, b.route.RuleName))
		})
	}
	made := &branch{rest: chains[""]}
	delete(chains, "")
	made.fill(chains)
	return made
}

// fill splits chains by path pattern into exact paths and prefixes, and links each to what is above it.
func (b *branch) fill(chains map[string]*chain) {
	b.prefixes = newPrefixes(prefixList(chains), b.rest, func(own, above *chain) *chain {
		own.above = above
		return own
	})
	b.exact = make(map[string]*chain, len(chains))
	for p, c := range chains {
		if _, ok := isPrefix(p); !ok {
			c.above = b.below([]byte(p))
			b.exact[p] = c
		}
	}
}

// named considers the branches of every host condition that takes the name, but not the branch without one.
func (t *trial) named(h *hosts[*branch], name []byte) {
	t.consider(h.exact[string(name)], rankExactHost)
	for suffix := h.nextSuffix(name); suffix != nil; suffix = h.nextSuffix(suffix) {
		t.consider(h.suffixes[string(suffix)], suffixRank(len(suffix)))
	}
	for i := range h.patterns {
		if p := &h.patterns[i]; p.match(name) {
			t.consider(p.value, p.rank)
		}
	}
}

// consider keeps the best rule of a branch whose demand is met, if it comes before what was found.
func (t *trial) consider(b *branch, host uint64) {
	if b == nil || t.spent() {
		return
	}
	for c := b.find(t.path); c != nil; c = c.above {
		for i := range c.candidates {
			k := &c.candidates[i]
			e := k.entry
			e.rank |= host << hostShift
			if !e.before(t.entry) {
				break // Nor do those behind it.
			}
			met := t.met(k.demand)
			if t.spent() {
				return
			}
			if met {
				t.entry = e
				break
			}
		}
	}
}

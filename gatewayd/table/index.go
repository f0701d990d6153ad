package table

import (
	"encoding/binary"
	"slices"
	"strings"
)

// index makes the cells of a listener: one a host condition, shared by host conditions that the same rules name, so that
// a rule of a thousand hosts and a thousand paths makes a thousand entries and not a million.
func (d *draft) index() {
	// naming is the rules that name a host, chained: the last of them by host, and of each naming the one before it.
	type naming struct {
		rule, before int32
	}
	var (
		namings []naming
		order   []string // hosts as they first come, so that warnings always come in one order
		last    = make(map[string]int32, len(d.rules))
	)
	for i, m := range d.rules {
		for _, h := range m.hosts {
			before, known := last[h]
			if !known {
				before = -1
				order = append(order, h)
			}
			last[h] = int32(len(namings))
			namings = append(namings, naming{int32(i), before})
		}
	}
	d.site.cells.grow(order)
	made := map[string]*cell{}
	var rules []int32
	var signature []byte
	for _, h := range order {
		rules = rules[:0]
		for n := last[h]; n >= 0; n = namings[n].before {
			rules = append(rules, namings[n].rule)
		}
		slices.Reverse(rules)
		if len(rules) == 1 && len(d.rules[rules[0]].hosts) == 1 {
			d.site.cells.put(h, d.newCell(h, rules)) // Nothing to share.
			continue
		}
		signature = signature[:0]
		for _, i := range rules {
			signature = binary.LittleEndian.AppendUint32(signature, uint32(i))
		}
		shared := made[string(signature)]
		if shared == nil {
			shared = d.newCell(h, rules)
			made[string(signature)] = shared
		}
		d.site.cells.put(h, shared)
	}
	d.site.cells.sort()
}

// newCell indexes rules by path. Rules come by name, so of two with equal ranks the first to come has the smaller name.
func (d *draft) newCell(host string, rules []int32) *cell {
	if first := d.rules[rules[0]]; len(rules) == 1 && len(first.paths) == 1 && first.paths[0] == "" {
		return &cell{rest: first.at("")} // The usual case where hosts are many.
	}
	best := make(map[string]entry, len(rules))
	var ties []tie
	for _, i := range rules {
		m := d.rules[i]
		for _, p := range m.paths {
			e := m.at(p)
			holder := best[p]
			if e.before(holder) {
				best[p] = e
			} else if e.rank == holder.rank {
				ties = append(ties, tie{path: p, loser: m.route, holder: holder.route})
			}
		}
	}
	for _, t := range ties {
		// A third rule of a smaller priority may serve instead of both; then the tie decides nothing.
		if best[t.path].route == t.holder {
			d.warnTie(host, t)
		}
	}
	made := &cell{rest: best[""]}
	delete(best, "")
	made.fill(best)
	return made
}

// fill splits entries by path pattern into exact paths and prefixes, and gives each the best of all that cover it.
func (c *cell) fill(best map[string]entry) {
	list := make([]prefixEntry, 0, len(best))
	for p, e := range best {
		if prefix, ok := isPrefix(p); ok {
			list = append(list, prefixEntry{prefix, e})
		}
	}
	slices.SortFunc(list, func(a, b prefixEntry) int { return strings.Compare(a.prefix, b.prefix) })
	c.prefixes = newPrefixes(list, c.rest)
	if len(best) == len(list) {
		return
	}
	c.exact = make(map[string]entry, len(best)-len(list))
	for p, e := range best {
		if _, ok := isPrefix(p); ok {
			continue
		}
		if covering := c.below([]byte(p)); covering.before(e) {
			e = covering
		}
		c.exact[p] = e
	}
}

// at is the rule at one of its paths.
func (m *member) at(path string) entry {
	return entry{rank: m.priority<<priorityShift | pathRank(path), route: m.route}
}

func pathRank(path string) uint64 {
	if path == "" {
		return rankAnyPath
	}
	if prefix, ok := isPrefix(path); ok {
		return prefixRank(prefix)
	}
	return rankExactPath
}

// A tie is two rules of one listener with equal priority, host and path.
type tie struct {
	path          string
	loser, holder *Route
}

func (d *draft) warnTie(host string, t tie) {
	if slices.Contains(d.tied[t.loser], t.holder) {
		return // One warning is enough for rules that share many hosts and paths.
	}
	if d.tied == nil {
		d.tied = map[*Route][]*Route{}
	}
	d.tied[t.loser] = append(d.tied[t.loser], t.holder)
	d.ties = append(d.ties, onRule(t.loser.RuleName, "match",
		"takes %s with the same priority as rule %q; rule %q serves that, because its name comes first",
		conditions(host, t.path), t.holder.RuleName, t.holder.RuleName))
}

package table

import (
	"encoding/binary"
	"slices"
	"strings"
)

// index makes the cells of a listener and, where rules have conditions beside host and path, the branches.
func (d *draft) index() {
	plain, conditional := d.rules, []*member(nil)
	if slices.ContainsFunc(d.rules, (*member).conditional) {
		plain = nil
		for _, m := range d.rules {
			if m.conditional() {
				conditional = append(conditional, m)
			} else {
				plain = append(plain, m)
			}
		}
	}
	d.site.cells = indexHosts(plain, d.newCell)
	if len(conditional) > 0 {
		branches := indexHosts(conditional, d.newBranch)
		d.site.branches = &branches
	}
}

// indexHosts makes an index of one C a host condition, shared by host conditions that the same rules name, so that a rule
// of a thousand hosts and a thousand paths makes a thousand entries and not a million.
func indexHosts[C any](all []*member, newIndex func(host string, rules []*member) *C) (index hosts[*C]) {
	// naming is the rules that name a host, chained: the last of them by host, and of each naming the one before it.
	type naming struct {
		rule, before int32
	}
	var (
		namings []naming
		order   []string // hosts as they first come, so that warnings always come in one order
		last    = make(map[string]int32, len(all))
	)
	for i, m := range all {
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
	index.grow(order)
	made := map[string]*C{}
	var rules []*member
	var signature []byte
	for _, h := range order {
		rules, signature = rules[:0], signature[:0]
		for n := last[h]; n >= 0; n = namings[n].before {
			rules = append(rules, all[namings[n].rule])
			signature = binary.LittleEndian.AppendUint32(signature, uint32(namings[n].rule))
		}
		slices.Reverse(rules)
		if len(rules) == 1 && len(rules[0].hosts) == 1 {
			index.put(h, newIndex(h, rules)) // Nothing to share.
			continue
		}
		shared := made[string(signature)]
		if shared == nil {
			shared = newIndex(h, rules)
			made[string(signature)] = shared
		}
		index.put(h, shared)
	}
	index.sort()
	return index
}

// newCell indexes rules by path. Rules come by name, so of two with equal ranks the first to come has the smaller name.
func (d *draft) newCell(host string, rules []*member) *cell {
	if first := rules[0]; len(rules) == 1 && len(first.paths) == 1 && first.paths[0] == "" {
		return &cell{rest: first.at("")} // The usual case where hosts are many.
	}
	best := make(map[string]entry, len(rules))
	var ties []tie
	for _, m := range rules {
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
	list := prefixList(best)
	c.prefixes = newPrefixes(list, c.rest, better)
	if len(best) == len(list) {
		return
	}
	c.exact = make(map[string]entry, len(best)-len(list))
	for p, e := range best {
		if _, ok := isPrefix(p); ok {
			continue
		}
		c.exact[p] = better(c.below([]byte(p)), e)
	}
}

// prefixList is the prefixes among path patterns, in order.
func prefixList[T any](of map[string]T) []prefixEntry[T] {
	list := make([]prefixEntry[T], 0, len(of))
	for p, v := range of {
		if prefix, ok := isPrefix(p); ok {
			list = append(list, prefixEntry[T]{prefix, v})
		}
	}
	slices.SortFunc(list, func(a, b prefixEntry[T]) int { return strings.Compare(a.prefix, b.prefix) })
	return list
}

// at is the rule at one of its paths.
func (m *member) at(path string) entry {
	return entry{rank: m.priority<<priorityShift | pathRank(path)<<pathShift | m.demand.rank(), route: m.route}
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

// A tie is two rules of one listener with equal priority, host, path and conditions.
type tie struct {
	path          string
	conditions    string // " and " and what they are, for a person; "" where there are none
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
		place(host, t.path)+t.conditions, t.holder.RuleName, t.holder.RuleName))
}

package table

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// index makes the cells of a listener: one a host condition, shared by host conditions that the same rules name, so that
// a rule of a thousand hosts and a thousand paths makes a thousand entries and not a million.
func (d *draft) index(c *compiler) {
	var order []string // host conditions in the order of the rules, so that warnings always come in one order
	rules := map[string][]int32{}
	for i, m := range d.rules {
		for _, h := range m.hosts {
			if _, ok := rules[h]; !ok {
				order = append(order, h)
			}
			rules[h] = append(rules[h], int32(i))
		}
	}
	made := map[string]*cell{}
	var signature []byte
	for _, h := range order {
		signature = signature[:0]
		for _, i := range rules[h] {
			signature = binary.LittleEndian.AppendUint32(signature, uint32(i))
		}
		shared := made[string(signature)]
		if shared == nil {
			shared = d.newCell(c, h, rules[h])
			made[string(signature)] = shared
		}
		d.site.cells.put(h, shared)
	}
	d.site.cells.sort()
}

// newCell indexes rules by path. Rules come by name, so of two with equal ranks the first to come has the smaller name.
func (d *draft) newCell(c *compiler, host string, rules []int32) *cell {
	best := make(map[string]entry, len(rules))
	var ties []tie
	for _, i := range rules {
		m := d.rules[i]
		for _, p := range m.paths {
			e := entry{rank: m.priority<<priorityShift | pathRank(p), route: m.route}
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
			c.warnTie(host, t)
		}
	}
	made := &cell{rest: best[""]}
	delete(best, "")
	made.fill(best)
	return made
}

// fill splits entries by path pattern into exact paths and prefixes, and gives each the best of all that cover it.
func (c *cell) fill(best map[string]entry) {
	var list []prefixEntry
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

func (c *compiler) warnTie(host string, t tie) {
	for _, w := range c.tied[t.loser] {
		if w == t.holder {
			return // One warning is enough for rules that share many hosts and paths.
		}
	}
	c.tied[t.loser] = append(c.tied[t.loser], t.holder)
	c.warn(spec.Rules, t.loser.RuleName, "match", "takes %s with the same priority as rule %q; rule %q serves that, because its name comes first",
		conditions(host, t.path), t.holder.RuleName, t.holder.RuleName)
}

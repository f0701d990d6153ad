package table

import (
	"fmt"
	"slices"
	"strings"
)

// maxPairs bounds how many pairs of host and path of one rule are looked at for shadows; a rule with more is taken to be
// reached.
const maxPairs = 10000

// shadows warns of rules of the listener that no request can reach. It looks only for single rules with the same or
// broader patterns, pair by pair, so it may miss a rule that several others hide together, and never calls a rule hidden
// that is not.
func (d *draft) shadows() {
	for _, m := range d.rules {
		if len(m.hosts)*len(m.paths) > maxPairs {
			continue
		}
		if s := d.shadow(m); !s.reached {
			d.hidden = append(d.hidden, s.warning(d, m)...)
		}
	}
}

// A shadow is what keeps the requests of a rule from it.
type shadow struct {
	reached bool
	rules   []*Route // those that come first, each once
	foreign []string // host names that the rule's listener does not serve
}

func (d *draft) shadow(m *member) shadow {
	var s shadow
	for _, host := range m.hosts {
		if host != "" && !wildcard(host) && bestSite(&d.address.sites, []byte(host)) != d.site {
			s.foreign = append(s.foreign, host)
			continue
		}
		for _, path := range m.paths {
			first := d.site.first(m, host, path)
			if first == m.route {
				return shadow{reached: true}
			}
			s.add(first)
		}
	}
	return s
}

func (s *shadow) add(r *Route) {
	if !slices.Contains(s.rules, r) {
		s.rules = append(s.rules, r)
	}
}

// warning says what hides the rule; nothing where its ties say it already.
func (s *shadow) warning(d *draft, m *member) []Warning {
	name, listener := m.route.RuleName, d.site.listener.Name
	if len(s.rules) == 0 {
		return []Warning{onRule(name, "match.hostnames",
			"names no host that listener %q serves, so no request reaches the rule", listener)}
	}
	if len(s.foreign) == 0 && !slices.ContainsFunc(s.rules, func(r *Route) bool { return !slices.Contains(d.tied[m.route], r) }) {
		return nil
	}
	text := fmt.Sprintf("takes nothing that rule %q does not take first", s.rules[0].RuleName)
	if n := len(s.rules) - 1; n > 0 {
		text = fmt.Sprintf("takes nothing that rule %q and %d others do not take first", s.rules[0].RuleName, n)
	}
	if len(s.foreign) > 0 {
		text += fmt.Sprintf(", and listener %q does not serve host %q", listener, s.foreign[0])
	}
	return []Warning{onRule(name, "match", "%s, so no request reaches the rule", text)}
}

// first is the first of the rules that take everything that m takes by a pair of its host and path conditions; m itself
// where it is the first.
func (s *site) first(m *member, host, path string) *Route {
	c := choice{entry: m.at(path)}
	c.entry.rank |= hostRank(host) << hostShift
	covering(&s.cells, host, func(of *cell, rank uint64) { c.take(of.covering(path), rank) })
	if m.demand != nil {
		looked := 0
		covering(s.branches, host, func(of *branch, rank uint64) { c.hide(m, of.covering(path), rank, &looked) })
	}
	return c.entry.route
}

// maxLooked bounds how many rules with conditions are looked at for whether they hide a pair of another one.
const maxLooked = 200

// hide keeps the best of what comes before the entry and asks for nothing that m does not ask for too.
func (c *choice) hide(m *member, list *chain, host uint64, looked *int) {
	for ; list != nil; list = list.above {
		for i := range list.candidates {
			k := &list.candidates[i]
			e := k.entry
			e.rank |= host << hostShift
			if *looked++; *looked > maxLooked || !e.before(c.entry) {
				break
			}
			if m.demand.implies(k.demand) {
				c.entry = e
				break
			}
		}
	}
}

// covering gives each part of an index whose host condition takes every host that another one takes.
func covering[C any](h *hosts[*C], host string, give func(of *C, rank uint64)) {
	some := func(of *C, rank uint64) {
		if of != nil {
			give(of, rank)
		}
	}
	some(h.rest, rankAnyHost)
	if host == "" {
		return
	}
	some(h.get(host), hostRank(host))
	// What stands behind the last wildcard is the same in every host that the condition takes.
	tail := []byte(host[strings.LastIndexAny(host, "*?")+1:])
	for suffix := h.nextSuffix(tail); suffix != nil; suffix = h.nextSuffix(suffix) {
		some(h.suffixes[string(suffix)], suffixRank(len(suffix)))
	}
	if wildcard(host) {
		return
	}
	for i := range h.patterns {
		if p := &h.patterns[i]; p.match([]byte(host)) {
			give(p.value, p.rank)
		}
	}
}

// covering is the best entry of those that take every path that a path condition takes.
func (c *cell) covering(path string) entry {
	prefix, ok := isPrefix(path)
	switch {
	case path == "":
		return c.rest
	case ok:
		return c.below([]byte(prefix))
	}
	return c.find([]byte(path))
}

// place writes a pair of host and path for a person.
func place(host, path string) string {
	h, p := "every host", "every path"
	if host != "" {
		h = fmt.Sprintf("host %q", host)
	}
	if path != "" {
		p = fmt.Sprintf("path %q", path)
	}
	return h + " and " + p
}

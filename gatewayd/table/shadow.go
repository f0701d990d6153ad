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
			first := d.site.covering(host, path)
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

// covering is the first of the rules that take everything a pair of host and path conditions takes.
func (s *site) covering(host, path string) *Route {
	var c choice
	exact := host != "" && !wildcard(host)
	consider := func(cell *cell, rank uint64) {
		if cell == nil {
			return
		}
		switch prefix, ok := isPrefix(path); {
		case path == "":
			c.take(cell.rest, rank)
		case ok:
			c.take(cell.below([]byte(prefix)), rank)
		default:
			c.take(cell.find([]byte(path)), rank)
		}
	}
	consider(s.cells.rest, rankAnyHost)
	if host != "" {
		consider(s.cells.get(host), hostRank(host))
		// What stands behind the last wildcard is the same in every host that the condition takes.
		tail := []byte(host[strings.LastIndexAny(host, "*?")+1:])
		for suffix := s.cells.nextSuffix(tail); suffix != nil; suffix = s.cells.nextSuffix(suffix) {
			consider(s.cells.suffixes[string(suffix)], suffixRank(len(suffix)))
		}
	}
	for i := range s.cells.patterns {
		if p := &s.cells.patterns[i]; exact && p.match([]byte(host)) {
			consider(p.value, p.rank)
		}
	}
	return c.entry.route
}

// conditions writes a pair of host and path for a person.
func conditions(host, path string) string {
	h, p := "every host", "every path"
	if host != "" {
		h = fmt.Sprintf("host %q", host)
	}
	if path != "" {
		p = fmt.Sprintf("path %q", path)
	}
	return h + " and " + p
}

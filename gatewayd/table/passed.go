package table

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
)

// A Passed is a rule that did not take a request, and why.
type Passed struct {
	Rule, Why string
	near      int // how much of the rule holds; less is more
}

// Passed lists the rules of the listener that was found for a request and that did not take it: first those that would
// have if a better one had not, then those that ask for more, then those for other paths, then those for other hosts, each
// by name. It looks at every rule, so it is for people and not for traffic.
func (t *Table) Passed(found Found, req *http1.Request, path []byte) []Passed {
	if found.Listener == nil || found.Costly || t.drafts[found.Listener.Name] == nil {
		return nil
	}
	var buf [maxHost]byte
	name, named := fold(&buf, req.Host)
	if !named {
		name = nil
	}
	var list []Passed
	for _, m := range t.drafts[found.Listener.Name].rules {
		if m.route == found.Route {
			continue
		}
		p := Passed{Rule: m.route.RuleName}
		switch {
		case !slices.ContainsFunc(m.hosts, func(h string) bool { return takesHost(h, name) }):
			p.near, p.Why = 3, fmt.Sprintf("match.hostnames does not take %q", short(string(name)))
		case !slices.ContainsFunc(m.paths, func(p string) bool { return takesPath(p, path) }):
			p.near, p.Why = 2, fmt.Sprintf("match.paths does not take %q", short(string(path)))
		default:
			tr := trial{request: req, path: path}
			p.near, p.Why = tr.why(m, found)
		}
		list = append(list, p)
	}
	slices.SortStableFunc(list, func(a, b Passed) int { return cmp.Compare(a.near, b.near) })
	return list
}

// why says why a rule whose host and path fit did not take the request.
func (t *trial) why(m *member, found Found) (near int, why string) {
	failing := ""
	if m.demand != nil {
		failing = t.failing(m.demand)
	}
	switch {
	case t.spent():
		return 1, "the conditions would take too long on so large a request"
	case failing != "":
		return 1, "match asks for " + short(failing)
	case found.Route == nil:
		return 0, "no rule is taken"
	}
	return 0, fmt.Sprintf("rule %q comes first", found.Route.RuleName)
}

func takesHost(condition string, name []byte) bool {
	if condition == "" || len(name) == 0 {
		return condition == ""
	}
	p := newPattern(condition)
	return p.match(name)
}

func takesPath(condition string, path []byte) bool {
	prefix, ok := isPrefix(condition)
	return condition == "" || condition == string(path) || ok && strings.HasPrefix(string(path), prefix)
}

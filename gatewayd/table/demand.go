package table

import (
	"maps"
	"slices"
	"strings"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A demand is what a rule asks of a request beside host and path. All of it must hold.
type demand struct {
	methods []string // one of them; none means any
	values  []value  // of headers, then of query parameters, each by name
	count   int      // of the conditions
	text    string   // what is asked, for a person; equal demands, and no others, have equal texts
}

func newDemand(m *spec.Match) *demand {
	d := &demand{}
	var texts []string
	if len(m.Methods) > 0 {
		d.methods = slices.Compact(slices.Sorted(slices.Values(m.Methods)))
		d.count++
		texts = append(texts, d.method())
	}
	for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
		d.values = append(d.values, newValue(spec.Lower(name), true, m.Headers[name]))
	}
	slices.SortStableFunc(d.values, func(a, b value) int { return strings.Compare(a.name, b.name) })
	for _, name := range slices.Sorted(maps.Keys(m.Query)) {
		d.values = append(d.values, newValue(name, false, m.Query[name]))
	}
	for i := range d.values {
		texts = append(texts, d.values[i].String())
	}
	d.count += len(d.values)
	d.text = strings.Join(texts, " and ")
	return d
}

// method is the condition on the method, for a person.
func (d *demand) method() string { return "method " + strings.Join(d.methods, " or ") }

// demand is that of a rule's entry, made once for it: patterns are dear to compile. It is nil where the rule asks for
// nothing but host and path.
func (c *compiler) demand(e *spec.Entry) *demand {
	o := e.Object.(*spec.Rule)
	if o.Match == nil || len(o.Match.Methods)+len(o.Match.Headers)+len(o.Match.Query) == 0 {
		return nil
	}
	d := c.before.demands[e]
	if d == nil {
		d = newDemand(o.Match)
	}
	c.table.demands[e] = d
	return d
}

// Ranks of demands, smaller ones first: the more conditions, the better.
const (
	rankNoDemand = 1<<demandBits - 1
	demandBits   = 7
)

func (d *demand) rank() uint64 {
	if d == nil {
		return rankNoDemand
	}
	return uint64(rankNoDemand - min(d.count, rankNoDemand))
}

// conditional says whether the rule asks for more than host and path.
func (m *member) conditional() bool { return m.demand != nil }

// implies says whether every request that meets d meets other too. It may miss that one does.
func (d *demand) implies(other *demand) bool {
	if len(other.methods) > 0 && (len(d.methods) == 0 || !subset(d.methods, other.methods)) {
		return false
	}
	for i := range other.values {
		o := &other.values[i]
		if !slices.ContainsFunc(d.values, func(v value) bool { return v.implies(o) }) {
			return false
		}
	}
	return true
}

func subset(a, b []string) bool {
	return !slices.ContainsFunc(a, func(s string) bool { return !slices.Contains(b, s) })
}

// A trial tries the rules with conditions that may come before the best of the others.
type trial struct {
	request request
	path    []byte // normal form
	choice
	work int // done so far
}

// maxWork bounds a trial, in bytes that are looked at: of a pattern each counts as often as it has instructions. So no
// request holds a loop for long, whatever the rules: 20ms with the most wicked of patterns. It is enough for ten thousand
// rules that are told apart by a header.
const maxWork = 2 << 20

// spent says that the trial has gone on for too long, so that what it found means nothing.
func (t *trial) spent() bool { return t.work > maxWork }

// met says whether the request meets a demand.
func (t *trial) met(d *demand) bool { return t.unmet(d) == allMet }

// What unmet gives where it is no index of values.
const (
	allMet    = -1
	ofMethods = -2
)

// unmet is the index in values of the first condition that the request does not meet, or ofMethods, or allMet.
func (t *trial) unmet(d *demand) int {
	t.work += len(d.methods) + 1
	if len(d.methods) > 0 && !slices.Contains(d.methods, string(t.request.Method)) {
		return ofMethods
	}
	for i := range d.values {
		if !t.holds(&d.values[i]) {
			return i
		}
	}
	return allMet
}

// failing is the first condition that the request does not meet, for a person; "" where it meets all.
func (t *trial) failing(d *demand) string {
	switch i := t.unmet(d); i {
	case allMet:
		return ""
	case ofMethods:
		return d.method()
	default:
		return d.values[i].String()
	}
}

// short cuts what stands in a message to a length that fits there.
func short(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

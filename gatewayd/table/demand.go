package table

import (
	"slices"
	"strings"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A demand is what a rule asks of a request beside host and path. All of it must hold.
type demand struct {
	methods []string // one of them; none means any
	count   int      // of the conditions
	text    string   // what is asked, for a person; equal demands, and no others, have equal texts
}

// newDemand is nil where a rule asks for nothing but host and path.
func newDemand(m *spec.Match) *demand {
	if m == nil || len(m.Methods) == 0 {
		return nil
	}
	methods := slices.Compact(slices.Sorted(slices.Values(m.Methods)))
	return &demand{methods: methods, count: 1, text: "method " + strings.Join(methods, " or ")}
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
	if len(other.methods) == 0 {
		return true
	}
	return len(d.methods) > 0 && !slices.ContainsFunc(d.methods, func(m string) bool { return !slices.Contains(other.methods, m) })
}

// met says whether the request meets a demand.
func (t *trial) met(d *demand) bool {
	if len(d.methods) == 0 {
		return true
	}
	for _, m := range d.methods {
		if string(t.request.Method) == m {
			return true
		}
	}
	return false
}

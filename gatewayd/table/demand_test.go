package table

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

func text(s string) *string { return &s }

// canaries are rules of one host and path, told apart by a header, and one that takes the rest.
func canaries(t testing.TB, n int, is func(i int) spec.ValueMatch) *Address {
	objects := []spec.Object{pool("p"), setting("s"), listener("l"), rule("rest", "l", nil, nil)}
	for i := range n {
		r := rule(fmt.Sprintf("r%05d", i), "l", nil, nil)
		r.Match.Headers = map[string]spec.ValueMatch{"X-Tenant": is(i)}
		objects = append(objects, r)
	}
	table, _ := Compile(setOf(objects...), groups{})
	return table.Address("", 80)
}

// TestAMatchIsBounded: whatever the rules, a request does not hold the loop; one that would is told apart from one that
// no rule takes.
func TestAMatchIsBounded(t *testing.T) {
	large := strings.Repeat("a", 4000)
	many := canaries(t, 10000, func(i int) spec.ValueMatch {
		return spec.ValueMatch{Equals: []string{fmt.Sprintf("tenant-%d", i)}}
	})
	patterns := canaries(t, 1000, func(i int) spec.ValueMatch {
		return spec.ValueMatch{Pattern: text(fmt.Sprintf("(a|b?){1,20}a%d$", i))}
	})
	for _, c := range []struct {
		name    string
		address *Address
		headers []string
		rule    string // "" where it is too costly
	}{
		{"the last of many", many, []string{"Accept: */*", "User-Agent: curl", "X-Tenant: tenant-9999"}, "r09999"},
		{"none of many", many, []string{"X-Tenant: tenant-10000"}, "rest"},
		{"a large value among many", many, []string{"X-Tenant: " + large}, "rest"},
		{"many lines among many", many, strings.Split(strings.Repeat("X-Other: a\n", 99)+"X-Other: a", "\n"), "rest"},
		{"a small value and patterns", patterns, []string{"X-Tenant: aa7"}, "r00007"},
		{"a large value and patterns", patterns, []string{"X-Tenant: " + large}, ""},
		{"no value and patterns", patterns, nil, "rest"},
		{"a value too long for patterns", canaries(t, 1, func(int) spec.ValueMatch { return spec.ValueMatch{Pattern: text("a")} }),
			[]string{"X-Tenant: " + large + large}, "rest"},
	} {
		found := c.address.Match(asked{host: "a", method: "GET", headers: c.headers}.request(), []byte("/"))
		if found.Listener == nil || found.Costly != (c.rule == "") {
			t.Errorf("%s: found %+v, want it costly: %t", c.name, found, c.rule == "")
		}
		if name := ""; found.Route != nil {
			if name = found.Route.RuleName; name != c.rule {
				t.Errorf("%s: rule %q, want %q", c.name, name, c.rule)
			}
		} else if c.rule != "" {
			t.Errorf("%s: no rule, want %q", c.name, c.rule)
		}
	}
}

func TestATrialCountsAllThatItLooksAt(t *testing.T) {
	long := strings.Repeat("q=a&", 4000)
	for _, c := range []struct {
		is    spec.ValueMatch
		least int
	}{
		{spec.ValueMatch{Absent: true}, len(long)},
		{spec.ValueMatch{Prefix: text("b")}, len(long) + 4000},
		{spec.ValueMatch{Equals: []string{"b", "c"}}, len(long) + 2*4000},
		{spec.ValueMatch{Pattern: text("b")}, len(long) + 2*4000},
	} {
		d := newDemand(&spec.Match{Query: map[string]spec.ValueMatch{"q": c.is}})
		tr := trial{request: asked{host: "a", method: "GET", query: long + "r"}.request()}
		if tr.met(d) {
			t.Errorf("%s is met", d.text)
		}
		if c.is.Absent {
			c.least = len(long) // The first parameter decides, but all of the query may be looked at.
		}
		if tr.work < c.least {
			t.Errorf("%s took %d steps, want at least %d", d.text, tr.work, c.least)
		}
	}
}

func TestConditionsAllocateNothing(t *testing.T) {
	r := rule("r", "l", []string{"a"}, []string{"/a/*"})
	r.Match.Methods = []string{"GET"}
	r.Match.Headers = map[string]spec.ValueMatch{"X-A": {Equals: []string{"b", "c"}}, "X-B": {Absent: true}, "X-C": {Prefix: text("c")}}
	r.Match.Query = map[string]spec.ValueMatch{"a b": {Equals: []string{"c d"}}, "e": {Prefix: text("f ")}}
	table, _ := Compile(setOf(pool("p"), setting("s"), listener("l"), r), groups{})
	address, path := table.Address("", 80), []byte("/a/b")
	req := asked{host: "a", method: "GET", headers: []string{"X-A: c", "X-C: cd"}, query: "x=1&a+b=c%20d&e=f+g"}.request()
	if n := testing.AllocsPerRun(100, func() {
		if address.Match(req, path).Route == nil {
			t.Fatal("no rule")
		}
	}); n != 0 {
		t.Errorf("a match with conditions allocates %v times", n)
	}
}

// TestDemandsAreMadeOnce: a change elsewhere compiles no pattern anew.
func TestDemandsAreMadeOnce(t *testing.T) {
	a, b := rule("a", "l", nil, nil), rule("b", "l", nil, nil)
	b.Match.Query = map[string]spec.ValueMatch{"q": {Pattern: text("a+")}}
	set := setOf(pool("p"), setting("s"), listener("l"), a, b)
	first, _ := Compile(set, groups{})
	d := set.Draft(2)
	d.Remove(spec.Rules, "a")
	second, _ := first.Next(d.Finish(), groups{})
	e := set.Get(spec.Rules, "b")
	if first.demands[e] == nil || first.demands[e] != second.demands[e] || len(second.demands) != 1 {
		t.Errorf("the demands are %v, then %v", first.demands, second.demands)
	}
}

func BenchmarkCompileConditions(b *testing.B) {
	for name, is := range map[string]func(i int) spec.ValueMatch{
		"equals":  func(i int) spec.ValueMatch { return spec.ValueMatch{Equals: []string{fmt.Sprintf("tenant-%d", i)}} },
		"pattern": func(i int) spec.ValueMatch { return spec.ValueMatch{Pattern: text(fmt.Sprintf("^tenant-%d$", i))} },
	} {
		b.Run(name+"/10000", func(b *testing.B) {
			for b.Loop() {
				canaries(b, 10000, is)
			}
		})
	}
}

func BenchmarkConditions(b *testing.B) {
	for name, is := range map[string]spec.ValueMatch{
		"equals": {Equals: []string{"tenant-7"}}, "prefix": {Prefix: text("tenant-")}, "pattern": {Pattern: text("^tenant-[0-9]+$")},
	} {
		b.Run(name, func(b *testing.B) {
			address, path := canaries(b, 1, func(int) spec.ValueMatch { return is }), []byte("/")
			req := asked{host: "a", method: "GET", headers: []string{"User-Agent: bench/1.0", "Accept: */*", "X-Tenant: tenant-7"}}.request()
			b.ReportAllocs()
			for b.Loop() {
				if address.Match(req, path).Route.RuleName != "r00000" {
					b.Fatal("not matched")
				}
			}
		})
	}
}

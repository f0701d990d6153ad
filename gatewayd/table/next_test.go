package table

import (
	"slices"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/balance"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// TestNextGivesWhatCompileGives changes a configuration step by step and compares the table that grew with it with one
// made from nothing.
func TestNextGivesWhatCompileGives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		living := groups{}
		set := drawSet(t)
		table, _ := Compile(set, living)
		for revision := range uint64(4) {
			set = drawChange(t, set, revision+2)
			next, got := table.Next(set, living)
			fresh, want := Compile(set, living)
			table = next
			if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b *spec.Kind) bool { return a == b })); diff != "" {
				t.Fatalf("the warnings differ (-fresh +next):\n%s", diff)
			}
			compare(t, fresh, table)
		}
	})
}

// drawChange adds, changes or removes one object.
func drawChange(t *rapid.T, set *spec.Set, revision uint64) *spec.Set {
	other := drawSet(t)
	kind := rapid.SampledFrom([]*spec.Kind{spec.Listeners, spec.Rules, spec.Rules, spec.Settings, spec.Pools}).Draw(t, "kind")
	d := set.Draft(revision)
	if all := set.All(kind); len(all) > 0 && rapid.Bool().Draw(t, "remove") {
		d.Remove(kind, rapid.SampledFrom(all).Draw(t, "removed").Name())
	} else if all := other.All(kind); len(all) > 0 {
		d.Put(rapid.SampledFrom(all).Draw(t, "put"))
	}
	return d.Finish()
}

func compare(t *rapid.T, want, got *Table) {
	if got.Revision() != want.Revision() {
		t.Fatalf("revision %d, want %d", got.Revision(), want.Revision())
	}
	if diff := cmp.Diff(want.Addresses(), got.Addresses()); diff != "" {
		t.Fatalf("the addresses differ (-fresh +next):\n%s", diff)
	}
	if diff := cmp.Diff(want.Routes(), got.Routes(), alike); diff != "" {
		t.Fatalf("the routes differ (-fresh +next):\n%s", diff)
	}
	a, b := want.Address("", 80), got.Address("", 80)
	if a == nil || b == nil {
		if (a == nil) != (b == nil) {
			t.Fatalf("the address is %v, want %v", b, a)
		}
		return
	}
	for range 10 {
		q := drawAsked(t, spec.Lower(rapid.SampledFrom(pathPieces).Draw(t, "path")))
		want, got := a.Match(q.request(), []byte(q.path)), b.Match(q.request(), []byte(q.path))
		if diff := cmp.Diff(want, got, alike); diff != "" {
			t.Fatalf("what is found for %q differs (-fresh +next):\n%s", q, diff)
		}
	}
}

var alike = cmp.Options{
	cmp.Comparer(func(a, b *balance.Group) bool { return a == b }),
	cmpopts.IgnoreUnexported(Setting{}),
	cmpopts.IgnoreFields(Listener{}, "Tunnels"), // It counts, and is nothing that a table says.
	cmp.Comparer(func(a, b Trust) bool { return slices.Equal(a.spans, b.spans) }),
}

func TestNextKeepsRoutes(t *testing.T) {
	living := groups{}
	set := manyRules(100, shapes[0].rule)
	first, _ := Compile(set, living)
	d := set.Draft(2)
	changed := pool("p")
	changed.Targets = map[string]spec.PoolTarget{"a": {Address: "10.0.0.1", Weight: 1}}
	d.Put(spec.NewEntry("pool:p", 2, changed))
	second, _ := first.Next(d.Finish(), living)
	for i, r := range second.Routes() {
		if r != first.Routes()[i] {
			t.Fatalf("the route of %s was made anew although only its pool's targets changed", r.RuleName)
		}
	}
	for _, d := range second.drafts {
		if d.before != nil {
			t.Error("the table keeps the one before it")
		}
	}
}

func BenchmarkNext(b *testing.B) {
	for _, shape := range shapes {
		b.Run(shape.name+"/10000", func(b *testing.B) {
			living := groups{}
			set := manyRules(10000, shape.rule)
			table, _ := Compile(set, living)
			d := set.Draft(2)
			d.Put(spec.NewEntry("pool:p", 2, pool("p")))
			next := d.Finish()
			b.ReportAllocs()
			for b.Loop() {
				table.Next(next, living)
			}
		})
	}
}

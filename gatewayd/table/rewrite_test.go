package table

import (
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestRewritesAreCompiledOnce: a rewrite is the same value for all rules that name it, and for the next table while its
// entry is the same, so that routes are taken over.
func TestRewritesAreCompiledOnce(t *testing.T) {
	one, two := rule("a", "l", nil, []string{"/a"}), rule("b", "l", nil, []string{"/b"})
	one.Rewrite, two.Rewrite = new("w"), new("w")
	set := setOf(listener("l"), pool("p"), setting("s"), &spec.Rewrite{Name: "w"}, one, two, rule("c", "l", nil, []string{"/c"}))
	first, warnings := Compile(set, groups{})
	routes := first.Routes()
	if routes[0].Rewrite == nil || routes[0].Rewrite != routes[1].Rewrite || routes[2].Rewrite != nil || len(warnings) > 0 {
		t.Fatalf("%v, %v", routes, warnings)
	}
	d := set.Draft(2)
	d.Put(spec.NewEntry("listener:other", 2, listener("other", "x")))
	next, _ := first.Next(d.Finish(), groups{})
	if next.Routes()[0].Rewrite != routes[0].Rewrite {
		t.Error("the rewrite was compiled again")
	}
	d = set.Draft(3)
	d.Put(spec.NewEntry("rewrite:w", 3, &spec.Rewrite{Name: "w", Steps: []spec.RewriteStep{{}}}))
	changed, _ := first.Next(d.Finish(), groups{})
	if r := changed.Routes()[0].Rewrite; r == nil || r == routes[0].Rewrite {
		t.Error("a rewrite that changed is the one of before")
	}
}

// TestARuleWithoutItsRewriteServesNothing: who wants headers changed may rest on it.
func TestARuleWithoutItsRewriteServesNothing(t *testing.T) {
	r := rule("a", "l", nil, nil)
	r.Rewrite = new("gone")
	table, warnings := Compile(setOf(listener("l"), pool("p"), setting("s"), r), groups{})
	found := table.Address("", 80).Match(&http1.Request{}, []byte("/"))
	if found.Route == nil || found.Route.Group != nil || len(warnings) != 1 || warnings[0].Problem.Path != "rewrite" || !strings.Contains(warnings[0].Problem.Message, "answered 502") {
		t.Errorf("%+v, %v", found.Route, warnings)
	}
}

package control_test

import (
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store/memory"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

func target(name, pool, address string) *spec.Target {
	return &spec.Target{Name: name, Pool: pool, Address: address, Weight: 1}
}

func weighing(t *spec.Target, weight int) *spec.Target {
	t.Weight = weight
	return t
}

// TestRenameBringsNoMemberInTwice renames a pool to the name of one that retired, whose targets become its own.
func TestRenameBringsNoMemberInTwice(t *testing.T) {
	g := start(t, nil)
	g.must("created created created created", create(pool("a"), pool("b"), target("ta", "a", "10.0.0.1"), target("tb", "b", "10.0.0.1"))...)
	g.must("retired", remove(spec.Pools, "b"))
	rename := control.Change{Kind: spec.Pools, Name: "a", Put: pool("b"), Upsert: true}
	err := g.refused(control.Invalid, rename)
	if len(err.Problems) != 1 || err.Problems[0].Path != "name" || !strings.Contains(err.Problems[0].Message, `"ta"`) || !strings.Contains(err.Problems[0].Message, `"tb"`) {
		t.Errorf("want a problem at the name that names both targets, got %v", err)
	}
	// The pool's own target, which the name alone brings to another.
	g.must("deleted updated", remove(spec.Targets, "ta"), control.Change{Kind: spec.Pools, Name: "a", Put: pool("a", "10.0.0.1"), Upsert: true})
	renameFull := control.Change{Kind: spec.Pools, Name: "a", Put: pool("b", "10.0.0.1"), Upsert: true}
	if err := g.refused(control.Invalid, renameFull); len(err.Problems) != 1 || err.Problems[0].Path != "name" || !strings.Contains(err.Problems[0].Message, `"tb"`) {
		t.Errorf("want a problem at the name that names the target, got %v", err)
	}
	// What counts is how it is when all is done.
	g.must("updated deleted", renameFull, remove(spec.Targets, "tb"))
	g.expect("pool b")
}

// TestMembersThatWereInTwice boots on a configuration of before that was refused: it is told, and in nobody's way.
func TestMembersThatWereInTwice(t *testing.T) {
	s := memory.Open()
	record := func(kind, name string, revision uint64, body string) store.Record {
		return store.Record{Kind: kind, Name: name, ID: "id-" + name, Revision: revision, Body: []byte(body)}
	}
	if err := s.Commit(t.Context(), 0, 3, []store.Record{
		record("pool", "b", 1, `{"name":"b"}`),
		record("target", "ta", 3, `{"name":"ta","pool":"b","address":"10.0.0.1"}`),
		record("target", "tb", 2, `{"name":"tb","pool":"b","address":"10.0.0.1"}`),
	}, nil); err != nil {
		t.Fatal(err)
	}
	g := start(t, s)
	if c := g.Conditions(); len(c) != 1 || c[0].Kind != spec.Targets || c[0].Name != "ta" || c[0].Path != "address" {
		t.Errorf("want a condition of the later target, got %v", c)
	}
	if w := g.Warnings(g.get(spec.Targets, "ta")); len(w) != 1 || w[0].Path != "address" {
		t.Errorf("want a warning at a read of the later target, got %v", w)
	}
	g.must("updated", update("ta", 3, weighing(target("ta", "b", "10.0.0.1"), 5)))
	g.must("updated", update("tb", 2, weighing(target("tb", "b", "10.0.0.1"), 5)))
	g.must("updated", update("b", 1, pool("c", "10.0.0.2")))
	g.refused(control.Invalid, create(target("tc", "c", "10.0.0.1"))...)
	g.refused(control.Invalid, update("c", 6, pool("c", "10.0.0.1")))
	g.must("updated", update("ta", 4, target("ta", "c", "10.0.0.3")))
	if c := g.Conditions(); len(c) != 0 {
		t.Errorf("conditions: %v", c)
	}
	g.refused(control.Invalid, update("ta", 7, target("ta", "c", "10.0.0.1")))
}

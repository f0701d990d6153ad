package control_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

func TestManyChangesAreOne(t *testing.T) {
	g := shop(t)
	before := g.Set().Revision()
	// A rule may name what is created behind it.
	g.must("created created created", create(rule("r", "front", "later", "too"), pool("later"), setting("too", ""))...)
	if g.Set().Revision() != before+1 {
		t.Errorf("three changes took revisions %d to %d", before, g.Set().Revision())
	}
	// A pool that is let go by a later change was never retired for anybody.
	r := g.must("deleted updated", remove(spec.Pools, "later"), update("r", 2, rule("r", "front", "web", "too")))
	if len(r[0].Holders) != 0 {
		t.Errorf("holders: %q", namesOf(r[0].Holders))
	}
	g.must("deleted revived", append([]control.Change{remove(spec.Pools, "web")}, create(pool("web"))...)...)

	err := g.refused(control.Invalid, append(create(pool("fine"), rule("x", "front", "nope", "plain")), create(rule("y", "nope", "web", "plain"))...)...)
	if err.Change != 1 || len(err.Others) != 1 || err.Others[0].Change != 2 || err.Others[0].Problems[0].Path != "listener" {
		t.Errorf("two faults: %+v", err)
	}
	if err := g.refused(control.Changed, append(create(pool("fine")), update("web", 1, pool("web", "10.0.0.3")))...); err.Change != 1 {
		t.Errorf("the fault is at change %d, want 1", err.Change)
	}
	// A member of a list that names what is missing is no excuse for a later one that does.
	twice := control.Change{Kind: spec.Settings, Name: "s", Put: setting("s", "nope"), Upsert: true}
	g.refused(control.Invalid, twice, control.Change{Kind: spec.Settings, Name: "s", Put: patient(setting("s", "nope")), Upsert: true})
	// Nor is following a rename later in the list.
	g.refused(control.Invalid, create(rule("f", "front", "nope", "plain"))[0], update("front", 1, listener("door", 80)))
	// Naming in a list what an earlier member of it deletes is refused, whether it is gone or retired.
	g.refused(control.Invalid, append([]control.Change{remove(spec.Pools, "web")}, create(rule("z", "front", "web", "plain"))...)...)
}

func TestTakenPort(t *testing.T) {
	g := shop(t)
	g.plane.take(81, true)
	err := g.refused(control.Invalid, append(create(pool("fine")), create(listener("second", 81))...)...)
	if err.Change != 1 || len(err.Problems) != 1 || err.Problems[0].Path != "port" {
		t.Errorf("a taken port: %+v", err)
	}
	// A port that was lost since is no other write's fault.
	g.plane.take(80, true)
	g.must("created", create(pool("fine"))...)
	if c := g.Conditions(); len(c) != 1 || c[0].Name != "front" || !c[0].Transient {
		t.Errorf("conditions: %v", c)
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	g := shop(t)
	before, prepares := g.Set(), g.plane.prepares
	r, err := g.DryRun(append(create(pool("new")), remove(spec.Pools, "web"), update("all", 1, rule("all", "front", "new", "plain"))))
	if err != nil {
		t.Fatal(err)
	}
	if got := []string{r[0].Outcome, r[1].Outcome, r[2].Outcome}; !slices.Equal(got, []string{"created", "deleted", "updated"}) {
		t.Errorf("outcomes %v", got)
	}
	if r[0].Entry.ID != "" {
		t.Errorf("a dry run gave the id %q", r[0].Entry.ID)
	}
	_, err = g.DryRun(create(rule("r", "front", "nope", "plain")))
	g.expectRefused(control.Invalid, before, err)
	if g.plane.prepares != prepares {
		t.Error("a dry run prepared")
	}
}

func TestUnavailable(t *testing.T) {
	g := shop(t)
	g.Close()
	_, err := g.Apply(t.Context(), create(pool("x")))
	e := g.expectRefused(control.Unavailable, g.Set(), err)
	if errors.Unwrap(e) == nil {
		t.Error("no cause")
	}
}

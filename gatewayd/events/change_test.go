package events

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestChangedSaysWhatBecameOfEach: objects are told apart by their hidden ids, not by their names.
func TestChangedSaysWhatBecameOfEach(t *testing.T) {
	set := func(revision uint64, entries ...*spec.Entry) *spec.Set {
		var none *spec.Set
		d := none.Draft(revision)
		for _, e := range entries {
			d.Put(e)
		}
		return d.Finish()
	}
	pool := func(id string, revision uint64, name string) *spec.Entry {
		return spec.NewEntry(id, revision, &spec.Pool{Name: name})
	}
	rule := spec.NewEntry("r", 3, &spec.Rule{Name: "all", Pool: new("app")})
	same := pool("same", 1, "same")
	was := set(9, same, rule, pool("a", 2, "app"), pool("c", 3, "changed"), pool("d", 4, "deleted"), pool("x", 4, "replaced"), pool("t", 5, "retired"), pool("v", 6, "revived").Retire())
	is := set(12, same, rule.Follow(spec.Pools, "app", "shop"), pool("a", 10, "shop"), pool("c", 11, "changed"), pool("y", 12, "replaced"), pool("t", 5, "retired").Retire(), pool("v", 12, "revived"), pool("n", 12, "new"))
	want := []api.ChangedObject{
		{Kind: "pool", Name: "changed", What: "changed"},
		{Kind: "pool", Name: "deleted", What: "deleted"},
		{Kind: "pool", Name: "new", What: "created"},
		{Kind: "pool", Name: "replaced", What: "deleted"},
		{Kind: "pool", Name: "replaced", What: "created"},
		{Kind: "pool", Name: "retired", What: "retired"},
		{Kind: "pool", Name: "revived", What: "revived"},
		{Kind: "pool", Name: "shop", What: "renamed", Was: "app"},
		{Kind: "rule", Name: "all", What: "followed"},
	}
	if diff := cmp.Diff(want, changed(was, is)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := changed(is, is); got == nil || len(got) != 0 {
		t.Errorf("of nothing: %#v", got)
	}
}

// TestManyChangesAreCounted: an event names some objects and counts the others.
func TestManyChangesAreCounted(t *testing.T) {
	var none *spec.Set
	before := none.Draft(1).Finish()
	d := before.Draft(2)
	for i := range 5 * api.MaxEventObjects {
		d.Put(spec.NewEntry(fmt.Sprint(i), 2, &spec.Pool{Name: fmt.Sprintf("p%04d", i)}))
	}
	f := New("1.2.3")
	f.Published("applied", before, d.Finish())
	var e api.Event
	if err := json.Unmarshal(f.records[len(f.records)-1].data, &e); err != nil {
		t.Fatal(err)
	}
	c := e.Change
	if c == nil || c.After != 1 || c.Revision != 2 || len(c.Objects) != api.MaxEventObjects || c.More != 4*api.MaxEventObjects || c.Objects[7].Name != "p0007" {
		t.Errorf("got %+v", c)
	}
}

package control_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"weak"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

func TestCreateUpdateDelete(t *testing.T) {
	g := start(t, nil)
	r := g.must("created", create(pool("web"))...)[0]
	if r.Entry.Revision != 1 || r.Revision != 1 || len(r.Entry.ID) < 26 {
		t.Errorf("created %+v", r.Entry)
	}
	u := g.must("updated", update("web", 1, pool("web", "10.0.0.1")))[0]
	if u.Entry.Revision != 2 || u.Entry.ID != r.Entry.ID {
		t.Errorf("updated %+v", u.Entry)
	}
	g.must("deleted", control.Change{Kind: spec.Pools, Name: "web", IfMatch: 2})
	g.expect()
	if again := g.must("created", create(pool("web"))...)[0]; again.Entry.ID != r.Entry.ID || again.Entry.Revision != 4 {
		t.Errorf("created again %+v, want the id %s and revision 4", again.Entry, r.Entry.ID)
	}
}

func TestConditions(t *testing.T) {
	g := shop(t)
	g.must("updated", update("web", 1, pool("web", "10.0.0.2"))) // Revision 2.
	web := g.get(spec.Pools, "web")
	for _, c := range []struct {
		name    string
		change  control.Change
		reason  control.Reason
		current *spec.Entry
		path    string
	}{
		{"create what is there", create(pool("web"))[0], control.Exists, web, "name"},
		{"update at an old revision", update("web", 1, pool("web")), control.Changed, web, ""},
		{"update at a later revision", update("web", 3, pool("web")), control.Changed, web, ""},
		{"update what is not there", update("nope", 1, pool("nope")), control.NotFound, nil, ""},
		{"delete at an old revision", control.Change{Kind: spec.Pools, Name: "web", IfMatch: 1}, control.Changed, web, ""},
		{"delete what is not there", remove(spec.Pools, "nope"), control.NotFound, nil, ""},
		{"no condition", control.Change{Kind: spec.Pools, Name: "web", Put: pool("web")}, control.PreconditionRequired, web, ""},
		{"both conditions", control.Change{Kind: spec.Pools, Name: "web", Put: pool("web"), IfMatch: 2, IfNoneMatch: true}, control.Invalid, nil, ""},
		{"another id", control.Change{Kind: spec.Pools, Name: "web", ID: "other"}, control.NotFound, nil, ""},
		{"create under another name", control.Change{Kind: spec.Pools, Name: "a", Put: pool("b"), IfNoneMatch: true}, control.Invalid, nil, "name"},
		{"create by upsert under another name", control.Change{Kind: spec.Pools, Name: "a", Put: pool("b"), Upsert: true}, control.Invalid, nil, "name"},
		{"rename onto a live name", update("front", 1, listener("back", 80)), control.Exists, nil, "name"},
		{"an object of another kind", control.Change{Kind: spec.Rules, Name: "web", Put: pool("web"), Upsert: true}, control.Invalid, nil, ""},
		{"a value out of range", create(listener("l", 70000))[0], control.Invalid, nil, "port"},
		{"a name that does not exist", create(rule("r", "front", "nope", "plain"))[0], control.Invalid, nil, "pool"},
		{"drop of what is not retired", control.Change{Kind: spec.Pools, Name: "web", Retired: true}, control.NotFound, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			g.t = t
			if c.name == "rename onto a live name" {
				if g.Set().Live(spec.Listeners, "back") == nil {
					g.must("created", create(listener("back", 81))...)
				}
				c.current = g.get(spec.Listeners, "back")
			}
			err := g.refused(c.reason, c.change)
			if err.Current != c.current {
				t.Errorf("Current is %+v, want %+v", err.Current, c.current)
			}
			var paths []string
			for _, p := range err.Problems {
				paths = append(paths, p.Path)
			}
			if got := strings.Join(paths, " "); got != c.path {
				t.Errorf("problems at %q, want %q: %v", got, c.path, err)
			}
		})
	}
}

func TestUpsertCreatesUpdatesAndRevives(t *testing.T) {
	g := shop(t)
	upsert := func(p *spec.Pool) control.Change {
		return control.Change{Kind: spec.Pools, Name: p.Name, Put: p, Upsert: true}
	}
	g.must("created updated", upsert(pool("new")), upsert(pool("web")))
	g.must("unchanged", upsert(pool("web")))
	g.must("retired", remove(spec.Pools, "web"))
	g.must("revived", upsert(pool("web")))
}

// TestNameThatCannotBe creates an object under another name than its own, which is not even one.
func TestNameThatCannotBe(t *testing.T) {
	g := start(t, nil)
	for _, name := range []string{"a b", "\x00", "-", strings.Repeat("x", 81), "\xff"} {
		err := g.refused(control.Invalid, control.Change{Kind: spec.Pools, Name: name, Put: pool("web"), IfNoneMatch: true})
		if len(err.Problems) > 0 || !strings.Contains(err.Message, "is no name of a pool: it must") {
			t.Errorf("%q: %v", name, err)
		}
	}
	err := g.refused(control.Invalid, control.Change{Kind: spec.Pools, Name: "site", Put: pool("web"), IfNoneMatch: true})
	if len(err.Problems) != 1 || err.Problems[0].Path != "name" {
		t.Errorf("a name of another object: %v", err)
	}
}

func TestEqualWriteTouchesNothing(t *testing.T) {
	g := shop(t)
	g.must("updated", update("front", 1, &spec.Listener{
		Name: "front", Port: 80, Protocol: "http", Hostnames: []string{"a.example", "b.example"},
		HeaderTimeout: "10s", BodyTimeout: "60s", KeepAliveTimeout: "75s", MaxHeaderBytes: 32768, MaxURLBytes: 32768, DrainTimeout: "30s",
	}))
	before, published := g.Set(), len(g.plane.published)
	same := listener("front", 80)
	same.Hostnames = []string{"b.example", "a.example"} // The order of a set means nothing.
	for _, revision := range []uint64{1, 2, 77} {
		r := g.must("unchanged", update("front", revision, same))[0]
		if r.Entry.Revision != 2 || r.Revision != 2 {
			t.Errorf("an equal write answers revisions %d and %d, want 2", r.Entry.Revision, r.Revision)
		}
	}
	if g.Set() != before || len(g.plane.published) != published {
		t.Error("an equal write published something")
	}
	if revision, _, err := g.store.Load(t.Context()); err != nil || revision != 2 {
		t.Errorf("an equal write left the store at revision %d, %v", revision, err)
	}
}

func TestRenameIsFollowed(t *testing.T) {
	g := shop(t)
	id := g.get(spec.Pools, "web").ID
	g.must("updated", update("web", 1, pool("site", "10.0.0.1")))
	g.expect("listener front", "pool site", "probe ping", "setting plain", "rule all")
	all, site := g.get(spec.Rules, "all"), g.get(spec.Pools, "site")
	if *all.Object.(*spec.Rule).Pool != "site" || all.Revision != 1 {
		t.Errorf("the rule names %q at revision %d, want site at 1", *all.Object.(*spec.Rule).Pool, all.Revision)
	}
	if site.ID != id || site.Revision != 2 {
		t.Errorf("the pool has id %s and revision %d, want %s and 2", site.ID, site.Revision, id)
	}
	// Its holder, which knows nothing of the rename, writes with the revision that it knows.
	g.must("updated", update("all", 1, ranked(rule("all", "front", "site", "plain"), 5)))

	// A pointer that names is followed too, and a listener, and all in one apply, under the names of then.
	g.must("updated updated updated",
		update("ping", 1, probe("pong")), update("front", 1, listener("door", 80)), control.Change{Kind: spec.Probes, Name: "pong", Put: probe("pang"), Upsert: true})
	if p := g.get(spec.Settings, "plain"); *p.Object.(*spec.Setting).Probe != "pang" || p.Revision != 1 {
		t.Errorf("the setting names %q at revision %d", *p.Object.(*spec.Setting).Probe, p.Revision)
	}
	if l := g.get(spec.Rules, "all").Object.(*spec.Rule).Listener; l != "door" {
		t.Errorf("the rule names listener %q, want door", l)
	}
	if err := g.refused(control.Changed, control.Change{Kind: spec.Pools, Name: "web", ID: id, Put: pool("web"), IfMatch: 2}); err.Current != site {
		t.Errorf("a write by id and old name: Current is %+v", err.Current)
	}
	g.restart()
	g.expect("listener door", "pool site", "probe pang", "setting plain", "rule all")
	if g.get(spec.Pools, "site").ID != id {
		t.Error("the id was not stored")
	}
}

func TestDeletedWhileNamedRetires(t *testing.T) {
	g := shop(t)
	r := g.must("retired", remove(spec.Settings, "plain"))[0]
	if names := namesOf(r.Holders); names != "all" || r.Entry.Revision != 1 || !r.Entry.Retired {
		t.Errorf("retired: holders %q, entry %+v", names, r.Entry)
	}
	// What it names is held by it; gone for others.
	g.must("retired", remove(spec.Probes, "ping"))
	g.expect("listener front", "pool web", "(probe ping)", "(setting plain)", "rule all")
	g.refused(control.NotFound, remove(spec.Settings, "plain"))
	g.refused(control.NotFound, update("plain", 1, setting("plain", "")))
	err := g.refused(control.Invalid, create(rule("late", "front", "web", "plain"))...)
	if len(err.Problems) != 1 || err.Problems[0].Path != "setting" {
		t.Errorf("naming a retired object: %v", err)
	}
	// A holder may keep the name, and is warned.
	kept := g.must("updated", update("all", 1, ranked(rule("all", "front", "web", "plain"), 3)))[0]
	if len(kept.Warnings) != 1 || kept.Warnings[0].Path != "setting" {
		t.Errorf("warnings: %v", kept.Warnings)
	}
	if w := g.Warnings(kept.Entry); !cmp.Equal(w, kept.Warnings) {
		t.Errorf("a read warns of %v, the write of %v", w, kept.Warnings)
	}
	g.restart()
	g.expect("listener front", "pool web", "(probe ping)", "(setting plain)", "rule all")
	// The last one lets go: the setting goes, and with it the probe that it alone held.
	g.must("created updated", append(create(setting("fancy", "")), update("all", 3+1, rule("all", "front", "web", "fancy")))...)
	g.expect("listener front", "pool web", "setting fancy", "rule all")
}

func namesOf(entries []*spec.Entry) string {
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// TestPoolSwap is Terraform's order for a rule that moves to a new pool while the old one is destroyed.
func TestPoolSwap(t *testing.T) {
	g := shop(t)
	g.must("retired", remove(spec.Pools, "web"))
	g.must("created", create(pool("blue", "10.0.0.2"))...)
	g.expect("listener front", "pool blue", "(pool web)", "probe ping", "setting plain", "rule all")
	g.must("updated", update("all", 1, rule("all", "front", "blue", "plain")))
	g.expect("listener front", "pool blue", "probe ping", "setting plain", "rule all")
}

// TestReplace is terraform apply -replace of a pool in use.
func TestReplace(t *testing.T) {
	g := shop(t)
	id := g.get(spec.Pools, "web").ID
	g.must("retired", control.Change{Kind: spec.Pools, Name: "web", ID: id, IfMatch: 1})
	r := g.must("revived", create(pool("web", "10.0.0.9"))...)[0]
	if r.Entry.ID != id || r.Entry.Retired || r.Entry.Revision != 3 {
		t.Errorf("revived as %+v", r.Entry)
	}
	g.expect("listener front", "pool web", "probe ping", "setting plain", "rule all")
	if g.get(spec.Rules, "all").Revision != 1 {
		t.Error("the rule was touched")
	}
}

func TestRenameOntoRetiredNameReplacesIt(t *testing.T) {
	g := shop(t)
	g.must("created created", create(pool("blue"), rule("extra", "front", "blue", "plain"))...)
	g.must("retired", remove(spec.Pools, "web"))
	id := g.get(spec.Pools, "blue").ID
	g.must("updated", update("blue", 2, pool("web")))
	g.expect("listener front", "pool web", "probe ping", "setting plain", "rule all", "rule extra")
	if web := g.get(spec.Pools, "web"); web.ID != id || web.Retired || len(g.Set().Holders(spec.Pools, "web")) != 2 {
		t.Errorf("the renamed pool is %+v with holders %q", web, namesOf(g.Set().Holders(spec.Pools, "web")))
	}
}

func TestDeletedListenerLeavesItsRules(t *testing.T) {
	g := shop(t)
	id := g.get(spec.Listeners, "front").ID
	g.must("deleted", remove(spec.Listeners, "front"))
	g.expect("pool web", "probe ping", "setting plain", "rule all")
	if c := g.Conditions(); len(c) != 1 || c[0].Name != "all" || c[0].Path != "listener" {
		t.Errorf("conditions: %v", c)
	}
	g.must("updated", update("all", 1, ranked(rule("all", "front", "web", "plain"), 2)))
	if err := g.refused(control.Invalid, create(rule("late", "front", "web", "plain"))...); err.Problems[0].Path != "listener" {
		t.Errorf("a new naming: %v", err)
	}
	if r := g.must("created", create(listener("front", 80))...)[0]; r.Entry.ID != id {
		t.Error("the listener has another id than before")
	}
	if c := g.Conditions(); len(c) != 0 {
		t.Errorf("conditions: %v", c)
	}
	g.must("deleted", remove(spec.Rules, "all"))
}

func TestDropOfRetired(t *testing.T) {
	g := shop(t)
	g.must("retired", remove(spec.Settings, "plain"))
	g.must("retired", remove(spec.Probes, "ping"))
	r := g.must("deleted", control.Change{Kind: spec.Settings, Name: "plain", Retired: true})[0]
	if namesOf(r.Holders) != "all" {
		t.Errorf("holders: %q", namesOf(r.Holders))
	}
	g.expect("listener front", "pool web", "rule all")
	if c := g.Conditions(); len(c) != 1 || c[0].Name != "all" || c[0].Path != "setting" {
		t.Errorf("conditions: %v", c)
	}
	if w := g.Warnings(g.get(spec.Rules, "all")); len(w) != 1 || w[0].Path != "setting" {
		t.Errorf("warnings: %v", w)
	}
	// Its holder must name something else, or waits until the name returns.
	err := g.refused(control.Invalid, update("all", 1, ranked(rule("all", "front", "web", "plain"), 2)))
	if len(err.Problems) != 1 || err.Problems[0].Path != "setting" {
		t.Errorf("an update that still names what was dropped: %v", err)
	}
	g.must("unchanged", update("all", 1, rule("all", "front", "web", "plain")))
	g.restart()
	g.must("created", create(setting("plain", ""))...)
	if c := g.Conditions(); len(c) != 0 {
		t.Errorf("conditions: %v", c)
	}
}

func TestPrioritiesSwap(t *testing.T) {
	g := shop(t)
	g.must("created created", create(ranked(rule("a", "front", "web", "plain"), 1), ranked(rule("b", "front", "web", "plain"), 2))...)
	w := g.must("updated", update("a", 2, ranked(rule("a", "front", "web", "plain"), 2)))[0].Warnings
	if len(w) != 0 {
		t.Errorf("the rule that serves is warned of %v", w)
	}
	if c := g.Conditions(); len(c) != 1 || c[0].Name != "b" || c[0].Path != "priority" {
		t.Errorf("conditions: %v", c)
	}
	g.must("updated", update("b", 2, ranked(rule("b", "front", "web", "plain"), 1)))
	if c := g.Conditions(); len(c) != 0 {
		t.Errorf("conditions: %v", c)
	}
	// A tie warns the one that does not serve, in the dry run too.
	tie := create(ranked(rule("c", "front", "web", "plain"), 1))
	dry, err := g.DryRun(tie)
	if err != nil {
		t.Fatal(err)
	}
	if real := g.must("created", tie...); len(real[0].Warnings) != 1 || !cmp.Equal(real[0].Warnings, dry[0].Warnings) {
		t.Errorf("warnings %v, in the dry run %v", real[0].Warnings, dry[0].Warnings)
	}
}

// TestLostAnswer makes every sort of change twice under one key, as a client does that lost the first answer. The second
// answer is the first one, at once and, but for what is deleted for good, after a restart.
func TestLostAnswer(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare []control.Change
		change  control.Change
		outcome string
		forgets bool
	}{
		{"create", nil, create(pool("new"))[0], "created", false},
		{"update", nil, update("web", 1, pool("web", "10.0.0.5")), "updated", false},
		{"rename", nil, update("web", 1, pool("site")), "updated", false},
		{"retire", nil, control.Change{Kind: spec.Pools, Name: "web", IfMatch: 1}, "retired", false},
		{"revive", []control.Change{remove(spec.Pools, "web")}, create(pool("web"))[0], "revived", false},
		{"delete", nil, control.Change{Kind: spec.Rules, Name: "all", IfMatch: 1}, "deleted", true},
		{"drop", []control.Change{remove(spec.Pools, "web")}, control.Change{Kind: spec.Pools, Name: "web", Retired: true}, "deleted", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := shop(t)
			for _, p := range c.prepare {
				if _, err := g.Apply(t.Context(), []control.Change{p}); err != nil {
					t.Fatal(err)
				}
			}
			first := g.must(c.outcome, keyed(c.change, "k"))[0]
			g.must("created", create(probe("noise"))...)
			again := func() {
				t.Helper()
				set := g.Set()
				r := g.must(c.outcome, keyed(c.change, "k"))[0]
				if r.Entry.ID != first.Entry.ID || r.Entry.Revision != first.Entry.Revision || namesOf(r.Holders) != namesOf(first.Holders) {
					t.Errorf("the repeat answers %+v, the first %+v", r, first)
				}
				if g.Set() != set {
					t.Error("the repeat changed something")
				}
			}
			again()
			g.restart()
			if !c.forgets {
				again()
			}
			// Another change under the key is another change.
			other := keyed(create(pool("other"))[0], "k")
			g.must("created", other)
		})
	}
}

// TestMemoryHoldsNoObjects writes an object again and again under keys; what it was before is free to go.
func TestMemoryHoldsNoObjects(t *testing.T) {
	g := start(t, nil)
	const writes = 20
	var before []weak.Pointer[spec.Pool]
	for i := range writes {
		p := pool("web", fmt.Sprint("10.0.0.", i))
		before = append(before, weak.Make(p))
		g.must([]string{"created", "updated"}[min(i, 1)], keyed(control.Change{Kind: spec.Pools, Name: "web", Put: p, Upsert: true}, fmt.Sprint("k", i)))
	}
	g.plane.mu.Lock()
	g.plane.published = slices.Clone(g.plane.published[writes:])
	g.plane.mu.Unlock()
	runtime.GC()
	for i, p := range before[:writes-2] {
		if p.Value() != nil {
			t.Errorf("the object of write %d is kept", i)
		}
	}
	again := keyed(control.Change{Kind: spec.Pools, Name: "web", Put: pool("web", "10.0.0.3"), Upsert: true}, "k3")
	if r := g.must("updated", again)[0]; r.Entry.Revision != 4 || !spec.Equal(r.Entry.Object, again.Put) {
		t.Errorf("the repeat answers %+v", r)
	}
	g.expect("pool web")
	if g.Set().Revision() != writes {
		t.Errorf("revision %d, want %d", g.Set().Revision(), writes)
	}
}

func TestRepeatAfterSomebodyElsesWrite(t *testing.T) {
	g := start(t, nil)
	first := g.must("created", keyed(create(pool("web"))[0], "k"))[0]
	g.must("updated", update("web", 1, pool("web", "10.0.0.1")))
	// The answer is that of then, so the next write on it is told that it is late.
	if r := g.must("created", keyed(create(pool("web"))[0], "k"))[0]; r.Entry.ID != first.Entry.ID || r.Entry.Revision != 1 || !spec.Equal(r.Entry.Object, pool("web")) {
		t.Errorf("the repeat answers %+v", r.Entry)
	}
	g.restart()
	g.refused(control.Exists, keyed(create(pool("web"))[0], "k"))
}

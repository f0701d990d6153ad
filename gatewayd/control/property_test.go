package control_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store/memory"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A model is what a user knows of a gateway: the live objects, by place, and which revision each has.
type model struct {
	g    *gateway
	live map[string]*spec.Entry
	// contents are what each revision of an object was, by id: an ETag never stands for two contents.
	contents map[string]spec.Object
	revision uint64
}

func place(kind *spec.Kind, name string) string { return kind.Name + " " + name }

// TestRandomHistory makes random changes, one at a time and several, and restarts in between, and checks after each that
// what the design promises holds.
func TestRandomHistory(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		g := &gateway{t: t, store: memory.Open(), plane: &plane{taken: map[int]bool{}}}
		g.open()
		defer func() { g.Close() }()
		m := &model{g: g, live: map[string]*spec.Entry{}, contents: map[string]spec.Object{}}
		r.Repeat(map[string]func(*rapid.T){
			"":        m.check,
			"one":     func(r *rapid.T) { m.apply(r, 1) },
			"several": func(r *rapid.T) { m.apply(r, rapid.IntRange(2, 4).Draw(r, "changes")) },
			"restart": func(*rapid.T) { g.restart() },
		})
	})
}

func (m *model) apply(r *rapid.T, n int) {
	var changes []control.Change
	for range n {
		changes = append(changes, m.change(r))
	}
	before := m.g.Set()
	dry, dryErr := m.g.DryRun(changes)
	results, err := m.g.Apply(m.g.t.Context(), changes)
	if (err == nil) != (dryErr == nil) {
		r.Fatalf("Apply: %v, the dry run: %v", err, dryErr)
	}
	if err != nil {
		var e *control.Error
		if !errors.As(err, &e) || m.g.Set() != before {
			r.Fatalf("refused with %v, and left revision %d of %d", err, m.g.Set().Revision(), before.Revision())
		}
		m.explain(r, changes, e)
		return
	}
	for i, result := range results {
		if result.Outcome != dry[i].Outcome {
			r.Fatalf("%s, the dry run said %s", result.Outcome, dry[i].Outcome)
		}
		m.learn(r, &changes[i], &results[i])
	}
}

// explain checks the reason of a refused single change by what a user knows.
func (m *model) explain(r *rapid.T, changes []control.Change, e *control.Error) {
	if len(changes) != 1 {
		return
	}
	c := &changes[0]
	e1 := m.live[place(c.Kind, c.Name)]
	ok := false
	switch e.Reason {
	case control.NotFound:
		ok = e1 == nil
	case control.Exists:
		ok = e1 != nil && (c.IfNoneMatch || m.live[place(c.Kind, c.Put.Key())] != nil)
	case control.Changed:
		ok = e1 != nil && c.IfMatch != e1.Revision && e.Current.Revision == e1.Revision
	case control.Invalid:
		for _, ref := range spec.Refs(c.Put) {
			ok = ok || m.live[place(ref.Kind, ref.Name)] == nil
		}
		ok = ok || c.Put.Key() != c.Name
		for _, p := range e.Problems {
			ok = ok || strings.Contains(p.Message, "in a pool once") // members holds the other way round.
		}
	}
	if !ok {
		r.Fatalf("%s %q refused with %s: %v", c.Kind, c.Name, e.Reason, e)
	}
}

// learn takes in what a change came to.
func (m *model) learn(r *rapid.T, c *control.Change, result *control.Result) {
	switch result.Outcome {
	case control.Deleted, control.Retired:
		delete(m.live, place(c.Kind, c.Name))
	case control.Unchanged:
	default:
		delete(m.live, place(c.Kind, c.Name))
		m.live[place(c.Kind, c.Put.Key())] = result.Entry
		if result.Entry.Revision <= m.revision {
			r.Fatalf("revision %d was used before", result.Entry.Revision)
		}
	}
}

// check holds the set against the model and the promises.
func (m *model) check(r *rapid.T) {
	set := m.g.Set()
	if set.Revision() < m.revision {
		r.Fatalf("revision %d after %d", set.Revision(), m.revision)
	}
	m.revision = set.Revision()
	live := 0
	for _, kind := range spec.Kinds() {
		for _, e := range set.All(kind) {
			if !e.Retired {
				live++
				if known := m.live[place(kind, e.Name())]; known == nil || known.ID != e.ID || known.Revision != e.Revision {
					r.Fatalf("%s %q is %+v, the model knows %+v", kind, e.Name(), e, known)
				}
			} else if len(set.Holders(kind, e.Name())) == 0 || !kind.Retires {
				r.Fatalf("%s %q is retired and nobody names it", kind, e.Name())
			}
			for _, ref := range e.Refs() {
				if ref.Kind != spec.Listeners && set.Get(ref.Kind, ref.Name) == nil {
					r.Fatalf("%s %q names %s %q, which is missing", kind, e.Name(), ref.Kind, ref.Name)
				}
			}
			m.once(r, e)
		}
	}
	members(r, set)
	if live != len(m.live) {
		r.Fatalf("%d live objects, the model knows %d", live, len(m.live))
	}
	m.stored(r, set)
}

// members checks that each is in its pool once.
func members(r *rapid.T, set *spec.Set) {
	taken := map[string]string{}
	for _, e := range set.All(spec.Targets) {
		o := e.Object.(*spec.Target)
		at := o.Pool + " " + o.Address
		if other := taken[at]; other != "" {
			r.Fatalf("targets %q and %q are both at %s", other, e.Name(), at)
		}
		taken[at] = e.Name()
		for k, t := range set.Get(spec.Pools, o.Pool).Object.(*spec.Pool).Targets {
			if t.Address == o.Address {
				r.Fatalf("target %q is in pool %s, which has it itself as %q", e.Name(), at, k)
			}
		}
	}
}

// once checks that a revision of an object stands for one content, but for the names that follow a rename.
func (m *model) once(r *rapid.T, e *spec.Entry) {
	plain := spec.Clone(e.Object)
	if rule, is := plain.(*spec.Rule); is {
		rule.Listener, rule.Pool, rule.Setting = "", nil, nil
	}
	if s, is := plain.(*spec.Setting); is {
		s.Probe = nil
	}
	if t, is := plain.(*spec.Target); is {
		t.Pool = ""
	}
	key := fmt.Sprint(e.Kind, e.ID, e.Revision)
	if before, found := m.contents[key]; found && !spec.Equal(before, plain) {
		r.Fatalf("revision %d of %s %q stands for two contents", e.Revision, e.Kind, e.Name())
	}
	m.contents[key] = plain
}

// stored checks that the store holds what serves.
func (m *model) stored(r *rapid.T, set *spec.Set) {
	revision, records, err := m.g.store.Load(m.g.t.Context())
	if err != nil || revision != set.Revision() {
		r.Fatalf("the store is at revision %d, %v; want %d", revision, err, set.Revision())
	}
	got := map[string]string{}
	for _, rec := range records {
		got[rec.Kind+" "+rec.Name] = line(rec)
	}
	want := map[string]string{}
	for _, kind := range spec.Kinds() {
		for _, e := range set.All(kind) {
			want[place(kind, e.Name())] = line(store.Record{ID: e.ID, Revision: e.Revision, Retired: e.Retired, Body: spec.EncodeSparse(e.Object)})
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		r.Fatalf("the store differs from what serves (-want +got):\n%s", diff)
	}
}

func line(rec store.Record) string {
	return fmt.Sprintf("%s %d %t %s", rec.ID, rec.Revision, rec.Retired, rec.Body)
}

// change draws a change, mostly one that may succeed.
func (m *model) change(r *rapid.T) control.Change {
	kind := spec.KindByName(rapid.SampledFrom([]string{"listener", "pool", "target", "probe", "setting", "rule"}).Draw(r, "kind"))
	name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "name")
	c := control.Change{Kind: kind, Name: name}
	if e := m.live[place(kind, name)]; e != nil && rapid.IntRange(0, 3).Draw(r, "conditional") > 0 {
		c.IfMatch = e.Revision
	}
	switch rapid.IntRange(0, 9).Draw(r, "action") {
	case 0, 1, 2:
		return c // A deletion.
	case 3:
		c.IfMatch += 1000
	case 4, 5:
		c.IfMatch, c.IfNoneMatch = 0, true
	}
	c.Upsert = true
	to := name
	if rapid.IntRange(0, 4).Draw(r, "rename") == 0 {
		to = rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "to")
	}
	c.Put = draw(r, kind, to)
	return c
}

func draw(r *rapid.T, kind *spec.Kind, name string) spec.Object {
	some := rapid.SampledFrom([]string{"a", "b", "c"})
	n := rapid.IntRange(1, 2).Draw(r, "content")
	switch kind {
	case spec.Listeners:
		return listener(name, n)
	case spec.Pools:
		return pool(name, fmt.Sprint("10.0.0.", n))
	case spec.Targets:
		return target(name, some.Draw(r, "pool"), fmt.Sprint("10.0.0.", n))
	case spec.Probes:
		p := probe(name)
		p.UnhealthyThreshold = n
		return p
	case spec.Settings:
		s := setting(name, rapid.SampledFrom([]string{"", "a", "b"}).Draw(r, "probe"))
		s.Retries = n
		return s
	}
	return ranked(rule(name, some.Draw(r, "listener"), some.Draw(r, "pool"), some.Draw(r, "setting")), n)
}

package control_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store/bolt"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store/memory"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// held has a first write wait in the plane, starts other writes, and lets go when all of them wait.
func held(g *gateway, writes ...func()) {
	g.plane.gate = make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() { g.must("created", create(pool("the-first"))...) })
	synctest.Wait()
	for _, w := range writes {
		group.Go(w)
		synctest.Wait() // So they wait in this order.
	}
	close(g.plane.gate)
	group.Wait()
}

func TestWaitingWritesShareACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := start(t, nil)
		const writers = 1000
		results := make([]control.Result, writers)
		var writes []func()
		for i := range writers {
			writes = append(writes, func() { results[i] = g.must("created", create(pool(fmt.Sprint("p", i)))...)[0] })
		}
		held(g, writes...)
		// The boot, the first, and the others 256 at a time.
		if g.plane.prepares != 6 || len(g.plane.published) != 6 {
			t.Errorf("%d writes took %d prepares and %d publications, want 6", writers+1, g.plane.prepares, len(g.plane.published))
		}
		seen := map[uint64]bool{}
		for _, r := range results {
			if seen[r.Entry.Revision] || r.Entry.Revision < 2 || r.Entry.Revision > writers+1 || r.Revision != r.Entry.Revision {
				t.Fatalf("revision %d, of the configuration %d", r.Entry.Revision, r.Revision)
			}
			seen[r.Entry.Revision] = true
		}
		if g.Set().Revision() != writers+1 || g.Set().Len(spec.Pools) != writers+1 {
			t.Errorf("revision %d, %d pools", g.Set().Revision(), g.Set().Len(spec.Pools))
		}
		before := uint64(0)
		for _, s := range g.plane.published {
			if s.Revision() < before {
				t.Errorf("published %d after %d", s.Revision(), before)
			}
			before = s.Revision()
		}
	})
}

func TestEachOfABatchHasItsOwnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := start(t, nil)
		g.must("created", create(listener("front", 80))...)
		g.plane.take(81, true)
		refused := func(reason control.Reason, changes ...control.Change) func() {
			return func() {
				_, err := g.Apply(t.Context(), changes)
				if e, _ := err.(*control.Error); e == nil || e.Reason != reason {
					t.Errorf("%v %q: %v, want %s", changes[0].Kind, changes[0].Name, err, reason)
				}
			}
		}
		well := func(outcomes string, changes ...control.Change) func() {
			return func() { g.must(outcomes, changes...) }
		}
		prepares := g.plane.prepares
		held(g,
			well("created", create(pool("a"))...),
			refused(control.Exists, create(pool("a"))...),
			well("created", keyed(create(pool("k"))[0], "key")),
			well("created", keyed(create(pool("k"))[0], "key")), // A repeat that overtakes the first answer.
			refused(control.Invalid, create(rule("r", "front", "nope", "nope"))...),
			// The port is found taken by the plane, so that what rests on the listener fails with it.
			refused(control.Invalid, append(create(setting("lost", "")), create(listener("second", 81))...)...),
			refused(control.Invalid, create(setting("s", ""), rule("late", "second", "a", "s"))...),
			well("updated", control.Change{Kind: spec.Pools, Name: "a", Put: pool("a", "10.0.0.1"), Upsert: true}),
			refused(control.Changed, update("front", 9, listener("front", 82))),
			well("unchanged", update("front", 1, listener("front", 80))),
		)
		g.expect("listener front", "pool a", "pool k", "pool the-first")
		if got := g.plane.prepares - prepares; got != 3 {
			t.Errorf("%d prepares, want 3: the first write, the others, and the others without the taken port", got)
		}
		if a := g.get(spec.Pools, "a"); a.Revision == g.get(spec.Pools, "k").Revision || len(a.Object.(*spec.Pool).Targets) != 1 {
			t.Errorf("pool a is %+v", a)
		}
	})
}

// TestBlameGoesByWhatWasWritten has one write rename a listener while another creates one of its old name on a port that
// is taken.
func TestBlameGoesByWhatWasWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := start(t, nil)
		g.must("created", create(listener("front", 80))...)
		g.plane.take(81, true)
		held(g,
			func() { g.must("updated", update("front", 1, listener("door", 80))) },
			func() {
				_, err := g.Apply(t.Context(), create(listener("front", 81)))
				if e, _ := err.(*control.Error); e == nil || e.Reason != control.Invalid || len(e.Problems) != 1 || e.Problems[0].Path != "port" {
					t.Errorf("a taken port: %v", err)
				}
			},
		)
		g.expect("listener door", "pool the-first")
	})
}

func TestCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := start(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		held(g, func() {
			go cancel()
			_, err := g.Apply(ctx, create(pool("late")))
			if e, _ := err.(*control.Error); e == nil || e.Reason != control.Unavailable || !errors.Is(err, context.Canceled) {
				t.Errorf("Apply: %v, want unavailable by context.Canceled", err)
			}
		})
		g.must("created", create(pool("next"))...)
		g.expect("pool next", "pool the-first")
	})
}

func TestCloseRefusesWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := start(t, nil)
		g.plane.gate = make(chan struct{})
		go g.must("created", create(pool("first"))...)
		synctest.Wait()
		var errs [3]error
		var group sync.WaitGroup
		group.Go(g.Close)
		synctest.Wait()
		for i := range errs {
			group.Go(func() { _, errs[i] = g.Apply(t.Context(), create(pool(fmt.Sprint(i)))) })
		}
		synctest.Wait()
		close(g.plane.gate)
		group.Wait()
		for i, err := range errs {
			// One that was taken before the end was seen is served.
			if e, _ := err.(*control.Error); err != nil && e.Reason != control.Unavailable || (err == nil) != (g.Set().Get(spec.Pools, fmt.Sprint(i)) != nil) {
				t.Errorf("Apply: %v", err)
			}
		}
	})
}

// TestRetry frees a port that was taken at boot.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := start(t, nil)
		g.must("created created", create(listener("front", 80), listener("back", 81))...)
		g.plane.take(80, true)
		g.restart()
		if c := g.Conditions(); len(c) != 1 || c[0].Name != "front" {
			t.Fatalf("conditions: %v", c)
		}
		published := len(g.plane.published)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if len(g.plane.published) != published || g.plane.open != 0 {
			t.Errorf("%d publications without a change, %d left open", len(g.plane.published)-published, g.plane.open)
		}
		g.plane.take(80, false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if c := g.Conditions(); len(c) != 0 || len(g.plane.published) != published+1 {
			t.Errorf("conditions: %v, %d publications", c, len(g.plane.published)-published)
		}
		prepares := g.plane.prepares
		time.Sleep(time.Hour)
		synctest.Wait()
		if g.plane.prepares != prepares {
			t.Error("it tries on although all is well")
		}
	})
}

// TestIDsAreForgotten creates an object anew after longer than any drain.
func TestIDsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := start(t, nil)
		id := g.must("created", create(pool("web"))...)[0].Entry.ID
		g.must("deleted", remove(spec.Pools, "web"))
		time.Sleep(59 * time.Minute)
		if again := g.must("created", create(pool("web"))...)[0].Entry.ID; again != id {
			t.Errorf("within the hour: id %s, want %s", again, id)
		}
		// Somebody else has the remembered id under another name.
		g.must("updated", control.Change{Kind: spec.Pools, Name: "web", Put: pool("site"), Upsert: true})
		if other := g.must("created", create(pool("web"))...)[0].Entry.ID; other == id {
			t.Error("two pools have one id")
		}
		g.must("deleted deleted", remove(spec.Pools, "web"), remove(spec.Pools, "site"))
		time.Sleep(61 * time.Minute)
		if late := g.must("created", create(pool("site"))...)[0].Entry.ID; late == id {
			t.Error("after the hour: the same id")
		}
	})
}

// A broken store fails its commits as long as it is broken. One that lies stores them nevertheless, and one that is mute
// cannot be read either.
type broken struct {
	store.Store
	mu         sync.Mutex // guards what follows
	err        error
	lies, mute bool
}

func (b *broken) set(err error, mute bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err, b.mute = err, mute
}

func (b *broken) Commit(ctx context.Context, base, next uint64, puts []store.Record, deletes []store.Ref) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil && !b.lies {
		return b.err
	}
	return cmp.Or(b.Store.Commit(ctx, base, next, puts, deletes), b.err)
}

func (b *broken) Load(ctx context.Context) (uint64, []store.Record, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mute {
		return 0, nil, errors.New("input/output error")
	}
	return b.Store.Load(ctx)
}

func TestFailedCommitChangesNothing(t *testing.T) {
	s := &broken{Store: memory.Open()}
	g := start(t, s)
	g.must("created created", create(pool("web"), listener("front", 80))...)
	full := errors.New("no space left on device")
	s.set(full, false)
	for _, c := range []control.Change{create(pool("new"))[0], update("web", 1, pool("site")), remove(spec.Pools, "web")} {
		err := g.refused(control.Unavailable, keyed(c, c.Name))
		if !errors.Is(err, full) {
			t.Errorf("the cause is %v", errors.Unwrap(err))
		}
	}
	g.must("unchanged", update("web", 1, pool("web")))
	s.set(nil, false)
	g.must("created", keyed(create(pool("new"))[0], "new"))
	g.expect("listener front", "pool new", "pool web")
	g.restart()
	g.expect("listener front", "pool new", "pool web")
}

// TestCommitThatFailsAndIsThere has the store fail after it stored.
func TestCommitThatFailsAndIsThere(t *testing.T) {
	s := &broken{Store: memory.Open()}
	g := start(t, s)
	g.must("created created", create(pool("web"), listener("front", 80))...)
	s.lies = true
	s.set(errors.New("input/output error"), false)
	g.must("updated", update("web", 1, pool("web", "10.0.0.1")))
	g.must("deleted created", append([]control.Change{remove(spec.Listeners, "front")}, create(pool("new"))...)...)
	g.expect("pool new", "pool web")
	g.restart()
	g.expect("pool new", "pool web")
	if g.Set().Revision() != 3 {
		t.Errorf("revision %d, want 3", g.Set().Revision())
	}
}

// TestCommitInDoubt has the store fail and not say what it holds. Once it can be read, what it holds serves.
func TestCommitInDoubt(t *testing.T) {
	for _, there := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := &broken{Store: memory.Open(), lies: there}
			g := start(t, s)
			s.set(errors.New("input/output error"), true)
			err := g.refused(control.Unavailable, keyed(create(pool("web"))[0], "k"))
			if strings.Contains(err.Message, "nothing was changed") {
				t.Errorf("the message claims to know: %s", err.Message)
			}
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			s.set(nil, false)
			time.Sleep(time.Minute)
			synctest.Wait()
			if found := g.Set().Get(spec.Pools, "web") != nil; found != there || g.plane.last() != g.Set() {
				t.Errorf("the store holds the pool: %v, the gateway serves it: %v", there, found)
			}
			g.must("created", keyed(create(pool("web"))[0], "k"))
			g.expect("pool web")
			if g.Set().Revision() != 1 {
				t.Errorf("revision %d, want 1", g.Set().Revision())
			}
		})
	}
}

// TestTwoWriters has two controllers share a store, as two nodes do.
func TestTwoWriters(t *testing.T) {
	shared := memory.Open()
	a, b := start(t, shared), start(t, shared)
	a.must("created", create(pool("a"))...)
	b.must("created", create(pool("b"))...)
	b.expect("pool a", "pool b")
	if b.get(spec.Pools, "b").Revision != 2 {
		t.Errorf("revision %d, want 2", b.get(spec.Pools, "b").Revision)
	}
	var group sync.WaitGroup
	for i, g := range []*gateway{a, b} {
		group.Go(func() {
			for n := range 20 {
				g.must("created", create(pool(fmt.Sprint(i, "-", n)))...)
			}
		})
	}
	group.Wait()
	a.must("created", create(pool("last"))...)
	if n := a.Set().Len(spec.Pools); n != 43 {
		t.Errorf("%d pools, want 43", n)
	}
}

func TestBootWithBrokenRecords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatewayd.db")
	s, err := bolt.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	record := func(kind, name, body string) store.Record {
		return store.Record{Kind: kind, Name: name, ID: "id-" + name, Revision: 3, Body: []byte(body)}
	}
	newer := record("pool", "newer", `{"name":"newer","targets":["telepathy"]}`)
	records := []store.Record{
		record("pool", "web", `{"name":"web"}`), newer,
		record("hologram", "x", `{}`),
		record("pool", "liar", `{"name":"other"}`),
		record("listener", "front", `{"name":"front","port":70000}`),
		record("rule", "all", `{"name":"all","listener":"front","pool":"newer","setting":"plain"}`),
		{Kind: "setting", Name: "plain", ID: "id-plain", Revision: 2, Retired: true, Body: []byte(`{"name":"plain"}`)},
		{Kind: "pool", Name: "future", ID: "f", Revision: 9, Body: []byte(`{"name":"future"}`)},
	}
	if err := s.Commit(t.Context(), 0, 3, records, nil); err != nil {
		t.Fatal(err)
	}
	g := start(t, s)
	g.expect("listener front", "pool web", "(setting plain)", "rule all")
	var got []string
	for _, c := range g.Conditions() {
		got = append(got, c.Kind.Name+" "+c.Name+" "+c.Path)
	}
	want := []string{"hologram x ", "listener front port", "pool future ", "pool liar ", "pool newer ", "rule all pool"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("conditions of %q, want %q", got, want)
	}
	// What cannot be read is neither written over nor lost.
	g.refused(control.Conflict, create(pool("newer"))...)
	g.refused(control.Conflict, update("web", 3, pool("newer")))
	g.must("created", create(pool("fine"))...)
	_, left, err := s.Load(t.Context())
	if err != nil || len(left) != len(records)+1 {
		t.Errorf("the store holds %d records, want %d; %v", len(left), len(records)+1, err)
	}
	// It goes when somebody deletes it, or repairs what was written.
	g.refused(control.Changed, control.Change{Kind: spec.Pools, Name: "newer", IfMatch: 2})
	g.must("deleted created", append([]control.Change{remove(spec.Pools, "newer")}, create(pool("newer"))...)...)
	g.must("updated", update("front", 3, listener("front", 80)))
	if c := g.Conditions(); len(c) != 3 {
		t.Errorf("conditions: %v", c)
	}
}

// TestStepBack boots an older version on what a newer one stored: fields that it does not know are told and kept, and the
// rest serves.
func TestStepBack(t *testing.T) {
	s := memory.Open()
	record := func(kind, name, body string) store.Record {
		return store.Record{Kind: kind, Name: name, ID: "id-" + name, Revision: 3, Body: []byte(body)}
	}
	front := record("listener", "front", `{"name":"front","port":80,"quic":{"0rtt":true},"drain_timeout":"7s"}`)
	if err := s.Commit(t.Context(), 0, 3, []store.Record{
		front, record("pool", "web", `{"name":"web","mood":"<b>"}`), record("setting", "plain", `{"name":"plain"}`),
		record("rule", "all", `{"name":"all","listener":"front","pool":"web","setting":"plain","weather":"rain"}`),
	}, nil); err != nil {
		t.Fatal(err)
	}
	g := start(t, s)
	g.expect("listener front", "pool web", "setting plain", "rule all")
	if l := g.get(spec.Listeners, "front").Object.(*spec.Listener); l.Port != 80 || l.DrainTimeout != "7s" {
		t.Errorf("the listener is %+v", l)
	}
	conditions := func(want ...string) {
		t.Helper()
		var got []string
		for _, c := range g.Conditions() {
			got = append(got, c.Name+" "+c.Path)
		}
		if !slices.Equal(got, want) {
			t.Errorf("conditions of %q, want %q", got, want)
		}
	}
	conditions("front quic", "web mood", "all weather")
	// A rename that the rule follows, a retirement and an equal write leave what is not known where it is.
	g.must("updated", update("plain", 3, setting("simple", "")))
	g.must("retired", remove(spec.Pools, "web"))
	g.must("unchanged", update("front", 3, g.get(spec.Listeners, "front").Object))
	stored := func() map[string]string {
		t.Helper()
		_, records, err := s.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		bodies := map[string]string{}
		for _, r := range records {
			bodies[r.Name] = string(r.Body)
		}
		return bodies
	}
	want := map[string]string{
		"front": string(front.Body), "simple": `{"name":"simple"}`, "web": `{"mood":"\u003cb\u003e","name":"web"}`,
		"all": `{"listener":"front","name":"all","pool":"web","setting":"simple","weather":"rain"}`,
	}
	if diff := gocmp.Diff(want, stored()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	g.restart()
	conditions("front quic", "web mood", "all weather")
	// A write is of what this version knows.
	g.must("updated", update("front", 3, listener("front", 80)))
	conditions("web mood", "all weather")
	if body := stored()["front"]; body != `{"name":"front","port":80}` {
		t.Errorf("stored: %s", body)
	}
}

func TestOpenFails(t *testing.T) {
	s := memory.Open()
	s.Close()
	if _, err := control.Open(t.Context(), control.Config{Store: s, Plane: &plane{}}); err == nil {
		t.Error("Open succeeded on a closed store")
	}
}

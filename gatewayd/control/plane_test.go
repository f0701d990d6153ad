package control_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store/memory"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A plane serves nothing; it notes what it was told to serve. Ports may be taken, as on a real machine.
type plane struct {
	mu        sync.Mutex // guards what follows
	taken     map[int]bool
	reason    string // why ports are taken
	prepares  int
	at        []time.Time // when each was
	open      int         // prepared, and neither published nor discarded
	published []*spec.Set
	gate      chan struct{} // where not nil, Prepare waits for it
}

func (p *plane) Prepare(next *spec.Set, lenient bool) (control.Prepared, []control.ObjectProblem) {
	if p.gate != nil {
		<-p.gate
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.prepares++
	p.at = append(p.at, time.Now())
	var problems []control.ObjectProblem
	for _, e := range next.All(spec.Listeners) {
		if port := e.Object.(*spec.Listener).Port; p.taken[port] {
			problems = append(problems, control.ObjectProblem{
				Kind: spec.Listeners, Name: e.Name(), Transient: true,
				Problem: spec.Problem{Path: "port", Message: fmt.Sprintf("is taken: %d%s", port, p.reason)},
			})
		}
	}
	if len(problems) > 0 && !lenient {
		return nil, problems
	}
	p.open++
	return &prepared{p, next}, append(problems, p.Inspect(next)...)
}

// Inspect finds that rules of one priority are tied.
func (p *plane) Inspect(next *spec.Set) []control.ObjectProblem {
	var problems []control.ObjectProblem
	first := map[int]string{}
	for _, e := range next.All(spec.Rules) {
		priority := e.Object.(*spec.Rule).Priority
		if priority == nil {
			continue
		}
		if holder, tie := first[*priority]; tie {
			problems = append(problems, control.ObjectProblem{Kind: spec.Rules, Name: e.Name(), Problem: spec.Problem{Path: "priority", Message: "is also that of " + holder}})
			continue
		}
		first[*priority] = e.Name()
	}
	return problems
}

func (p *plane) take(port int, taken bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken[port] = taken
}

func (p *plane) last() *spec.Set {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.published[len(p.published)-1]
}

type prepared struct {
	plane *plane
	set   *spec.Set
}

func (p *prepared) Publish() {
	p.plane.mu.Lock()
	defer p.plane.mu.Unlock()
	p.plane.open--
	p.plane.published = append(p.plane.published, p.set)
}

func (p *prepared) Discard() {
	p.plane.mu.Lock()
	defer p.plane.mu.Unlock()
	p.plane.open--
}

// A gateway is a controller with what it works on.
type gateway struct {
	*control.Controller
	t     testing.TB
	plane *plane
	store store.Store
}

// start opens a controller on a store; nil is an empty one in memory.
func start(t testing.TB, s store.Store) *gateway {
	t.Helper()
	if s == nil {
		s = memory.Open()
	}
	g := &gateway{t: t, store: s, plane: &plane{taken: map[int]bool{}}}
	g.open()
	t.Cleanup(func() { g.Close() })
	return g
}

func (g *gateway) open() {
	g.t.Helper()
	c, err := control.Open(g.t.Context(), control.Config{Store: g.store, Plane: g.plane, Log: slog.New(slog.DiscardHandler), Retry: time.Minute})
	if err != nil {
		g.t.Fatalf("Open: %v", err)
	}
	g.Controller = c
}

// restart closes the controller and opens another one on the same store.
func (g *gateway) restart() {
	g.t.Helper()
	g.Close()
	g.open()
}

// create makes changes that create.
func create(objects ...spec.Object) []control.Change {
	var changes []control.Change
	for _, o := range objects {
		changes = append(changes, control.Change{Kind: spec.KindOf(o), Name: o.Key(), Put: o, IfNoneMatch: true})
	}
	return changes
}

func update(name string, revision uint64, o spec.Object) control.Change {
	return control.Change{Kind: spec.KindOf(o), Name: name, Put: o, IfMatch: revision}
}

func remove(kind *spec.Kind, name string) control.Change {
	return control.Change{Kind: kind, Name: name}
}

func keyed(c control.Change, key string) control.Change {
	c.Key = key
	return c
}

// must applies changes, each of which comes to an outcome.
func (g *gateway) must(outcomes string, changes ...control.Change) []control.Result {
	g.t.Helper()
	results, err := g.Apply(g.t.Context(), changes)
	if err != nil {
		g.t.Fatalf("Apply: %v", err)
	}
	var got []string
	for _, r := range results {
		got = append(got, r.Outcome)
	}
	if want := strings.Fields(outcomes); !slices.Equal(got, want) {
		g.t.Fatalf("Apply: outcomes %v, want %v", got, want)
	}
	// Another write may be published between the two looks.
	if set, last := g.Set(), g.plane.last(); last.Revision() < set.Revision() || last.Revision() == set.Revision() && last != set {
		g.t.Fatalf("Apply: the plane serves revision %d, the controller says %d", last.Revision(), set.Revision())
	}
	return results
}

// refused applies a change that must fail, and leave nothing behind.
func (g *gateway) refused(reason control.Reason, changes ...control.Change) *control.Error {
	g.t.Helper()
	before := g.Set()
	_, err := g.Apply(g.t.Context(), changes)
	return g.expectRefused(reason, before, err)
}

func (g *gateway) expectRefused(reason control.Reason, before *spec.Set, err error) *control.Error {
	g.t.Helper()
	e, _ := err.(*control.Error)
	if e == nil || e.Reason != reason {
		g.t.Fatalf("Apply: %v, want an error of reason %s", err, reason)
	}
	if g.Set() != before {
		g.t.Errorf("a refused change left revision %d", g.Set().Revision())
	}
	if g.plane.open != 0 {
		g.t.Errorf("%d prepared configurations are left", g.plane.open)
	}
	return e
}

// expect compares what there is: "kind name" by kind, retired ones in parentheses.
func (g *gateway) expect(want ...string) {
	g.t.Helper()
	if got := describe(g.Set()); !slices.Equal(got, want) {
		g.t.Errorf("there are %q, want %q", got, want)
	}
}

func describe(s *spec.Set) []string {
	var all []string
	for _, k := range spec.Kinds() {
		for _, e := range s.All(k) {
			word := k.Name + " " + e.Name()
			if e.Retired {
				word = "(" + word + ")"
			}
			all = append(all, word)
		}
	}
	return all
}

func (g *gateway) get(kind *spec.Kind, name string) *spec.Entry {
	g.t.Helper()
	e := g.Set().Get(kind, name)
	if e == nil {
		g.t.Fatalf("there is no %s %q", kind, name)
	}
	return e
}

func listener(name string, port int) *spec.Listener {
	l := spec.Listeners.New().(*spec.Listener)
	l.Name, l.Port = name, port
	return l
}

func pool(name string, addresses ...string) *spec.Pool {
	p := spec.Pools.New().(*spec.Pool)
	p.Name = name
	for i, a := range addresses {
		if p.Targets == nil {
			p.Targets = map[string]spec.PoolTarget{}
		}
		p.Targets[fmt.Sprint("t", i)] = spec.PoolTarget{Address: a, Weight: 1}
	}
	return p
}

func probe(name string) *spec.Probe {
	p := spec.Probes.New().(*spec.Probe)
	p.Name = name
	host := "example.com"
	p.Host = &host
	return p
}

func setting(name, probe string) *spec.Setting {
	s := spec.Settings.New().(*spec.Setting)
	s.Name = name
	if probe != "" {
		s.Probe = &probe
	}
	return s
}

func patient(s *spec.Setting) *spec.Setting {
	s.RequestTimeout = "1h"
	return s
}

func rule(name, listener, pool, setting string) *spec.Rule {
	return &spec.Rule{Name: name, Listener: listener, Pool: &pool, Setting: &setting}
}

func ranked(r *spec.Rule, priority int) *spec.Rule {
	r.Priority = &priority
	return r
}

// shop is a whole small gateway, created in one apply at revision 1.
func shop(t testing.TB) *gateway {
	g := start(t, nil)
	g.must("created created created created created", create(
		listener("front", 80), pool("web", "10.0.0.1"), probe("ping"), setting("plain", "ping"), rule("all", "front", "web", "plain"),
	)...)
	return g
}

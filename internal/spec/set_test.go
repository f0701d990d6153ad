package spec

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestDraftPutsAndRemoves(t *testing.T) {
	var empty *Set
	if empty.Revision() != 0 || empty.Len(Pools) != 0 || empty.Get(Pools, "a") != nil || empty.All(Pools) != nil ||
		empty.Holders(Pools, "a") != nil || empty.ByID(Pools, "1") != nil || empty.Live(Pools, "a") != nil {
		t.Error("the nil set is not empty")
	}
	d := empty.Draft(7)
	pool := NewEntry("id-p", 7, decode(t, Pools, ""))
	rule := NewEntry("id-r", 7, decode(t, Rules, ""))
	d.Put(pool)
	d.Put(rule)
	s := d.Finish()
	if s.Revision() != 7 || s.Get(Pools, "p") != pool || s.ByID(Rules, "id-r") != rule || s.Len(Pools) != 1 {
		t.Errorf("want what was put, got %v", describe(s))
	}
	if holders := s.Holders(Pools, "p"); !slices.Equal(holders, []*Entry{rule}) {
		t.Errorf("want the rule to hold the pool, got %v", holders)
	}

	d = s.Draft(8)
	d.Put(pool.Retire())
	d.Remove(Rules, "r")
	d.Remove(Rules, "never there")
	next := d.Finish()
	if next.Live(Pools, "p") != nil || !next.Get(Pools, "p").Retired || len(next.Holders(Pools, "p")) != 0 || next.Revision() != 8 {
		t.Errorf("want a retired pool that nobody holds, got %v", describe(next))
	}
	if s.Live(Pools, "p") != pool || len(s.Holders(Pools, "p")) != 1 || s.Revision() != 7 {
		t.Errorf("the base was changed: %v", describe(s))
	}
	if len(next.holders) != 0 {
		t.Errorf("nothing is held any more, and %v is kept of it", next.holders)
	}
}

func TestEntryFollowsARename(t *testing.T) {
	before := NewEntry("id", 3, decode(t, Rules, ""))
	after := before.Follow(Pools, "p", "web")
	if got := after.Object.(*Rule).Pool; *got != "web" || after.Revision != 3 || after.ID != "id" {
		t.Errorf("want pool web at revision 3, got %q at %d", *got, after.Revision)
	}
	if *before.Object.(*Rule).Pool != "p" {
		t.Error("the entry before was changed")
	}
	want := []Ref{{Listeners, "l", "listener"}, {Pools, "web", "pool"}, {Settings, "s", "setting"}}
	if !slices.Equal(after.Refs(), want) {
		t.Errorf("want references %v, got %v", want, after.Refs())
	}
	// A listener of the same name is another object.
	if other := before.Follow(Pools, "l", "x"); !Equal(other.Object, before.Object) {
		t.Error("a rename of a pool changed the name of a listener")
	}
	// Through a pointer.
	setting := NewEntry("s", 1, decode(t, Settings, `"probe":"old"`))
	if got := *setting.Follow(Probes, "old", "new").Object.(*Setting).Probe; got != "new" || *setting.Object.(*Setting).Probe != "old" {
		t.Errorf("want probe new and the one before untouched, got %q", got)
	}
}

// TestNamesInLists: what a list names is a reference like any other.
func TestNamesInLists(t *testing.T) {
	l := NewEntry("l", 1, decode(t, Listeners, `"protocol":"https","certificates":["a","b"]`))
	if want := []Ref{{Certificates, "a", "certificates[0]"}, {Certificates, "b", "certificates[1]"}}; !slices.Equal(l.Refs(), want) {
		t.Errorf("want references %v, got %v", want, l.Refs())
	}
	after := l.Follow(Certificates, "b", "new").Object.(*Listener)
	if got := after.Certificates; !slices.Equal(got, []string{"a", "new"}) || l.Object.(*Listener).Certificates[1] != "b" {
		t.Errorf("behind a rename the certificates are %v", got)
	}
}

// was is for an entry that is the only one to change: its earlier version, or nil.
func was(before *Entry) func(*Entry) *Entry { return func(*Entry) *Entry { return before } }

func TestCheckRefs(t *testing.T) {
	d := (*Set)(nil).Draft(1)
	for _, o := range []Object{decode(t, Listeners, ""), decode(t, Settings, ""), decode(t, Probes, `"host_from_setting":true`)} {
		d.Put(NewEntry(o.Key(), 1, o))
	}
	d.Put(NewEntry("p", 1, decode(t, Pools, "")).Retire())
	s := d.Finish()

	rule := NewEntry("r", 2, decode(t, Rules, `"setting":"missing"`))
	want := []string{
		`pool: names pool "p", which was deleted and only still serves those that named it before`,
		`setting: names setting "missing", which does not exist`,
	}
	if got := s.CheckRefs(rule, was(nil)).Error(); got != strings.Join(want, "; ") {
		t.Errorf("a new rule: want %v, got %v", want, got)
	}
	if got := s.CheckRefs(rule, was(rule)).Error(); got != want[1] {
		t.Errorf("a rule that named the retired pool before: want %v, got %v", want[1], got)
	}
	hostless := NewEntry("s2", 2, decode(t, Settings, `"name":"s2","probe":"h"`))
	if ps := s.CheckRefs(hostless, was(nil)); len(ps) != 1 || ps[0].Path != "probe" || len(ps[0].Needs) != 2 {
		t.Errorf("a setting without host for a probe that takes it from there: %+v", ps)
	}
	for _, host := range []string{`"host":"a.example"`, `"host_from_target":true`} {
		if ps := s.CheckRefs(NewEntry("s2", 2, decode(t, Settings, `"name":"s2","probe":"h",`+host)), was(nil)); ps != nil {
			t.Errorf("%s: %v", host, ps)
		}
	}
}

// TestAProbeMayTurnToSettingsWithoutHost: it is written before them where both change, so it is told of and not refused.
func TestAProbeMayTurnToSettingsWithoutHost(t *testing.T) {
	d := (*Set)(nil).Draft(1)
	plain := NewEntry("h", 1, decode(t, Probes, ""))
	hostless := NewEntry("s", 1, decode(t, Settings, `"probe":"h"`))
	d.Put(plain)
	d.Put(hostless)
	d.Put(NewEntry("s2", 1, decode(t, Settings, `"name":"s2","probe":"h"`)).Retire())
	d.Put(NewEntry("s3", 1, decode(t, Settings, `"name":"s3","probe":"h","host_from_target":true`)))
	d = d.Finish().Draft(2)
	again := NewEntry("h", 2, decode(t, Probes, `"host_from_setting":true`))
	d.Put(again)
	s := d.Finish()
	if ps := s.CheckRefs(again, was(plain)); ps != nil {
		t.Errorf("want the probe taken, got %v", ps)
	}
	if ps := s.HostConditions(again); len(ps) != 1 || ps[0].Path != "host_from_setting" || !strings.Contains(ps[0].Message, `"s"`) {
		t.Errorf("want to be told of the setting without host and of no other, got %v", ps)
	}
	for _, e := range []*Entry{plain, hostless} {
		if ps := s.HostConditions(e); ps != nil {
			t.Errorf("%s: %v", e.Kind, ps)
		}
	}
	d = s.Draft(3)
	d.Put(NewEntry("s", 3, decode(t, Settings, `"probe":"h","host":"a.example"`)))
	if ps := d.Finish().HostConditions(again); ps != nil {
		t.Errorf("the setting has a host now, and still %v", ps)
	}
}

func TestEqual(t *testing.T) {
	for _, c := range []struct {
		kind *Kind
		a, b string
		want bool
	}{
		{Rules, `"match":{"hostnames":["a","b"]}`, `"match":{"hostnames":["b","a"]}`, true},
		{Rules, `"match":null`, `"match":{}`, false},
		{Listeners, `"hostnames":null`, `"hostnames":[]`, false},
		{Listeners, `"header_timeout":"60s"`, `"header_timeout":"1m"`, false},
		{Probes, `"match":{"statuses":["200","204"]}`, `"match":{"statuses":["204","200"]}`, false},
		{Pools, `"targets":{"a":{"address":"::1"}}`, `"targets":{"a":{"address":"::1","weight":1}}`, true},
		{Settings, `"port":80`, `"port":null`, false},
	} {
		a, b := decode(t, c.kind, c.a), decode(t, c.kind, c.b)
		if Equal(a, b) != c.want || Equal(b, a) != c.want {
			t.Errorf("%s: %s and %s: want equal %v", c.kind, c.a, c.b, c.want)
		}
		if !Equal(a, Clone(a)) || cmp.Diff(a, Clone(a)) != "" {
			t.Errorf("%s: %s is not equal to its copy", c.kind, c.a)
		}
	}
	if Equal(decode(t, Pools, ""), decode(t, Probes, `"name":"p"`)) {
		t.Error("objects of different kinds are equal")
	}
}

// TestCloneSharesNothing: writing to a copy never reaches the original.
func TestCloneSharesNothing(t *testing.T) {
	pool := decode(t, Pools, `"targets":{"a":{"address":"::1","port":1}}`).(*Pool)
	copied := Clone(pool).(*Pool)
	*copied.Targets["a"].Port = 2
	delete(copied.Targets, "a")
	if len(pool.Targets) != 1 || *pool.Targets["a"].Port != 1 {
		t.Errorf("the original was changed: %+v", pool)
	}
	rule := decode(t, Rules, `"match":{"paths":["/a"]}`).(*Rule)
	Clone(rule).(*Rule).Match.Paths[0] = "/b"
	if rule.Match.Paths[0] != "/a" {
		t.Error("the original was changed")
	}
}

// TestDraftsAreValues: whatever a chain of drafts does, each set agrees with a plain model of it, and no later draft
// changes an earlier set.
func TestDraftsAreValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sets []*Set
		var told []string
		current, model := (*Set)(nil), map[string]*Entry{}
		for revision := range uint64(rapid.IntRange(1, 8).Draw(t, "drafts")) {
			d := current.Draft(revision + 1)
			for range rapid.IntRange(0, 12).Draw(t, "steps") {
				step(t, d, model)
			}
			current = d.Finish()
			agree(t, current, model)
			sets, told = append(sets, current), append(told, describe(current))
		}
		for i, s := range sets {
			if now := describe(s); now != told[i] {
				t.Fatalf("set %d was\n%s\nand became\n%s", i, told[i], now)
			}
		}
	})
}

// step puts, follows, retires or removes one object in the draft and in the model.
func step(t *rapid.T, d *Draft, model map[string]*Entry) {
	kind := rapid.SampledFrom(Kinds()).Draw(t, "kind")
	name := rapid.SampledFrom([]string{"a", "b", "c"})
	o := kind.New()
	eachName(o, func() string { return name.Draw(t, "name") })
	e := NewEntry(fmt.Sprint(kind, rapid.IntRange(0, 99).Draw(t, "id")), rapid.Uint64().Draw(t, "revision"), o)
	at := kind.Name + " " + o.Key()
	switch rapid.SampledFrom([]string{"put", "put", "remove", "retire", "follow"}).Draw(t, "step") {
	case "put":
		d.Put(e)
		model[at] = e
	case "remove":
		d.Remove(kind, o.Key())
		delete(model, at)
	case "retire":
		if old := model[at]; old != nil {
			model[at] = old.Retire()
			d.Put(model[at])
		}
	case "follow":
		if old := model[at]; old != nil && len(old.Refs()) > 0 {
			r := old.Refs()[0]
			model[at] = old.Follow(r.Kind, r.Name, name.Draw(t, "to"))
			d.Put(model[at])
		}
	}
}

// eachName sets the object's name and what it must name.
func eachName(o Object, draw func() string) {
	switch o := o.(type) {
	case *Listener:
		o.Name = draw()
	case *Pool:
		o.Name = draw()
	case *Probe:
		o.Name = draw()
	case *Target:
		o.Name, o.Pool, o.Address = draw(), draw(), "10.0.0."+map[string]string{"a": "1", "b": "2", "c": "3"}[draw()]
	case *Setting:
		probe := draw()
		o.Name, o.Probe = draw(), &probe
	case *Rule:
		o.Name, o.Listener, o.Pool, o.Setting = draw(), draw(), new(draw()), new(draw())
	}
}

func agree(t *rapid.T, s *Set, model map[string]*Entry) {
	holders := map[string][]string{}
	for at, e := range model {
		if got := s.Get(e.Kind, e.Name()); got != e {
			t.Fatalf("%s: want %v, got %v", at, e, got)
		}
		for _, r := range e.Refs() {
			to := r.Kind.Name + " " + r.Name
			if !slices.Contains(holders[to], at) {
				holders[to] = append(holders[to], at)
			}
		}
	}
	places := map[place][]string{}
	for _, e := range model {
		if at, ok := placeOf(e); ok {
			places[at] = append(places[at], e.Name())
		}
	}
	if len(places) != len(s.places) {
		t.Fatalf("want %d places taken, got %v", len(places), s.places)
	}
	for at, names := range places {
		if got := slices.Sorted(slices.Values(s.places[at])); !slices.Equal(got, slices.Sorted(slices.Values(names))) {
			t.Fatalf("at %v: want targets %v, got %v", at, names, got)
		}
	}
	for _, k := range Kinds() {
		want := 0
		for _, e := range model {
			if e.Kind == k {
				want++
			}
		}
		if s.Len(k) != want || len(s.All(k)) != want {
			t.Fatalf("%s: want %d objects, got %d and %v", k, want, s.Len(k), s.All(k))
		}
		for _, name := range []string{"a", "b", "c"} {
			var got []string
			for _, h := range s.Holders(k, name) {
				got = append(got, h.Kind.Name+" "+h.Name())
			}
			slices.Sort(got)
			want := slices.Sorted(slices.Values(holders[k.Name+" "+name]))
			if !slices.Equal(got, want) {
				t.Fatalf("holders of %s %s: want %v, got %v", k, name, want, got)
			}
		}
	}
}

// describe writes everything that a set tells.
func describe(s *Set) string {
	var b strings.Builder
	fmt.Fprintf(&b, "revision %d\n", s.Revision())
	for _, k := range Kinds() {
		for _, e := range s.All(k) {
			fmt.Fprintf(&b, "%s %s %d %v %s held by", k, e.ID, e.Revision, e.Retired, Encode(e.Object))
			for _, h := range s.Holders(k, e.Name()) {
				fmt.Fprintf(&b, " %s/%s", h.Kind, h.Name())
			}
			b.WriteByte('\n')
		}
	}
	for _, ref := range slices.SortedFunc(maps.Keys(s.holders), func(a, b Ref) int {
		return strings.Compare(a.Kind.Name+" "+a.Name, b.Kind.Name+" "+b.Name)
	}) {
		fmt.Fprintf(&b, "%s %s has %d kinds of holders\n", ref.Kind, ref.Name, len(s.holders[ref]))
	}
	return b.String()
}

func BenchmarkDraftOfOneRuleAmong10000(b *testing.B) {
	d := (*Set)(nil).Draft(1)
	for i := range 10000 {
		rule := Rules.New().(*Rule)
		rule.Name, rule.Listener, rule.Pool, rule.Setting = fmt.Sprint("r", i), "l", new(fmt.Sprint("p", i%100)), new("s")
		d.Put(NewEntry(rule.Name, 1, rule))
	}
	s := d.Finish()
	e := NewEntry("new", 2, decode(b, Rules, ""))
	b.ReportAllocs()
	for b.Loop() {
		d := s.Draft(2)
		d.Put(e)
		d.Finish()
	}
}

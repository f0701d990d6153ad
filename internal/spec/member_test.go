package spec

import (
	"strings"
	"testing"
)

// TestAMemberIsInAPoolOnce: whichever way it came in, and whichever of the two is written last.
func TestAMemberIsInAPoolOnce(t *testing.T) {
	base := func() *Draft {
		d := (*Set)(nil).Draft(1)
		d.Put(NewEntry("1", 1, decode(t, Pools, `"targets":{"own":{"address":"10.0.0.1","port":80},"dns":{"address":"a.example"},"sock":{"address":"unix:/run/a"}}`)))
		d.Put(NewEntry("2", 1, decode(t, Pools, `"name":"q"`)))
		d.Put(NewEntry("3", 1, decode(t, Targets, `"name":"first","address":"10.0.0.2"`)))
		return d
	}
	for _, c := range []struct {
		kind        *Kind
		in          string
		path, words string // empty where it is fine
	}{
		{Targets, `"address":"10.0.0.1","port":80`, "address", `is the address and port of target "own" of pool "p" itself already`},
		{Targets, `"address":"A.EXAMPLE"`, "address", `target "dns"`},
		{Targets, `"address":"unix:/run/a"`, "address", `target "sock"`},
		{Targets, `"address":"10.0.0.2"`, "address", `gatewayd_target "first" in pool "p" already`},
		{Targets, `"address":"10.0.0.1"`, "", ""}, // The setting's port, whatever it is.
		{Targets, `"address":"10.0.0.1","port":81`, "", ""},
		{Targets, `"address":"10.0.0.1","port":80,"pool":"q"`, "", ""},
		{Targets, `"address":"10.0.0.2","pool":"q"`, "", ""},
		{Targets, `"name":"first","address":"10.0.0.2","weight":3`, "", ""},
		{Pools, `"targets":{"a":{"address":"10.0.0.2"}}`, `targets["a"].address`, `gatewayd_target "first", which is a member of the pool already`},
		{Pools, `"targets":{"a":{"address":"10.0.0.2","port":1}}`, "", ""},
		{Pools, `"name":"q","targets":{"a":{"address":"10.0.0.2"}}`, "", ""},
	} {
		d := base()
		e := NewEntry("x", 2, decode(t, c.kind, c.in))
		before := d.Get(c.kind, e.Name())
		d.Put(e)
		ps := d.CheckRefs(e, changed(e, before))
		switch {
		case c.path == "" && len(ps) > 0:
			t.Errorf("%s with %s: want no problem, got %v", c.kind, c.in, ps)
		case c.path != "" && (len(ps) != 1 || ps[0].Path != c.path || !strings.Contains(ps[0].Message, c.words) || len(ps[0].Needs) == 0):
			t.Errorf("%s with %s: want a problem at %s saying %q, got %v", c.kind, c.in, c.path, c.words, ps)
		}
	}
	d := base()
	d.Remove(Targets, "first")
	e := NewEntry("x", 2, decode(t, Targets, `"address":"10.0.0.2"`))
	d.Put(e)
	if ps := d.CheckRefs(e, changed(e, nil)); ps != nil {
		t.Errorf("the place of a target that is gone: %v", ps)
	}
}

// changed says that an entry is the only one to change, and was another or nothing before.
func changed(e, before *Entry) func(*Entry) *Entry {
	return func(x *Entry) *Entry {
		if x == e {
			return before
		}
		return x
	}
}

// TestPlacesThatMeet changes a set and tells where, and of whom, it is told that two members have one place.
func TestPlacesThatMeet(t *testing.T) {
	set := func(d *Draft, kind *Kind, id, in string) *Entry {
		e := NewEntry(id, 2, decode(t, kind, in))
		d.Put(e)
		return e
	}
	for _, c := range []struct {
		name   string
		stored map[string]string // targets by name
		change func(d *Draft) *Entry
		want   string // paths of problems
	}{
		{"a pool of another name", map[string]string{"ta": `"address":"10.0.0.1"`, "tq": `"pool":"q","address":"10.0.0.2"`}, func(d *Draft) *Entry {
			return set(d, Pools, "p", `"name":"q"`)
		}, ""},
		{"targets meet at a name", map[string]string{"ta": `"address":"10.0.0.1"`, "tq": `"pool":"q","address":"10.0.0.1"`}, func(d *Draft) *Entry {
			return set(d, Pools, "p", `"name":"q"`)
		}, "name"},
		{"a target meets the pool's own at a name", map[string]string{"tq": `"pool":"q","address":"10.0.0.9"`}, func(d *Draft) *Entry {
			return set(d, Pools, "p", `"name":"q","targets":{"own":{"address":"10.0.0.9"}}`)
		}, "name"},
		{"a target meets a new one of the pool's own", map[string]string{"tq": `"pool":"q","address":"10.0.0.1"`}, func(d *Draft) *Entry {
			return set(d, Pools, "p", `"name":"q","targets":{"own":{"address":"10.0.0.1"}}`)
		}, `targets["own"].address`},
		{"those that were together move together", map[string]string{"ta": `"address":"10.0.0.9"`, "tb": `"address":"10.0.0.9"`}, func(d *Draft) *Entry {
			return set(d, Pools, "p", `"name":"q","targets":{"own":{"address":"10.0.0.9"}}`)
		}, ""},
		{"one comes to those that move together", map[string]string{"ta": `"address":"10.0.0.9"`, "tb": `"address":"10.0.0.9"`, "tq": `"pool":"q","address":"10.0.0.9"`}, func(d *Draft) *Entry {
			return set(d, Pools, "p", `"name":"q","targets":{"own":{"address":"10.0.0.9"}}`)
		}, "name name name"},
		{"another field of one that is in twice", map[string]string{"ta": `"address":"10.0.0.1"`, "tb": `"address":"10.0.0.1"`}, func(d *Draft) *Entry {
			return set(d, Targets, "ta", `"name":"ta","address":"10.0.0.1","weight":3`)
		}, ""},
		{"another field of a pool that has one twice", map[string]string{"ta": `"address":"10.0.0.9"`}, func(d *Draft) *Entry {
			return set(d, Pools, "p", `"slow_start":"1s","targets":{"other":{"address":"10.0.0.9"}}`)
		}, ""},
		{"a new port of one that is in twice", map[string]string{"ta": `"address":"10.0.0.1"`, "tb": `"address":"10.0.0.1"`, "tc": `"address":"10.0.0.1","port":1`}, func(d *Draft) *Entry {
			return set(d, Targets, "ta", `"name":"ta","address":"10.0.0.1","port":1`)
		}, "address"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := (*Set)(nil).Draft(1)
			d.Put(NewEntry("p", 1, decode(t, Pools, `"targets":{"own":{"address":"10.0.0.9"}}`)))
			for name, in := range c.stored {
				d.Put(NewEntry(name, 1, decode(t, Targets, `"name":"`+name+`",`+in)))
			}
			base := d.Finish()
			d = base.Draft(2)
			e := c.change(d)
			if before := base.ByID(e.Kind, e.ID); before.Name() != e.Name() {
				for _, h := range d.Holders(e.Kind, before.Name()) {
					d.Put(h.Follow(e.Kind, before.Name(), e.Name()))
				}
				d.Remove(e.Kind, before.Name())
			}
			var paths []string
			for _, p := range d.CheckRefs(e, func(e *Entry) *Entry { return base.ByID(e.Kind, e.ID) }) {
				paths = append(paths, p.Path)
			}
			if got := strings.Join(paths, " "); got != c.want {
				t.Errorf("problems at %q, want %q", got, c.want)
			}
		})
	}
}

func TestPlaceConditions(t *testing.T) {
	d := (*Set)(nil).Draft(3)
	d.Put(NewEntry("1", 1, decode(t, Pools, `"targets":{"own":{"address":"10.0.0.9"}}`)))
	for i, in := range []string{`"name":"late","address":"10.0.0.1"`, `"name":"first","address":"10.0.0.1"`, `"name":"alone","address":"10.0.0.2"`, `"name":"second","address":"10.0.0.9"`} {
		d.Put(NewEntry(in, uint64(3-i%2), decode(t, Targets, in)))
	}
	s := d.Finish()
	for name, want := range map[string]string{"first": "", "late": `gatewayd_target "first" in pool "p"`, "alone": "", "second": `target "own" of pool "p"`} {
		ps := s.PlaceConditions(s.Get(Targets, name))
		if want == "" && ps != nil || want != "" && (len(ps) != 1 || ps[0].Path != "address" || !strings.Contains(ps[0].Message, want)) {
			t.Errorf("%s: want a condition that says %q, got %v", name, want, ps)
		}
	}
	if ps := s.PlaceConditions(s.Get(Pools, "p")); ps != nil {
		t.Errorf("the pool: %v", ps)
	}
}

func TestMembersOf(t *testing.T) {
	d := (*Set)(nil).Draft(1)
	d.Put(NewEntry("1", 1, decode(t, Pools, "")))
	for _, name := range []string{"b", "a", "c"} {
		pool := "p"
		if name == "c" {
			pool = "q"
		}
		d.Put(NewEntry(name, 1, decode(t, Targets, `"name":"`+name+`","pool":"`+pool+`","address":"10.0.0.1"`)))
	}
	d.Put(NewEntry("r", 1, decode(t, Rules, ""))) // Holds the pool too.
	s := d.Finish()
	var names []string
	for _, e := range s.MembersOf("p") {
		names = append(names, e.Name())
	}
	if strings.Join(names, " ") != "a b" {
		t.Errorf("want a and b, got %v", names)
	}
	if (*Set)(nil).MembersOf("p") != nil {
		t.Error("the nil set has members")
	}
}

func TestParseTargetAddress(t *testing.T) {
	for in, want := range map[string]string{
		"10.0.0.1": "10.0.0.1", "::FFFF:10.0.0.1": "10.0.0.1", "2001:DB8::1": "2001:db8::1",
		"App.Example": "app.example", "app.example.": "app.example.", "unix:/run/App.sock": "unix:/run/App.sock",
	} {
		a, _ := parseTargetAddress(in) // What Check refuses may be in a store.
		if a.String() != want {
			t.Errorf("%s: want %s, got %s", in, want, a)
		}
	}
	if _, ok := ParseTargetAddress("1.2.3"); ok {
		t.Error("1.2.3 is an address")
	}
}

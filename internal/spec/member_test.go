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
		ps := d.CheckRefs(e, before)
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
	if ps := d.CheckRefs(e, nil); ps != nil {
		t.Errorf("the place of a target that is gone: %v", ps)
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

package spec

import (
	"strings"
	"testing"
)

// A redirect names a listener with one address, or with none of its own. One that named it before may be written on after
// the listener has changed.
func TestRedirectsNameOneAddress(t *testing.T) {
	for hostnames, refused := range map[string]bool{`[]`: false, `["a.example"]`: false, `["a.example","b.example"]`: true, `["*.example"]`: true, `["a?.example"]`: true} {
		d := (*Set)(nil).Draft(1)
		d.Put(NewEntry("l", 1, decode(t, Listeners, "")))
		d.Put(NewEntry("to", 1, decode(t, Listeners, `"name":"to","port":81,"hostnames":`+hostnames)))
		rule := NewEntry("r", 1, decode(t, Rules, noPool+`"redirect":{"status":301,"listener":"to"}`))
		d.Put(rule)
		s := d.Finish()
		ps := s.CheckRefs(rule, was(nil))
		if refused != (ps != nil) || refused && (len(ps) != 1 || ps[0].Path != "redirect.listener" || !strings.Contains(ps[0].Message, "several host names or wildcards")) {
			t.Errorf("%s: got %v", hostnames, ps)
		}
		if ps := s.CheckRefs(rule, was(rule)); ps != nil {
			t.Errorf("%s: a rule that redirected there before: %v", hostnames, ps)
		}
	}
}

// A rename reaches the names in a split and in a redirect, and what they name has the rule as its holder.
func TestActionsFollowRenames(t *testing.T) {
	split := NewEntry("r", 1, decode(t, Rules, noPool+`"split":{"a":{"pool":"p","setting":"s"},"b":{"pool":"q","setting":"s"}}`))
	redirect := NewEntry("r2", 1, decode(t, Rules, noPool+`"name":"r2","redirect":{"status":301,"listener":"to"}`))
	d := (*Set)(nil).Draft(1)
	d.Put(split)
	d.Put(redirect)
	s := d.Finish()
	for kind, name := range map[*Kind]string{Pools: "q", Settings: "s"} {
		if h := s.Holders(kind, name); len(h) != 1 || h[0] != split {
			t.Errorf("%s %q is held by %v", kind, name, h)
		}
	}
	if h := s.Holders(Listeners, "to"); len(h) != 1 || h[0] != redirect {
		t.Errorf("the listener is held by %v", h)
	}
	after := split.Follow(Pools, "q", "new").Object.(*Rule)
	if after.Split["b"].Pool != "new" || after.Split["a"].Pool != "p" || split.Object.(*Rule).Split["b"].Pool != "q" {
		t.Errorf("the rename left %+v", after.Split)
	}
	if to := *redirect.Follow(Listeners, "to", "door").Object.(*Rule).Redirect.Listener; to != "door" {
		t.Errorf("the redirect names %q", to)
	}
}

package crud

import (
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

func TestAProblemsPathLeadsToItsAttribute(t *testing.T) {
	for _, c := range []struct {
		kind       *spec.Kind
		path, want string
	}{
		{spec.Pools, "", ""},
		{spec.Pools, "name", "name"},
		{spec.Pools, `targets["a.b"].port`, `targets["a.b"].port`},
		{spec.Pools, `targets["a\"b"]`, `targets["a\"b"]`},
		{spec.Probes, "match.statuses[1]", "match.statuses[1]"},
		{spec.Settings, "keep_alive.max_idle", "keep_alive.max_idle"},
		// An element of a set has no address of its own.
		{spec.Listeners, "hostnames[3]", "hostnames"},
		// What a newer gateway names, as far as it is known here.
		{spec.Settings, "keep_alive.newer.still", "keep_alive"},
		{spec.Settings, "newer", ""},
		{spec.Settings, `name["a"]`, "name"},
		{spec.Settings, "name[0]", "name"},
		{spec.Settings, "no path [", ""},
	} {
		if got := attributePath(c.kind, c.path).String(); got != c.want {
			t.Errorf("%s %q: want %q, got %q", c.kind, c.path, c.want, got)
		}
	}
}

func TestRelatedPaths(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"port", "port", true},
		{"port", "port_2", false},
		{`targets["a"]`, `targets["a"].port`, true},
		{`targets["a"].port`, "targets", true},
		{`targets["a"].port`, `targets["b"]`, false},
		{"match.statuses[0]", "match.statuses[1]", false},
		{"", "port", true},
	} {
		if related(c.a, c.b) != c.want || related(c.b, c.a) != c.want {
			t.Errorf("%q and %q: want related to be %t", c.a, c.b, c.want)
		}
	}
}

func TestReferences(t *testing.T) {
	for path, want := range map[string]bool{"pool": true, "listener": true, "name": false, "match.paths": false, "newer": false, "": false} {
		if isReference(spec.Rules.Fields(), path) != want {
			t.Errorf("%q: want %t", path, want)
		}
	}
}

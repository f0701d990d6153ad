package plane

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// This file is the contract of lifetimes: what each change does to what is open. Operators read it in the guide of
// connections, in the same words.

const (
	goesOn       = "stays"
	ofTheSetting = "ends within `drain_timeout` of the setting"
)

// A clause is a row of the guide's table, with what proves it: the writes that TestNothingEnds makes, or what
// TestExactlyItsOwnEnd takes away.
type clause struct {
	change, open string
	writes       func(w *writer)
	ends         []removal
}

// contract is the guide's table.
func contract() []clause {
	return []clause{
		{"an object written again as it is, or renamed", goesOn, (*writer).sameAgain, nil},
		{"another listener, rule, pool, target, setting, probe, rewrite, certificate or bundle: created, changed, deleted", goesOn, (*writer).others, nil},
		{"several changes at once, or the whole configuration written again", goesOn, (*writer).several, nil},
		{"the listener: another address, port or protocol, other host names, certificates or limits",
			"stays; new connections find the new place and terms", (*writer).listeners, nil},
		{"the rule: another listener, match, priority, pool, setting, rewrite or action",
			"stays with its target; new requests go where the rule says now", (*writer).rules, nil},
		{"the pool: another algorithm, other targets, weights, a target's key", goesOn, (*writer).pools, nil},
		{"the target: another weight, or an object of its own in place of a row in its pool, in one change", goesOn, (*writer).targets, nil},
		{"the setting: another host, path or protocol, other limits and timeouts", "stays, on the terms of its beginning", (*writer).settings, nil},
		{"the probe: another path, interval, threshold", "stays, and so does the verdict until its own thresholds decide", (*writer).probes, nil},
		{"the rewrite: other steps", "stays; the next request goes by them", (*writer).rewrites, nil},
		{"a certificate or CA bundle: new content", "stays; the next handshake goes by it", (*writer).certificates, nil},
		{"pool, setting, probe, rewrite, certificate or bundle deleted while others name it",
			"stays; it serves on until nobody names it", (*writer).retirements, nil},
		{"an address leaves the DNS answer of a target", "stays; nothing new comes to it", (*writer).names, nil},
		{"the target turns unhealthy",
			"as `on_unhealthy` of the setting says: stays (`keep`), or ends within `drain_timeout` (`drain`) or `close_spread` (`close`)",
			(*writer).unhealthy, unhealthyRemovals()},
		{"**the listener is deleted**", "ends within `drain_timeout` of the listener", nil, listenerRemovals()},
		{"**the rule is deleted**", ofTheSetting, nil, ruleRemovals()},
		{"**the target leaves its pool, gets another address or port, or its pool is deleted** and nothing names it any more", ofTheSetting, nil, targetRemovals()},
		{"**the setting gets another `port`**, or without one another `protocol`, for targets that have none of their own", ofTheSetting, nil, portRemovals()},
		{"what was gone is back within that time, or the target healthy again", "stays, but for what was sent its Close already", nil, returns()},
		{"the gateway stops", "ends within its shutdown timeout", nil, stops()},
	}
}

// TestTheContractIsTheGuide: the guide promises exactly what is proved here, row by row.
func TestTheContractIsTheGuide(t *testing.T) {
	text, err := os.ReadFile("../../docs/templates/guides/connections.md.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	const head = "| change | what is open |\n|---|---|\n"
	_, table, found := strings.Cut(string(text), head)
	table, _, _ = strings.Cut(table, "\n\n")
	if !found {
		t.Fatalf("the guide has no table %q", head)
	}
	var rows []string
	for _, c := range contract() {
		rows = append(rows, "| "+c.change+" | "+c.open+" |")
		if c.writes == nil && len(c.ends) == 0 {
			t.Errorf("nothing proves that, behind this change: %s, it %s", c.change, c.open)
		}
	}
	if d := cmp.Diff(rows, strings.Split(table, "\n")); d != "" {
		t.Errorf("the guide has other rows than the contract (-contract +guide):\n%s", d)
	}
}

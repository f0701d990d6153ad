package plugin_test

import (
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestProblemsAreOnTheirAttribute: what is wrong is told at validate and at plan, once, on the attribute, with its path
// in the text, also while other values are unknown. What rests on an unknown value is not told.
func TestProblemsAreOnTheirAttribute(t *testing.T) {
	r := start(t, newGateway(t), nil)
	target := func(address, port any) object { return object{"address": address, "port": port} }
	for _, c := range []struct {
		name   string
		kind   *spec.Kind
		config object
		want   string // the diagnostics; "" means none
	}{
		{"a number out of range", spec.Pools, object{"name": "p", "targets": object{"b": target("10.0.0.1", 70000)}},
			`error on AttributeName("targets").ElementKeyString("b").AttributeName("port"): Invalid value for targets["b"].port: targets["b"].port must be 1 to 65535, not 70000.`},
		{"beside an unknown address", spec.Pools, object{"name": "p", "targets": object{"a": target(unknown{}, nil), "b": target("10.0.0.1", 70000)}},
			`error on AttributeName("targets").ElementKeyString("b").AttributeName("port"): Invalid value for targets["b"].port: targets["b"].port must be 1 to 65535, not 70000.`},
		{"beside an unknown target", spec.Pools, object{"name": unknown{}, "targets": object{"a": unknown{}, "b": target("x", nil)}},
			`error on AttributeName("targets").ElementKeyString("b").AttributeName("address"): Invalid value for targets["b"].address: targets["b"].address must be an IP address such as 10.0.0.5 or 2001:db8::5.`},
		{"two equal targets", spec.Pools, object{"name": "p", "targets": object{"a": target("10.0.0.1", 1), "b": target("10.0.0.1", 1)}},
			`error on AttributeName("targets").ElementKeyString("b").AttributeName("address"): Invalid value for targets["b"].address: targets["b"].address is the address and port of target "a" already; a member can be in a pool once.`},
		{"two targets that may be equal", spec.Pools, object{"name": "p", "targets": object{"a": target("10.0.0.1", unknown{}), "b": target("10.0.0.1", nil)}}, ""},
		{"a bad key", spec.Pools, object{"name": "p", "targets": object{"a b": target("10.0.0.1", 1)}},
			`error on AttributeName("targets").ElementKeyString("a b"): Invalid value for targets["a b"]: targets["a b"] has a key that must start with a letter or digit and hold only letters, digits, ".", "_" and "-".`},
		{"a null target", spec.Pools, object{"name": "p", "targets": object{"a": nil}}, "targets"},
		{"unknown targets", spec.Pools, object{"name": "p", "targets": unknown{}}, ""},
		{"an empty name", spec.Pools, object{"name": ""},
			`error on AttributeName("name"): Invalid value for name: name is required.`},
		{"an element of a list", spec.Probes, object{"name": "p", "match": object{"statuses": list{unknown{}, "9"}}},
			`error on AttributeName("match").AttributeName("statuses").ElementKeyInt(1): Invalid value for match.statuses[1]: match.statuses[1] must be a status code from 100 to 599 or a range of them, such as "200" or "200-399".`},
		{"an empty list", spec.Probes, object{"name": "p", "match": object{"statuses": list{}}},
			`error on AttributeName("match").AttributeName("statuses"): Invalid value for match.statuses: match.statuses must have 1 to 20 entries, not 0.`},
		{"a null element", spec.Probes, object{"name": "p", "match": object{"statuses": list{"200", nil}}},
			`error on AttributeName("match").AttributeName("statuses").ElementKeyInt(1): Invalid value for match.statuses[1]: match.statuses[1] must be a string, not null.`},
		{"an element of a set", spec.Listeners, object{"name": "l", "port": 80, "hostnames": list{"a.example", "b b"}},
			`error on AttributeName("hostnames"): Invalid value for hostnames: hostnames "b b" must hold only letters, digits, "-", "." and the wildcards "*" and "?".`},
		{"an element of a set beside an unknown one", spec.Listeners, object{"name": "l", "port": unknown{}, "hostnames": list{unknown{}, "b b"}},
			`error on AttributeName("hostnames"): Invalid value for hostnames: hostnames "b b" must hold only letters, digits, "-", "." and the wildcards "*" and "?".`},
		{"a duration", spec.Settings, object{"name": "s", "keep_alive": object{"idle_timeout": "2h", "max_idle": unknown{}}},
			`error on AttributeName("keep_alive").AttributeName("idle_timeout"): Invalid value for keep_alive.idle_timeout: keep_alive.idle_timeout must be 0s to 1h, not 2h.`},
		{"two fields that exclude each other", spec.Settings, object{"name": "s", "host": "a.example", "host_from_target": true},
			`error on AttributeName("host"): Invalid value for host: host cannot be given together with host_from_target = true; keep one of the two.`},
		{"one of them unknown", spec.Settings, object{"name": "s", "host": "a.example", "host_from_target": unknown{}}, ""},
		{"the other one unknown", spec.Settings, object{"name": "s", "host": unknown{}, "host_from_target": true}, ""},
		{"everything unknown", spec.Rules, object{"name": unknown{}, "listener": unknown{}, "pool": unknown{}, "setting": unknown{}, "match": unknown{}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := r.with(t).instance(c.kind)
			got := i.validate(c.config)
			if c.want == "" && got != "" || c.want != "" && !strings.HasPrefix(got, c.want) && !strings.Contains(got, "on AttributeName(\""+c.want+"\")") {
				t.Errorf("at validate: want\n%s\ngot\n%s", c.want, got)
			}
			if planned := i.plan(c.config).diagnostics; planned != got {
				t.Errorf("at plan: want\n%s\ngot\n%s", got, planned)
			}
		})
	}
}

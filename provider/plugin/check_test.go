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
		{"beside an unknown target", spec.Pools, object{"name": unknown{}, "targets": object{"a": unknown{}, "b": target("10.0.0.300", nil)}},
			`error on AttributeName("targets").ElementKeyString("b").AttributeName("address"): Invalid value for targets["b"].address: targets["b"].address is no IP address, and a DNS name does not end in a number; write an IPv4 address as four numbers such as 10.0.0.5.`},
		{"a method that the gateway refuses", spec.Rules, object{"name": "r", "listener": unknown{}, "pool": "p", "setting": "s", "match": object{"methods": list{"GET", "TRACE"}}},
			`error on AttributeName("match").AttributeName("methods"): Invalid value for match.methods: match.methods "TRACE" is a method that the gateway always refuses.`},
		{"a condition of two kinds", spec.Rules, object{"name": "r", "listener": "l", "pool": "p", "setting": "s", "match": object{"headers": object{"X-A": object{"prefix": "a", "absent": true}}}},
			`error on AttributeName("match").AttributeName("headers").ElementKeyString("X-A").AttributeName("absent"): Invalid value for match.headers["X-A"].absent: match.headers["X-A"].absent cannot be given together with prefix; keep one of the two.`},
		{"a condition of what may be two kinds", spec.Rules, object{"name": "r", "listener": "l", "pool": "p", "setting": "s", "match": object{"headers": object{"X-A": object{"prefix": unknown{}, "absent": true}}}}, ""},
		{"a prefix that some read as another", spec.Settings, object{"name": "s", "path_prefix": "/a/%2e%2e/"},
			`error on AttributeName("path_prefix"): Invalid value for path_prefix: path_prefix must not hold "." or ".." segments.`},
		{"a broken pattern", spec.Rules, object{"name": "r", "listener": "l", "pool": "p", "setting": "s", "match": object{"query": object{"a b": object{"pattern": "("}}}},
			`error on AttributeName("match").AttributeName("query").ElementKeyString("a b").AttributeName("pattern"): Invalid value for match.query["a b"].pattern: match.query["a b"].pattern must be a regular expression in the syntax of RE2: error parsing regexp: missing closing ): ` + "`(`."},
		{"a header that rules cannot go by", spec.Rules, object{"name": "r", "listener": "l", "pool": "p", "setting": "s", "match": object{"headers": object{"Host": object{}}}},
			`error on AttributeName("match").AttributeName("headers").ElementKeyString("Host"): Invalid value for match.headers["Host"]: match.headers["Host"] names a header that rules cannot go by: match.hostnames is about the host.`},
		{"a rule without an action", spec.Rules, object{"name": "r", "listener": "l"},
			`error on AttributeName("pool"): Invalid value for pool: pool is required with a setting, unless the rule has another action: split, redirect, respond.`},
		{"a rule with what may be an action", spec.Rules, object{"name": "r", "listener": "l", "respond": unknown{}}, ""},
		{"a rule with a pool and what may be its setting", spec.Rules, object{"name": "r", "listener": "l", "pool": "p", "setting": unknown{}}, ""},
		{"a rule with a pool and no setting", spec.Rules, object{"name": "r", "listener": "l", "pool": "p"},
			`error on AttributeName("setting"): Invalid value for setting: setting is required with a pool.`},
		{"a rule with two actions, one of them unknown inside", spec.Rules, object{"name": "r", "listener": "l", "pool": "p", "setting": "s", "respond": object{"status": unknown{}}},
			`error on AttributeName("pool"): Invalid value for pool: pool cannot be given together with respond; a rule has one action.`},
		{"a response with a body that its status cannot have", spec.Rules, object{"name": "r", "listener": "l", "respond": object{"status": 204, "body": "x"}},
			`error on AttributeName("respond").AttributeName("body"): Invalid value for respond.body: respond.body means nothing with status 204, which has no body.`},
		{"a response with a body that its status may have", spec.Rules, object{"name": "r", "listener": "l", "respond": object{"status": unknown{}, "body": "x"}}, ""},
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
		{"a hash without its header", spec.Pools, object{"name": "p", "algorithm": "header_hash"},
			`error on AttributeName("hash_header"): Invalid value for hash_header: hash_header is required with algorithm = "header_hash": it names the header that is hashed.`},
		{"a header without its hash", spec.Pools, object{"name": "p", "hash_header": "X-Session-Id"},
			`error on AttributeName("hash_header"): Invalid value for hash_header: hash_header means nothing with algorithm = "round_robin"; leave it out, or choose "header_hash".`},
		{"a header with what may be its hash", spec.Pools, object{"name": "p", "hash_header": "X-Session-Id", "algorithm": unknown{}}, ""},
		{"a hash with what may be its header", spec.Pools, object{"name": "p", "hash_header": unknown{}, "algorithm": "header_hash"}, ""},
		{"a header that is none", spec.Pools, object{"name": "p", "hash_header": "X Session", "algorithm": "header_hash"},
			`error on AttributeName("hash_header"): Invalid value for hash_header: hash_header must be the name of a header, such as X-Session-Id.`},
		{"no algorithm", spec.Pools, object{"name": "p", "algorithm": "random"},
			`error on AttributeName("algorithm"): Invalid value for algorithm: algorithm must be one of `},
		{"a start that is too slow", spec.Pools, object{"name": "p", "slow_start": "2h"},
			`error on AttributeName("slow_start"): Invalid value for slow_start: slow_start must be 0s to 1h, not 2h.`},
		{"a socket with a port", spec.Pools, object{"name": "p", "targets": object{"a": target("unix:/run/a.sock", 80)}},
			`error on AttributeName("targets").ElementKeyString("a").AttributeName("port"): Invalid value for targets["a"].port: targets["a"].port means nothing for a Unix socket; leave it out.`},
		{"what may be a socket with a port", spec.Pools, object{"name": "p", "targets": object{"a": target(unknown{}, 80)}}, ""},
		{"two equal names", spec.Pools, object{"name": "p", "targets": object{"a": target("App.example", nil), "b": target("app.example", nil)}},
			`error on AttributeName("targets").ElementKeyString("b").AttributeName("address"): Invalid value for targets["b"].address: targets["b"].address is the address and port of target "a" already; a member can be in a pool once.`},
		{"a target's socket with a port", spec.Targets, object{"name": "t", "pool": "p", "address": "unix:/run/a.sock", "port": 80},
			`error on AttributeName("port"): Invalid value for port: port means nothing for a Unix socket; leave it out.`},
		{"a target's socket by a relative path", spec.Targets, object{"name": "t", "pool": "p", "address": "unix:a.sock"},
			`error on AttributeName("address"): Invalid value for address: address must name a Unix socket by an absolute path, as in unix:/run/app.sock.`},
		{"a target's address in a zone", spec.Targets, object{"name": "t", "pool": "p", "address": "fe80::1%eth0"},
			`error on AttributeName("address"): Invalid value for address: address must be an IP address without a zone.`},
		{"a target's weight", spec.Targets, object{"name": "t", "pool": unknown{}, "address": unknown{}, "weight": 1001},
			`error on AttributeName("weight"): Invalid value for weight: weight must be 0 to 1000, not 1001.`},
		{"a spread that is longer than the drain", spec.Settings, object{"name": "s", "drain_timeout": "10s", "close_spread": "11s"},
			`error on AttributeName("close_spread"): Invalid value for close_spread: close_spread must not be longer than drain_timeout, of which it is the last part: 11s is more than 10s.`},
		{"a spread that is longer than the default drain", spec.Listeners, object{"name": "l", "port": 80, "close_spread": "31s"},
			`error on AttributeName("close_spread"): Invalid value for close_spread: close_spread must not be longer than drain_timeout, of which it is the last part: 31s is more than 30s.`},
		{"a spread that may be longer than the drain", spec.Settings, object{"name": "s", "drain_timeout": unknown{}, "close_spread": "11s"}, ""},
		{"a page for what is never answered", spec.Listeners, object{"name": "l", "port": 80, "error_pages": object{"418": object{"body": "tea"}, "502": unknown{}}},
			`error on AttributeName("error_pages").ElementKeyString("418"): Invalid value for error_pages["418"]: error_pages["418"] has a key that must be a status with which the gateway answers errors by itself: 400, 404, `},
		{"a page whose type holds a line break", spec.Listeners, object{"name": "l", "port": 80, "error_pages": object{"502": object{"body": unknown{}, "content_type": "text/html\r\nX-A: b"}}},
			`error on AttributeName("error_pages").ElementKeyString("502").AttributeName("content_type"): Invalid value for error_pages["502"].content_type: error_pages["502"].content_type must be a media type`},
		{"an ejection after nothing", spec.Settings, object{"name": "s", "eject": object{"failures": 0}},
			`error on AttributeName("eject").AttributeName("failures"): Invalid value for eject.failures: eject.failures must be 1 to 1000, not 0.`},
		{"an ejection for nothing", spec.Settings, object{"name": "s", "eject": object{"failures": unknown{}, "for": "0s"}},
			`error on AttributeName("eject").AttributeName("for"): Invalid value for eject.for: eject.for must be 100ms to 1h, not 0s.`},
		{"a cookie that plain HTTP cannot set", spec.Settings, object{"name": "s", "affinity": object{"cookie_name": "__Secure-a"}},
			`error on AttributeName("affinity").AttributeName("cookie_name"): Invalid value for affinity.cookie_name: affinity.cookie_name must not begin with __Host- or __Secure-: browsers take such a cookie over https alone, and would drop it on http listeners.`},
		{"a cookie that is gone at once", spec.Settings, object{"name": "s", "affinity": object{"cookie_name": unknown{}, "ttl": "1ms"}},
			`error on AttributeName("affinity").AttributeName("ttl"): Invalid value for affinity.ttl: affinity.ttl must be 1s to 8760h, not 1ms.`},
		{"a trusted name", spec.Listeners, object{"name": "l", "port": 80, "trusted_proxies": list{"10.0.0.0/8", "lb.example"}},
			`error on AttributeName("trusted_proxies"): Invalid value for trusted_proxies: trusted_proxies "lb.example" must be a network such as 10.0.0.0/8 or 2001:db8::/32, or an IP address.`},
		{"a network with bits behind its mask", spec.Listeners, object{"name": "l", "port": 80, "trusted_proxies": list{unknown{}, "10.0.1.0/8"}},
			`error on AttributeName("trusted_proxies"): Invalid value for trusted_proxies: trusted_proxies "10.0.1.0/8" has bits behind its mask; write 10.0.0.0/8 for the network, or leave out the mask for the one address.`},
		{"what becomes of the open", spec.Settings, object{"name": "s", "on_unhealthy": "cut"},
			`error on AttributeName("on_unhealthy"): Invalid value for on_unhealthy: on_unhealthy must be one of `},
		{"too many connections", spec.Settings, object{"name": "s", "max_connections": 1000001},
			`error on AttributeName("max_connections"): Invalid value for max_connections: max_connections must be 0 to 1000000, not 1000001.`},
		{"a source that is no address", spec.Settings, object{"name": "s", "source_addresses": list{"10.0.0.1", "eth0"}},
			`error on AttributeName("source_addresses"): Invalid value for source_addresses: source_addresses "eth0" must be an IP address such as 10.0.0.5 or 2001:db8::5.`},
		{"a variable that is none", spec.Rewrites, object{"name": "w", "steps": list{unknown{}, object{"when": list{object{"variable": "var_hots", "pattern": "a"}}}}},
			`error on AttributeName("steps").ElementKeyInt(1).AttributeName("when").ElementKeyInt(0).AttributeName("variable"): Invalid value for steps[1].when[0].variable: steps[1].when[0].variable names no server variable: var_hots; there are `},
		{"a line break in a header", spec.Rewrites, object{"name": "w", "steps": list{object{"request_headers": object{"X-A": object{"value": "a\r\nX-B: b"}, "X-C": unknown{}}}}},
			`error on AttributeName("steps").ElementKeyInt(0).AttributeName("request_headers").ElementKeyString("X-A").AttributeName("value"): Invalid value for steps[0].request_headers["X-A"].value: steps[0].request_headers["X-A"].value must not hold control characters, line breaks included.`},
		{"a header of the connection", spec.Rewrites, object{"name": "w", "steps": list{object{"response_headers": object{"Upgrade": object{"delete": true}}}}},
			`error on AttributeName("steps").ElementKeyInt(0).AttributeName("response_headers").ElementKeyString("Upgrade"): Invalid value for steps[0].response_headers["Upgrade"]: steps[0].response_headers["Upgrade"] cannot be changed: `},
		{"two spellings of a header", spec.Rewrites, object{"name": "w", "steps": list{object{"request_headers": object{"X-A": object{"delete": true}, "x-a": object{"delete": true}}}}},
			`error on AttributeName("steps").ElementKeyInt(0).AttributeName("request_headers").ElementKeyString("x-a"): Invalid value for steps[0].request_headers["x-a"]: steps[0].request_headers["x-a"] has a key that is the same as "X-A"; upper and lower case are not told apart.`},
		{"a group without its condition", spec.Rewrites, object{"name": "w", "steps": list{object{"url": object{"path": "/{var_uri_path_1}"}}}},
			`error on AttributeName("steps").ElementKeyInt(0).AttributeName("url").AttributeName("path"): Invalid value for steps[0].url.path: steps[0].url.path names group 1 of var_uri_path, on which the step has no condition; `},
		{"a group whose condition is not known yet", spec.Rewrites, object{"name": "w", "steps": list{object{"when": unknown{}, "url": object{"path": "/{var_uri_path_1}"}}}}, ""},
		{"a group whose pattern is not known yet", spec.Rewrites, object{"name": "w", "steps": list{object{"when": list{object{"variable": "var_uri_path", "pattern": unknown{}}}, "url": object{"path": "/{var_uri_path_1}"}}}}, ""},
		{"a reroute to nowhere else", spec.Rewrites, object{"name": "w", "steps": list{object{"url": object{"reroute": true}}}},
			`error on AttributeName("steps").ElementKeyInt(0).AttributeName("url").AttributeName("reroute"): Invalid value for steps[0].url.reroute: steps[0].url.reroute would lead back to this rule without end`},
		{"a reroute to what is not known yet", spec.Rewrites, object{"name": "w", "steps": list{object{"url": object{"path": unknown{}, "reroute": true}}}}, ""},
		{"an answer before the request", spec.Rewrites, object{"name": "w", "steps": list{object{"when": list{object{"variable": "var_http_status", "pattern": "2"}}, "url": object{"path": "/"}}}},
			`error on AttributeName("steps").ElementKeyInt(0).AttributeName("url"): Invalid value for steps[0].url: steps[0].url cannot depend on the answer`},
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

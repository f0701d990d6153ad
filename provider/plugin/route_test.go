package plugin_test

import (
	"fmt"
	"maps"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestRoute: the data source tells what the gateway's own matcher says, and what is wrong with a question at its argument.
func TestRoute(t *testing.T) {
	g := newGateway(t)
	port := gatewaytest.FreePort(t)
	for _, o := range []struct {
		kind   *spec.Kind
		config object
	}{
		{spec.Listeners, object{"name": "l", "port": port}},
		{spec.Pools, object{"name": "p", "targets": object{"one": object{"address": "127.0.0.1", "port": 9}}}},
		{spec.Settings, object{"name": "s", "path_prefix": "/v2"}},
		{spec.Rewrites, object{"name": "on", "steps": list{object{"url": object{"path": "/b", "reroute": true}}}}},
		{spec.Rules, object{"name": "a", "listener": "l", "pool": "p", "setting": "s", "match": object{"paths": list{"/a/*"}, "headers": object{"X-Team": object{"equals": list{"blue"}}}}}},
		{spec.Rules, object{"name": "b", "listener": "l", "match": object{"paths": list{"/b"}}, "split": object{"x": object{"pool": "p", "setting": "s", "weight": 3}}}},
		{spec.Rules, object{"name": "on", "listener": "l", "match": object{"paths": list{"/on"}}, "pool": "p", "setting": "s", "rewrite": "on"}},
		{spec.Rules, object{"name": "go", "listener": "l", "match": object{"paths": list{"/go"}}, "redirect": object{"status": 308, "url": "http://b.example/"}}},
	} {
		made, ps := spec.Decode(o.kind, encode(t, o.config))
		if ps != nil {
			t.Fatal(ps)
		}
		g.write(made, made.Key())
	}
	r := start(t, g, nil)
	ask := func(path string, more object) (tftypes.Value, string) {
		config := object{"url": fmt.Sprintf("http://127.0.0.1:%d%s", port, path)}
		maps.Copy(config, more)
		return r.read("gatewayd_route", config)
	}
	for _, c := range []struct {
		path  string
		more  object
		where string // an attribute
		want  string
	}{
		{"/a/1?q=2", object{"headers": list{"X-Team: blue"}, "client": "10.0.0.1"}, "sent", "/v2/1?q=2"},
		{"/a/1?q=2", object{"headers": list{"X-Team: blue"}}, "targets[0].target", "one"},
		{"/A/1", object{"headers": list{"X-Team: blue", "X-Other: x"}, "method": "DELETE"}, "path", "/a/1"},
		{"/a/1", nil, "reason", "no_rule"},
		{"/a/1", nil, "passed[0].rule", "a"},
		{"/b", object{"at_listener": "l", "url": "http://x.example/b"}, "shares[0].pool", "p"},
		{"/b", nil, "action", "split"},
		{"/on", nil, "rerouted[0]", "on"},
		{"/on", nil, "rule", "b"},
		{"/go", nil, "location", "http://b.example/"},
	} {
		v, ds := ask(c.path, c.more)
		if ds != "" {
			t.Fatal(ds)
		}
		if got := at[string](t, v, c.where); got != c.want {
			t.Errorf("%s %v: want %s %q, got %q", c.path, c.more, c.where, c.want, got)
		}
	}
	for where, more := range map[string]object{
		"url": {"url": "shop.example"}, "method": {"method": "G T"}, "client": {"client": "somebody"}, "at_listener": {"at_listener": "nowhere"},
	} {
		_, ds := ask("/", more)
		want(t, ds, `error on AttributeName("`+where+`"): Unable to ask the gateway for a route: `+where+" ")
	}
	for _, line := range []any{"X-Team", ": blue", "X-Team: blue\nX-Other: x"} {
		ds := r.validateData("gatewayd_route", object{"url": unknown{}, "headers": list{unknown{}, line}})
		want(t, ds, `error on AttributeName("headers").ElementKeyInt(1): Invalid value for headers[1]: headers[1] must be a header, such as "X-Team: blue"`)
	}
}

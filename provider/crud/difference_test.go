package crud

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

func TestDifferencesAreToldByField(t *testing.T) {
	for _, c := range []struct {
		kind           *spec.Kind
		state, gateway string
		want           []string
	}{
		{spec.Pools, `{"name":"a"}`, `{"name":"a"}`, nil},
		{spec.Pools, `{"name":"a","targets":{}}`, `{"name":"b"}`, []string{
			`name: "a" in the state, "b" on the gateway`, `targets: {} in the state, null on the gateway`}},
		{spec.Pools, `{"name":"a","targets":{"x":{"address":"::1"},"y":{"address":"::2"}}}`, `{"name":"a","targets":{"x":{"address":"::1","port":1},"z":{"address":"::3"}}}`, []string{
			`targets["x"].port: null in the state, 1 on the gateway`, `targets["y"]: only in the state`, `targets["z"]: only on the gateway`}},
		{spec.Settings, `{"name":"s"}`, `{"name":"s","keep_alive":{"max_idle":1},"host_from_target":true}`, []string{
			`host_from_target: false in the state, true on the gateway`, `keep_alive.max_idle: 64 in the state, 1 on the gateway`}},
		// The order of a set means nothing; that of a list does.
		{spec.Listeners, `{"name":"l","hostnames":["a","b"]}`, `{"name":"l","hostnames":["b","a"]}`, nil},
		{spec.Listeners, `{"name":"l","hostnames":["a"]}`, `{"name":"l","hostnames":["b","a"]}`, []string{
			`hostnames: ["a"] in the state, ["b","a"] on the gateway`}},
		{spec.Probes, `{"name":"p","match":{"statuses":["200","300"]}}`, `{"name":"p","match":{"statuses":["300","200"]}}`, []string{
			`match.statuses: ["200","300"] in the state, ["300","200"] on the gateway`}},
		{spec.Rules, `{"name":"r","match":{"paths":["/"]}}`, `{"name":"r"}`, []string{
			`match: {"hostnames":null,"paths":["/"],"methods":null,"headers":null,"query":null} in the state, null on the gateway`}},
	} {
		state, ps := spec.Decode(c.kind, []byte(c.state))
		gateway, more := spec.Decode(c.kind, []byte(c.gateway))
		if ps != nil || more != nil {
			t.Fatal(ps, more)
		}
		if diff := cmp.Diff(c.want, differences(c.kind, state, gateway)); diff != "" {
			t.Errorf("%s and %s: %s", c.state, c.gateway, diff)
		}
	}
}

package admin

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

func TestTunnels(t *testing.T) {
	g := start(t, nil)
	g.views.tunnels = api.Tunnels{Now: "2026-01-02T03:04:05.000Z", Open: 9, Selected: 3, Next: "0-1", Tunnels: []api.Tunnel{{ID: "0-1", Rule: "chat", Gone: []string{}}}}
	var got api.Tunnels
	if err := json.Unmarshal([]byte(g.do(t, "GET", "/v1/tunnels", "").want(t, 200).body), &got); err != nil {
		t.Fatal(err)
	}
	want := g.views.tunnels
	want.Next = got.Next
	if diff := cmp.Diff(want, got); diff != "" || got.Next == "" {
		t.Errorf("next %q (-want +got):\n%s", got.Next, diff)
	}
	if diff := cmp.Diff(api.TunnelQuery{Limit: api.DefaultPage}, g.views.asked); diff != "" {
		t.Errorf("a plain query (-want +got):\n%s", diff)
	}
	// What a client makes of a query is what the gateway understands.
	q := api.TunnelQuery{
		TunnelSelector: api.TunnelSelector{
			Listener: new("web"), Rule: new("a b"), Pool: new("p"), Target: new("target/t"), Client: new("10.0.0.0/8"),
			IdleFor: new(spec.Duration("1m")), OlderThan: new(spec.Duration("1h30m")), Draining: new(false),
		},
		Sort: api.NewestFirst, Limit: 7, Next: got.Next,
	}
	g.do(t, "GET", "/v1/tunnels?"+q.Values().Encode(), "").want(t, 200)
	q.Next = "0-1"
	if diff := cmp.Diff(q, g.views.asked); diff != "" {
		t.Errorf("a whole query (-want +got):\n%s", diff)
	}
	for query, path := range map[string]string{
		"rule=": "rule", "client=nobody": "client", "client=10.0.0.0/33": "client", "client=::ffff:10.0.0.0/104": "client", "client=fe80::1%25eth0": "client",
		"idle_for=1": "idle_for", "older_than=-1s": "older_than", "draining=yes": "draining", "draining=": "draining",
	} {
		e := g.do(t, "GET", "/v1/tunnels?"+query, "").want(t, 400).problem()
		if len(e.Problems) != 1 || e.Problems[0].Path != path {
			t.Errorf("%s: %v", query, e)
		}
	}
	for _, query := range []string{"limit=0", "limit=1001", "next=", "next=%21", "rules=a", "rule=a&rule=b"} {
		g.do(t, "GET", "/v1/tunnels?"+query, "").want(t, 400)
	}
}

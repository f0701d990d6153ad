package admin

import (
	"encoding/json"
	"slices"
	"strings"
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
		if len(e.Problems) != 1 || e.Problems[0].Path != path || strings.Count(e.Error(), e.Problems[0].Message) != 1 {
			t.Errorf("%s: %v", query, e)
		}
	}
	for _, query := range []string{"limit=0", "limit=1001", "next=", "next=%21", "rules=a", "rule=a&rule=b"} {
		g.do(t, "GET", "/v1/tunnels?"+query, "").want(t, 400)
	}
}

func TestCloseTunnelsOverTheAPI(t *testing.T) {
	g := start(t, nil)
	var got api.TunnelsClosed
	const body = `{"rule":"chat","idle_for":"1h","draining":false,"ids":["0-1"],"within":"30s","code":4001,"reason":"signed out","all":false,"pool":null}`
	if err := json.Unmarshal([]byte(g.do(t, "POST", "/v1/tunnels/close", body).want(t, 202).body), &got); err != nil || got != (api.TunnelsClosed{Ends: 17, Ending: 3}) {
		t.Errorf("answer %+v, %v", got, err)
	}
	want := api.TunnelClose{
		TunnelSelector: api.TunnelSelector{Rule: new("chat"), IdleFor: new(spec.Duration("1h")), Draining: new(false)},
		IDs:            []string{"0-1"}, Within: new(spec.Duration("30s")), Code: new(4001), Reason: "signed out",
	}
	if diff := cmp.Diff(want, g.views.closed); diff != "" || g.views.imagined {
		t.Errorf("understood (-want +got):\n%s", diff)
	}
	if n := strings.Count(g.log.String(), "Admin write."); n != 1 {
		t.Errorf("%d lines:\n%s", n, g.log)
	}
	for _, word := range []string{"path=/v1/tunnels/close", "status=202", "ends=17", "ending=3", `selected="draining=false&idle_for=1h&rule=chat"`, "ids=1", "code=4001", "within=30s"} {
		if !strings.Contains(g.log.String(), word) {
			t.Errorf("want %s in %s", word, g.log)
		}
	}
	// What a client writes is what the gateway understands.
	text, err := json.Marshal(api.TunnelClose{All: true})
	if err != nil {
		t.Fatal(err)
	}
	g.do(t, "POST", "/v1/tunnels/close?dry_run=true", string(text)).want(t, 200)
	if diff := cmp.Diff(api.TunnelClose{All: true}, g.views.closed); diff != "" || !g.views.imagined || !strings.Contains(g.log.String(), "ids=0 all=true") {
		t.Errorf("a dry run of all (-want +got):\n%s\n%s", diff, g.log)
	}
	g.do(t, "POST", "/v1/tunnels/close", `{"idle_for":"0s","rule":"chat"}`).want(t, 202)
	for body, row := range map[string]struct {
		status int
		path   string
	}{
		`{}`: {422, ""}, `{"rule":""}`: {422, "rule"}, `{"rules":"a"}`: {422, "rules"}, `{"all":true,"rule":"a"}`: {422, "all"}, `{"all":"yes"}`: {422, "all"},
		`{"idle_for":"0s"}`: {422, ""}, `{"older_than":"0","idle_for":"-0s"}`: {422, ""}, `{"ids":[],"rule":"a"}`: {422, "ids"}, `{"all":true,"within":10}`: {422, "within"}, `{"all":true,"code":1006}`: {422, "code"}, `{"all":true`: {400, ""},
		`{"rule":"a","rule":"b"}`: {422, "rule"}, `{"all":true,"sort":"oldest"}`: {422, "sort"},
	} {
		e := g.do(t, "POST", "/v1/tunnels/close", body).want(t, row.status).problem()
		if len(e.Problems) != 1 || e.Problems[0].Path != row.path {
			t.Errorf("%s: %v", body, e)
		}
	}
	// The document takes a code of null, as the gateway does.
	g.do(t, "POST", "/v1/tunnels/close", `{"all":true,"code":null}`).want(t, 202)
	var document struct {
		Components struct {
			Schemas struct {
				Close struct {
					Properties struct {
						Code struct{ OneOf []struct{ Enum []any } }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(openAPI("1.2.3"), &document); err != nil {
		t.Fatal(err)
	}
	if codes := document.Components.Schemas.Close.Properties.Code.OneOf; len(codes) != 2 || !slices.Contains(codes[0].Enum, nil) {
		t.Errorf("the codes of the document: %v", codes)
	}
	g.do(t, "GET", "/v1/tunnels/close", "").want(t, 405)
	g.do(t, "POST", "/v1/tunnels/close?rule=a", `{"all":true}`).want(t, 400)
	g.do(t, "POST", "/v1/tunnels/close", `{"ids":[`+strings.Repeat(`"0-1",`, api.MaxPage)+`"0-1"]}`).want(t, 413)
}

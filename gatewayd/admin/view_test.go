package admin

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
)

func TestConditionsAreTold(t *testing.T) {
	g := start(t, nil)
	taken := g.do(t, "PUT", "/v1/listeners/a", `{"name":"a","port":1}`, "If-None-Match", "*").want(t, 422).problem()
	if len(taken.Problems) != 1 || taken.Problems[0].Path != "port" {
		t.Errorf("a taken port: %v", taken)
	}
	g.do(t, "GET", "/v1/listeners/a", "").want(t, 404)
	e := g.do(t, "POST", "/v1/changes", `{"changes":[{"kind":"pool","name":"p","put":{"name":"p"}},{"kind":"listener","name":"a","put":{"name":"a","port":1}}]}`).want(t, 422).problem()
	if len(e.Problems) != 1 || e.Problems[0].Path != "changes[1].put.port" {
		t.Errorf("a taken port among changes: %v", e)
	}

	want := []string{`{"path":"port","message":"is odd"}`}
	put := g.do(t, "PUT", "/v1/listeners/b", `{"name":"b","port":2}`, "If-None-Match", "*").want(t, 201)
	if diff := cmp.Diff(want, put.header.Values(api.HeaderWarning)); diff != "" {
		t.Errorf("warnings of the write (-want +got):\n%s", diff)
	}
	get := g.do(t, "GET", "/v1/listeners/b", "").want(t, 200)
	if diff := cmp.Diff(want, get.header.Values(api.HeaderWarning)); diff != "" {
		t.Errorf("warnings of the read (-want +got):\n%s", diff)
	}
	var answer api.ChangesAnswer
	dry := g.do(t, "PUT", "/v1/listeners/c?dry_run=true", `{"name":"c","port":2}`, "If-None-Match", "*").want(t, 200)
	if err := json.Unmarshal([]byte(dry.body), &answer); err != nil || len(answer.Results) != 1 || len(answer.Results[0].Warnings) != 1 {
		t.Errorf("warnings of a dry run: %s", dry.body)
	}

	var got api.Status
	if err := json.Unmarshal([]byte(g.do(t, "GET", "/v1/status", "").want(t, 200).body), &got); err != nil {
		t.Fatal(err)
	}
	wanted := api.Status{
		Version: "1.2.3", Revision: 1, Started: "2026-01-02T03:04:05Z",
		Nodes:      []api.Node{{Name: "one", Version: "1.2.3", Revision: 1, Started: "2026-01-02T03:04:05Z"}},
		Activity:   api.Activity{Loops: 2, Tunnels: 3},
		Objects:    map[string]int{"certificates": 0, "ca_bundles": 0, "listeners": 1, "pools": 0, "targets": 0, "probes": 0, "settings": 0, "rewrites": 0, "rules": 0},
		Conditions: []api.Condition{{Kind: "listener", Name: "b", Path: "port", Message: "is odd"}},
		Retired:    []api.Retired{},
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

func TestHealthOfOnePool(t *testing.T) {
	g := start(t, nil)
	g.do(t, "PUT", "/v1/pools/a", `{"name":"a"}`, "If-None-Match", "*").want(t, 201)
	g.views.health = api.Health{Pools: map[string]api.PoolHealth{
		"a": {Settings: map[string]api.SettingHealth{"s": {Targets: map[string]api.TargetHealth{"x": {State: api.Healthy, Results: []api.ProbeResult{{OK: true}}}}}}},
		"b": {},
	}}
	var got api.Health
	if err := json.Unmarshal([]byte(g.do(t, "GET", "/v1/health?pool=a", "").want(t, 200).body), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]api.PoolHealth{"a": g.views.health.Pools["a"]}, got.Pools); diff != "" {
		t.Errorf("health of a (-want +got):\n%s", diff)
	}
	for _, name := range []string{"b", ""} {
		if e := g.do(t, "GET", "/v1/health?pool="+name, "").want(t, 404).problem(); !strings.Contains(e.Detail, "There is no pool") {
			t.Errorf("pool %q: %v", name, e)
		}
	}
	g.do(t, "GET", "/v1/health?pools=a", "").want(t, 400)
}

func TestExplain(t *testing.T) {
	g := start(t, nil)
	q := api.Question{URL: "http://a/b%2Fc?d=e&f", Method: "PUT", Headers: []string{"A: b", "C: d"}, Client: "10.0.0.1", AtListener: "l"}
	var got api.Explanation
	if err := json.Unmarshal([]byte(g.do(t, "GET", "/v1/explain?"+q.Values().Encode(), "").want(t, 200).body), &got); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%q", q); got.Rule != want {
		t.Errorf("asked %s, want %s", got.Rule, want)
	}
	if e := g.do(t, "GET", "/v1/explain", "").want(t, 400).problem(); len(e.Problems) != 1 || e.Problems[0].Path != "url" {
		t.Errorf("without a URL: %v", e)
	}
	g.do(t, "GET", "/v1/explain?url=http://a/&verb=GET", "").want(t, 400)
	g.do(t, "GET", "/v1/explain?url=http://a/", "", "Authorization", "").want(t, 401)
}

func TestDrains(t *testing.T) {
	g := start(t, nil)
	g.views.drains = 7
	var got api.Drains
	if err := json.Unmarshal([]byte(g.do(t, "GET", "/v1/drains/3", "").want(t, 200).body), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(api.Drains{Revision: 3, Open: 7, Drains: []api.Drain{}}, got); diff != "" {
		t.Errorf("drains (-want +got):\n%s", diff)
	}
	g.do(t, "GET", "/v1/drains/4", "").want(t, 404)
	for _, wrong := range []string{"x", "-1", "1.5", "18446744073709551616"} {
		g.do(t, "GET", "/v1/drains/"+wrong, "").want(t, 400)
	}
	g.do(t, "DELETE", "/v1/drains/3", "").want(t, 405)
	g.do(t, "GET", "/v1/drains/3", "", "Authorization", "").want(t, 401)
}

func TestEveryWriteIsOneLineOfTheLog(t *testing.T) {
	g := start(t, nil)
	g.do(t, "PUT", "/v1/pools/a", `{"name":"a","targets":{"secret":{"address":"10.0.0.1"}}}`, "If-None-Match", "*", "Idempotency-Key", "hidden-key").want(t, 201)
	g.do(t, "DELETE", "/v1/pools/b", "").want(t, 404)
	g.do(t, "PUT", "/v1/pools/a", `{}`, "If-Match", "*", "Authorization", "").want(t, 401)
	g.do(t, "GET", "/v1/pools/a", "").want(t, 200)
	var lines []string
	for line := range strings.Lines(g.log.String()) {
		if strings.Contains(line, "Admin write.") {
			lines = append(lines, line)
		}
	}
	for i, words := range [][]string{
		{"method=PUT", "path=/v1/pools/a", "status=201", "outcome=created", "revision=1"},
		{"method=DELETE", "path=/v1/pools/b", "status=404"},
		{"method=PUT", "path=/v1/pools/a", "status=401"},
	} {
		for _, word := range words {
			if len(lines) != 3 || !strings.Contains(lines[i], word) {
				t.Fatalf("line %d lacks %s: %q", i, word, lines)
			}
		}
	}
	for _, word := range []string{"secret", "hidden-key", "canary"} {
		if strings.Contains(g.log.String(), word) {
			t.Errorf("the log holds %q", word)
		}
	}
}

package admin

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

func TestChangesAreAllOrNothing(t *testing.T) {
	g := start(t, nil)
	body := `{"changes":[
		{"kind":"rule","name":"r","put":{"name":"r","listener":"l","pool":"p","setting":"s"}},
		{"kind":"listener","name":"l","put":{"name":"l","port":80}},
		{"kind":"pool","name":"p","put":{"name":"p"},"if_none_match":true},
		{"kind":"setting","name":"s","put":{"name":"s"}}]}`
	a := g.do(t, "POST", "/v1/changes", body).want(t, 200)
	var got api.ChangesAnswer
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Results) != 4 || got.Revision != 1 || got.Results[0].ETag != `"1"` || got.Results[0].ID == "" {
		t.Errorf("answer %s", a.body)
	}
	before := g.do(t, "GET", "/v1/config", "").want(t, 200).body

	bad := `{"changes":[
		{"kind":"pool","name":"q","put":{"name":"q"}},
		{"kind":"listener","name":"l","put":{"name":"l","port":0}},
		{"kind":"rule","name":"r","put":{"name":"r","listener":"l","pool":"p","setting":"s","priority":0}}]}`
	e := g.do(t, "POST", "/v1/changes", bad).want(t, 422).problem()
	var paths []string
	for _, p := range e.Problems {
		paths = append(paths, p.Path)
	}
	if diff := cmp.Diff([]string{"changes[1].put.port", "changes[2].put.priority"}, paths); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	if ps := e.ProblemsOf(1); len(ps) != 1 || ps[0].Path != "port" {
		t.Errorf("problems of change 1: %v", ps)
	}
	if after := g.do(t, "GET", "/v1/config", "").want(t, 200).body; after != before {
		t.Errorf("a refused change left something behind:\n%s\n%s", before, after)
	}
	for body, path := range map[string]string{
		`{"changes":[]}`: "changes",
		`{}`:             "changes",
		`{"changes":[{"kind":"pool","name":"p"}]}`:                                                   "changes[0]",
		`{"changes":[{"kind":"pool","name":"p","put":{"name":"p"},"delete":true}]}`:                  "changes[0]",
		`{"changes":[{"kind":"pools","name":"p","delete":true}]}`:                                    "changes[0].kind",
		`{"changes":[{"kind":"pool","delete":true}]}`:                                                "changes[0].name",
		`{"changes":[{"kind":"pool","name":"p","put":{"name":"p","x":1}}]}`:                          "changes[0].put.x",
		`{"changes":[{"kind":"pool","name":"p","delete":true,"if_none_match":true}]}`:                "changes[0].if_none_match",
		`{"changes":[{"kind":"pool","name":"p","delete":true,"If_Match":1}]}`:                        "changes[0].If_Match",
		`{"changes":[{"kind":"pool","name":"p","put":{"name":"p","targets":{"a":{"address":""}}}}]}`: `changes[0].put.targets["a"].address`,
	} {
		if e := g.do(t, "POST", "/v1/changes", body).want(t, 422).problem(); len(e.Problems) == 0 || e.Problems[0].Path != path {
			t.Errorf("%s: problems %v, want one at %s", body, e.Problems, path)
		}
	}
	e = g.do(t, "POST", "/v1/changes", `{"changes":[{"kind":"pool","name":"p","put":{"name":"p2"},"if_match":77}]}`).want(t, 412).problem()
	if e.Reason() != api.Changed || e.Current != 1 {
		t.Errorf("a stale change: %v, current %d", e, e.Current)
	}
}

func TestChangeOfTheWireIsWhatIsRead(t *testing.T) {
	sent := api.Changes{Changes: []api.Change{{
		Kind: "pool", Name: "n", ID: "i", Put: json.RawMessage(`{"name":"n"}`), Delete: true, IfMatch: 7, IfNoneMatch: true,
	}}}
	var read changesBody
	if ps := spec.Unmarshal([]byte(encode(sent)), &read); len(ps) > 0 {
		t.Fatal(ps)
	}
	if diff := cmp.Diff(encode(sent), encode(read)); diff != "" {
		t.Errorf("what is read is not what was sent:\n%s", diff)
	}
}

func TestConfigIsReplacedInOneCommit(t *testing.T) {
	g := start(t, nil)
	empty := g.do(t, "GET", "/v1/config", "").want(t, 200)
	if empty.header.Get("ETag") != `"0"` {
		t.Errorf("ETag of the empty configuration: %s", empty.header.Get("ETag"))
	}
	first := `{"listeners":[{"name":"l","port":80}],"pools":[{"name":"p"},{"name":"q"}],"settings":[{"name":"s"}],
		"rules":[{"name":"r","listener":"l","pool":"p","setting":"s"}]}`
	g.do(t, "PUT", "/v1/config", first).want(t, 428)
	g.do(t, "PUT", "/v1/config", first, "If-None-Match", "*").want(t, 400)
	a := g.do(t, "PUT", "/v1/config", first, "If-Match", `"0"`).want(t, 200)
	if a.header.Get("ETag") != `"1"` {
		t.Errorf("ETag %s", a.header.Get("ETag"))
	}
	document := g.do(t, "GET", "/v1/config", "").want(t, 200)
	again := g.do(t, "PUT", "/v1/config", document.body, "If-Match", `"0"`).want(t, 200)
	var nothing api.ChangesAnswer
	if err := json.Unmarshal([]byte(again.body), &nothing); err != nil || len(nothing.Results) != 0 || nothing.Revision != 1 {
		t.Errorf("an equal configuration: %s", again.body)
	}

	second := `{"listeners":[{"name":"l","port":81}],"pools":[{"name":"new"}],"settings":[{"name":"s"}],
		"rules":[{"name":"r","listener":"l","pool":"new","setting":"s"}]}`
	if e := g.do(t, "PUT", "/v1/config", second, "If-Match", `"7"`).want(t, 412).problem(); e.Current != 1 || e.Reason() != api.Changed {
		t.Errorf("a stale configuration: %v", e)
	}
	var answer api.ChangesAnswer
	if err := json.Unmarshal([]byte(g.do(t, "PUT", "/v1/config", second, "If-Match", `"1"`).want(t, 200).body), &answer); err != nil {
		t.Fatal(err)
	}
	var outcomes []string
	for _, r := range answer.Results {
		outcomes = append(outcomes, r.Outcome+" "+r.Kind+" "+r.Name)
	}
	want := []string{"updated listener l", "created pool new", "updated rule r", "deleted pool p", "deleted pool q"}
	if diff := cmp.Diff(want, outcomes); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if len(g.items(t, "/v1/pools?retired=true")) != 0 {
		t.Error("a pool that nobody names any more is retired")
	}

	for body, path := range map[string]string{
		`{"pools":[{"name":"a"},{"name":"a"}]}`:                                 "pools[1].name",
		`{"pools":[{"name":"a"},{"targets":{}}]}`:                               "pools[1].name",
		`{"pools":[{"name":"a"}],"listeners":[{"name":"x","port":0}]}`:          "listeners[0].port",
		`{"rules":[{"name":"r","listener":"gone","pool":"new","setting":"s"}]}`: "rules[0].listener",
		`{"pool":[]}`:                           "pool",
		`{"pools":[{"name":"a","Targets":{}}]}`: "pools[0].Targets",
	} {
		e := g.do(t, "PUT", "/v1/config", body, "If-Match", "*").want(t, 422).problem()
		if len(e.Problems) == 0 || e.Problems[0].Path != path {
			t.Errorf("%s: problems %v, want one at %s", body, e.Problems, path)
		}
	}
	if now := g.do(t, "GET", "/v1/config", "").want(t, 200); now.header.Get("ETag") != `"2"` || !strings.Contains(now.body, `"new"`) {
		t.Errorf("a refused configuration left something behind: %v %s", now.header, now.body)
	}
	g.do(t, "PUT", "/v1/config", `{}`, "If-Match", "*").want(t, 200)
	if now := g.do(t, "GET", "/v1/config", "").want(t, 200); now.body != `{"certificates":[],"ca_bundles":[],"listeners":[],"pools":[],"targets":[],"probes":[],"settings":[],"rewrites":[],"rules":[]}`+"\n" {
		t.Errorf("the empty configuration: %s", now.body)
	}
}

// TestConfigIsReplacedOnceAKey repeats replacements under their keys after others wrote, as a client does that lost the
// answer and tries again.
func TestConfigIsReplacedOnceAKey(t *testing.T) {
	g := start(t, nil)
	const document = `{"pools":[{"name":"p"}]}`
	put := func(body, match, key string) answer {
		t.Helper()
		return g.do(t, "PUT", "/v1/config", body, "If-Match", match, api.HeaderIdempotencyKey, key)
	}
	any := put(document, "*", "k").want(t, 200)
	g.create(t, "pools", `{"name":"x"}`)
	again := put(document, "*", "k").want(t, 200)
	if again.body != any.body || again.header.Get("ETag") != `"1"` || again.header.Get(api.HeaderRevision) != "1" {
		t.Errorf("the repeat answers %v %s, the first %s", again.header, again.body, any.body)
	}
	g.do(t, "GET", "/v1/pools/x", "").want(t, 200)

	const both = `{"pools":[{"name":"p"},{"name":"x"},{"name":"y"}]}`
	exact := put(both, `"2"`, "k2").want(t, 200)
	g.create(t, "pools", `{"name":"z"}`)
	if again := put(both, `"2"`, "k2").want(t, 200); again.body != exact.body || again.header.Get("ETag") != `"3"` {
		t.Errorf("the repeat answers %v %s, the first %s", again.header, again.body, exact.body)
	}
	// Another document, condition or key is another request, and a dry run is none.
	put(both, `"2"`, "k3").want(t, 412)
	put(both+" ", `"2"`, "k2").want(t, 412)
	put(both, `"3"`, "k2").want(t, 412)
	g.do(t, "PUT", "/v1/config?dry_run=true", `{}`, "If-Match", "*", api.HeaderIdempotencyKey, "k4").want(t, 200)
	put(`{}`, "*", "k4").want(t, 200)
	if left := g.items(t, "/v1/pools"); len(left) != 0 {
		t.Errorf("%d pools are left", len(left))
	}
	// A key that is used again for another document does not leave out what both have.
	put(document, "*", "k").want(t, 200)
	if left := g.items(t, "/v1/pools"); len(left) != 0 {
		t.Errorf("the repeat made %d pools", len(left))
	}
	put(`{"pools":[{"name":"p"},{"name":"q"}]}`, "*", "k").want(t, 200)
	if left := g.items(t, "/v1/pools"); len(left) != 2 {
		t.Errorf("%d pools, want 2", len(left))
	}
}

func TestReplacementsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r replacements
		big := make([]byte, maxReplaced/2+1)
		r.add("a", replaced{1, big})
		r.add("b", replaced{2, big})
		if _, found := r.get("a"); found {
			t.Error("more is remembered than may be")
		}
		if answer, found := r.get("b"); !found || answer.revision != 2 {
			t.Errorf("the last answer: %d, %v", answer.revision, found)
		}
		time.Sleep(replacedFor + 1)
		if _, found := r.get("b"); found || r.bytes != 0 || len(r.order) != 0 {
			t.Error("an old answer is remembered")
		}
	})
}

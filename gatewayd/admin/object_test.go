package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

func TestObjectOfEveryKindLives(t *testing.T) {
	g := start(t, nil)
	g.base(t)
	for _, kind := range spec.Kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			path := api.ObjectPath(kind, "one")
			body := encode(least(t, kind, "one"))
			g.do(t, "GET", path, "").want(t, 404)
			if e := g.do(t, "PUT", path, body).want(t, 428).problem(); !strings.Contains(e.Detail, `If-None-Match: * to create it`) || !strings.Contains(e.Detail, `If-Match: "REVISION"`) {
				t.Errorf("a PUT that says nothing is told %q", e.Detail)
			}
			created := g.do(t, "PUT", path, body, "If-None-Match", "*").want(t, 201)
			if created.header.Get("Location") != path || created.header.Get(api.HeaderID) == "" {
				t.Errorf("create: headers %v", created.header)
			}
			read := g.do(t, "GET", path, "").want(t, 200)
			if read.body != created.body || read.header.Get("ETag") != created.header.Get("ETag") {
				t.Errorf("a GET answers %s, the PUT before it %s", read.body, created.body)
			}
			if head := g.do(t, "HEAD", path, "").want(t, 200); head.body != "" || head.header.Get("ETag") == "" {
				t.Errorf("HEAD: %v %q", head.header, head.body)
			}

			again := g.do(t, "PUT", path, read.body, "If-Match", read.header.Get("ETag")).want(t, 200)
			if again.header.Get(api.HeaderOutcome) != "unchanged" || again.header.Get("ETag") != read.header.Get("ETag") {
				t.Errorf("an equal write: headers %v", again.header)
			}
			if e := g.do(t, "PUT", path, body, "If-None-Match", "*").want(t, 412).problem(); e.Reason() != api.Exists {
				t.Errorf("a second create: %v", e)
			}

			renamed := encode(least(t, kind, "two"))
			if e := g.do(t, "PUT", path, renamed, "If-Match", `"99999"`).want(t, 412).problem(); e.Reason() != api.Changed || api.ETag(e.Current) != read.header.Get("ETag") {
				t.Errorf("a stale write: %v, current %d", e, e.Current)
			}
			g.do(t, "PUT", path, renamed, "If-Match", read.header.Get("ETag")).want(t, 200)
			g.do(t, "GET", path, "").want(t, 404)
			found := g.do(t, "GET", path+"?id="+read.header.Get(api.HeaderID), "").want(t, 200)
			if found.header.Get(api.HeaderID) != read.header.Get(api.HeaderID) || !strings.Contains(found.body, `"two"`) {
				t.Errorf("a read by id: %v %s", found.header, found.body)
			}
			g.do(t, "PUT", api.ObjectPath(kind, "two"), body, "If-Match", "*").want(t, 200)
			g.do(t, "PUT", api.ObjectPath(kind, "two"), body, "If-Match", "*").want(t, 404)
			g.do(t, "DELETE", path, "", "If-Match", `"99999"`).want(t, 412)
			g.do(t, "DELETE", path+"?id=another", "").want(t, 404)
			g.do(t, "DELETE", path, "").want(t, 204)
			g.do(t, "DELETE", path, "").want(t, 404)
		})
	}
}

// TestReadIsOfNow reads a rule under its ETag after the pool that it names was renamed: the ETag is that of before, since
// nobody wrote the rule, and the body is not.
func TestReadIsOfNow(t *testing.T) {
	g := start(t, nil)
	g.base(t)
	before := g.do(t, "GET", "/v1/rules/base", "").want(t, 200)
	g.do(t, "PUT", "/v1/pools/base", `{"name":"renamed"}`, "If-Match", "*").want(t, 200)
	after := g.do(t, "GET", "/v1/rules/base", "", "If-None-Match", before.header.Get("ETag")).want(t, 200)
	if !strings.Contains(after.body, "renamed") || after.header.Get("ETag") != before.header.Get("ETag") {
		t.Errorf("the rule is %s, ETag %s", after.body, after.header.Get("ETag"))
	}
}

func TestIDThatIsGoneFallsBackToTheName(t *testing.T) {
	g := start(t, nil)
	g.create(t, "pools", `{"name":"web"}`)
	a := g.do(t, "GET", "/v1/pools/web?id=gone", "").want(t, 200)
	if a.header.Get(api.HeaderID) == "gone" {
		t.Errorf("headers %v", a.header)
	}
}

func TestRetiredObjects(t *testing.T) {
	g := start(t, nil)
	g.base(t)
	deleted := g.do(t, "DELETE", "/v1/pools/base", "").want(t, 200)
	want := api.Deleted{Retired: true, Holders: []api.Holder{{Kind: "target", Name: "base"}, {Kind: "rule", Name: "base"}}}
	var got api.Deleted
	if err := json.Unmarshal([]byte(deleted.body), &got); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("DELETE answers %s: %v %s", deleted.body, err, cmp.Diff(want, got))
	}
	g.do(t, "GET", "/v1/pools/base", "").want(t, 404)
	if live := g.items(t, "/v1/pools"); len(live) != 0 {
		t.Errorf("a retired pool is listed: %v", live)
	}
	if retired := g.items(t, "/v1/pools?retired=true"); len(retired) != 1 || !retired[0].Retired {
		t.Errorf("retired pools: %v", retired)
	}
	read := g.do(t, "GET", "/v1/pools/base?retired=true", "").want(t, 200)
	if read.header.Get(api.HeaderRetired) != "true" {
		t.Errorf("headers %v", read.header)
	}
	g.do(t, "GET", "/v1/rules/base?retired=true", "").want(t, 404)

	rule := g.do(t, "GET", "/v1/rules/base", "").want(t, 200)
	warnings := rule.header.Values(api.HeaderWarning)
	if len(warnings) != 1 || api.ParseWarning(warnings[0]).Path != "pool" {
		t.Errorf("warnings of a rule whose pool is retired: %q", warnings)
	}
	var status api.Status
	if err := json.Unmarshal([]byte(g.do(t, "GET", "/v1/status", "").want(t, 200).body), &status); err != nil {
		t.Fatal(err)
	}
	if len(status.Retired) != 1 || status.Retired[0].Name != "base" || len(status.Retired[0].Holders) != 2 || status.Objects["pools"] != 0 {
		t.Errorf("status: %+v", status)
	}

	g.do(t, "DELETE", "/v1/pools/base", "").want(t, 404)
	g.do(t, "DELETE", "/v1/pools/base?retired=true", "").want(t, 200)
	g.do(t, "GET", "/v1/pools/base?retired=true", "").want(t, 404)
	revived := g.do(t, "PUT", "/v1/pools/base", `{"name":"base"}`, "If-None-Match", "*").want(t, 201)
	if revived.header.Get(api.HeaderOutcome) != "created" {
		t.Errorf("headers %v", revived.header)
	}
}

// items reads every page of a list.
func (g *gateway) items(t testing.TB, path string) []api.Item {
	t.Helper()
	var items []api.Item
	next := ""
	for {
		at := path
		if next != "" {
			at += "&next=" + next
		}
		var page api.Page
		if err := json.Unmarshal([]byte(g.do(t, "GET", at, "").want(t, 200).body), &page); err != nil {
			t.Fatal(err)
		}
		items = append(items, page.Items...)
		if next = page.Next; next == "" {
			return items
		}
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	g := start(t, nil)
	g.base(t)
	before := g.do(t, "GET", "/v1/config", "").want(t, 200)
	for _, request := range []struct{ method, path, body, outcome string }{
		{"PUT", "/v1/pools/new?dry_run=true", `{"name":"new"}`, "created"},
		{"DELETE", "/v1/pools/base?dry_run=true", "", "retired"},
		{"DELETE", "/v1/rules/base?dry_run=true", "", "deleted"},
		{"POST", "/v1/changes?dry_run=true", `{"changes":[{"kind":"pool","name":"base","put":{"name":"other"}}]}`, "updated"},
		{"PUT", "/v1/config?dry_run=true", `{"pools":[{"name":"new"}]}`, "created"},
	} {
		headers := []string{"If-None-Match", "*"}
		if request.method != "PUT" {
			headers = nil
		}
		if strings.Contains(request.path, "config") {
			headers = []string{"If-Match", "*"}
		}
		a := g.do(t, request.method, request.path, request.body, headers...).want(t, 200)
		var got api.ChangesAnswer
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || len(got.Results) == 0 || got.Results[0].Outcome != request.outcome {
			t.Errorf("%s %s answers %s", request.method, request.path, a.body)
		}
	}
	after := g.do(t, "GET", "/v1/config", "").want(t, 200)
	if after.body != before.body || after.header.Get("ETag") != before.header.Get("ETag") {
		t.Errorf("dry runs changed the configuration:\n%s\n%s", before.body, after.body)
	}
	g.do(t, "PUT", "/v1/pools/new?dry_run=true", `{"name":"new","port":1}`, "If-None-Match", "*").want(t, 422)
	g.do(t, "PUT", "/v1/pools/new?dry_run=yes", `{"name":"new"}`, "If-None-Match", "*").want(t, 400)
	g.do(t, "PUT", "/v1/pools/new?dryrun=true", `{"name":"new"}`, "If-None-Match", "*").want(t, 400)
}

func TestPagesAreStableUnderWrites(t *testing.T) {
	g := start(t, nil)
	const stay = 300
	var changes []string
	for i := range stay {
		changes = append(changes, fmt.Sprintf(`{"kind":"pool","name":"stay-%03d","put":{"name":"stay-%03d"}}`, i, i))
	}
	g.do(t, "POST", "/v1/changes", `{"changes":[`+strings.Join(changes, ",")+`]}`).want(t, 200)

	stop := make(chan struct{})
	var writers sync.WaitGroup
	for w := range 2 {
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				name := fmt.Sprintf("%c-%d-%d", "az"[w], w, i%50)
				g.do(t, "PUT", "/v1/pools/"+name, `{"name":"`+name+`"}`, "If-None-Match", "*")
				g.do(t, "DELETE", "/v1/pools/"+name, "")
			}
		})
	}
	for range 3 {
		seen := map[string]int{}
		last := ""
		for _, item := range g.items(t, "/v1/pools?limit=7") {
			if item.Name <= last {
				t.Fatalf("%q comes behind %q", item.Name, last)
			}
			last = item.Name
			seen[item.Name]++
		}
		for i := range stay {
			if name := fmt.Sprintf("stay-%03d", i); seen[name] != 1 {
				t.Errorf("%s was listed %d times", name, seen[name])
			}
		}
	}
	close(stop)
	writers.Wait()
	for _, query := range []string{"limit=0", "limit=1001", "limit=x", "next=%25", "next=", "limit=1&limit=2", "other=1"} {
		g.do(t, "GET", "/v1/pools?"+query, "").want(t, http.StatusBadRequest)
	}
}

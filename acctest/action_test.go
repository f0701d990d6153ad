package acctest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// answered is what a request for a path gets, as sent says it.
func answered(tb testing.TB, port int, path string) string {
	tb.Helper()
	return sent(tb, port, "GET "+path)
}

// sent is what a request gets, in a line: the status, who answers, and what the target saw; or where it leads. The request
// is words too: method and path, and fields as Name:value.
func sent(tb testing.TB, port int, request string) string {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, gatewaytest.URL("http", port, "/"), nil)
	if err != nil {
		tb.Fatal(err)
	}
	for _, word := range strings.Fields(request) {
		name, value, field := strings.Cut(word, ":")
		path, query, _ := strings.Cut(word, "?")
		switch {
		case word[0] == '/':
			r.URL.Path, r.URL.RawQuery = path, query
		case !field:
			r.Method = word
		case name == "Host":
			r.Host = value
		default:
			r.Header.Set(name, value)
		}
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	if err != nil {
		tb.Error(err)
		return ""
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		tb.Error(err)
	}
	backend := answer.Header.Get(gatewaytest.BackendHeader)
	if backend == "" {
		if to := answer.Header.Get("Location"); to != "" {
			return fmt.Sprintf("%d to %s", answer.StatusCode, to)
		}
		return fmt.Sprintf("%d %s", answer.StatusCode, text)
	}
	var seen gatewaytest.Seen
	if err := json.Unmarshal(text, &seen); err != nil {
		return fmt.Sprintf("%d of %s", answer.StatusCode, backend)
	}
	return fmt.Sprintf("%d of %s to %s for %s, %s", answer.StatusCode, backend, seen.Target, seen.Header.Get("X-Action"), answer.Header.Get("X-Rewritten"))
}

// TestActions: a rule turns from a pool to a redirect, an answer of its own, a split and back, in place, and its rewrite
// with it. What it names is renamed and replaced under it. The WebSocket of another rule goes on, and requests that a
// split serves do not fail, nor those of a rule that is not Terraform's and holds a pool that Terraform deleted.
func TestActions(t *testing.T) {
	s := newStage(t)
	port, other := s.port("port"), s.port("other")
	s.backend("blue")
	s.backend("green")
	plain := map[string]string{"listener": "other", "pool": "green", "setting": "web"}
	renamed := map[string]string{"listener": "elsewhere", "pool": "emerald", "setting": "patient"}
	var tunnel *talk
	var requests *load
	var byHand uint64
	step := func(action string, names map[string]string, shop string, more ...func(*resource.TestStep)) resource.TestStep {
		s.variables["action"], s.variables["names"] = action, names
		checks := after(func() {
			if tunnel == nil {
				tunnel = startTalk(t, port, "/chat", 20*time.Millisecond)
			}
			if got := answered(t, port, "/shop/headers?a=1"); got != shop {
				t.Errorf("%s: want %s, got %s", action, shop, got)
			}
			if got, want := answered(t, port, "/door"), fmt.Sprintf("302 to http://127.0.0.1:%d/door", other); got != want {
				t.Errorf("%s: want %s, got %s", action, want, got)
			}
			tunnel.alive(t, "of another rule, beside "+action)
			if requests != nil {
				requests.wait(50)
			}
		})
		return s.step("actions", append([]func(*resource.TestStep){checks}, more...)...)
	}
	does := func(changed map[string]string) func(*resource.TestStep) {
		return planned(actions(changed))
	}
	const rule, door, chat, rewrite, pool = "gatewayd_rule.shop", "gatewayd_rule.door", "gatewayd_rule.chat", "gatewayd_rewrite.shop", "gatewayd_pool.green[0]"
	turned := does(map[string]string{rule: "update", rewrite: "update"})
	s.variables["green_is_there"] = true
	steps := []resource.TestStep{
		step("pool", plain, "200 of blue to /headers?from=shop for pool, pool"),
		step("redirect", plain, "308 to https://new.example/moved/shop/headers?a=1", turned),
		step("respond", plain, "503 closed", turned),
		step("split", plain, "200 of green to /headers?from=shop for split, split", turned, after(func() {
			requests = startLoad(t, port)
			meta, err := s.gateway.Client().Create(t.Context(), spec.Rules, &spec.Rule{Name: "by-hand", Listener: "other",
				Split: map[string]spec.Share{"x": {Pool: "green", Setting: "web", Weight: 1}}}, "")
			if err != nil {
				t.Fatal(err)
			}
			byHand = meta.Revision
		})),
		step("split", renamed, "200 of green to /headers?from=shop for split, split", does(map[string]string{pool: "update",
			"gatewayd_listener.other": "update", "gatewayd_setting.web": "update", rule: "update", chat: "update", door: "update"}), after(func() {
			o, revision := s.get(spec.Rules, "by-hand")
			if r := o.(*spec.Rule); r.Listener != "elsewhere" || r.Split["x"].Pool != "emerald" || r.Split["x"].Setting != "patient" || revision != byHand {
				t.Errorf("the rule is %+v at revision %d, and was written at %d", r, revision, byHand)
			}
		})),
		step("split", renamed, "200 of green to /headers?from=shop for split, split", does(map[string]string{pool: "replace"}),
			func(step *resource.TestStep) { step.Taint = []string{pool} }, after(func() { requests.end(); requests = nil })),
	}
	s.variables["green_is_there"] = false
	steps = append(steps, step("pool", renamed, "200 of blue to /headers?from=shop for pool, pool", does(map[string]string{pool: "delete", rule: "update", rewrite: "update"}),
		after(func() {
			if got := answered(t, other, "/bytes/1"); got != "200 of green" {
				t.Errorf("want an answer of the retired pool, got %s", got)
			}
			status, err := s.gateway.Client().Status(t.Context())
			if err != nil || len(status.Retired) != 1 || status.Retired[0].Name != "emerald" || status.Retired[0].Holders[0].Name != "by-hand" {
				t.Errorf("want emerald retired, held by by-hand, got %+v and %v", status, err)
			}
			if _, err := s.gateway.Client().Delete(t.Context(), spec.Rules, "by-hand", byHand, ""); err != nil {
				t.Error(err)
			}
			tunnel.end(t, "of another rule")
		})))
	s.run(steps...)
}

package plane

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestExplain asks what would become of requests, of a gateway that serves.
func TestExplain(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	good, dead := answering(t, http.StatusOK), answering(t, http.StatusServiceUnavailable)
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Listeners, `{"name":"l","address":"127.0.0.1","port":%d,"hostnames":["a.test","b.test"],"max_url_bytes":1024}`, port)
		r.put(d, spec.Pools, `{"name":"p","targets":{"good":{"address":"127.0.0.1","port":%s},"dead":{"address":"127.0.0.1","port":%s}}}`, good, dead)
		r.put(d, spec.Pools, `{"name":"empty"}`)
		r.put(d, spec.Probes, `{"name":"often","interval":"100ms"}`)
		r.put(d, spec.Settings, `{"name":"s","probe":"often","path_prefix":"/v2"}`)
		r.put(d, spec.Rules, `{"name":"chat","listener":"l","pool":"p","setting":"s","match":{"paths":["/chat*"],"methods":["GET"]}}`)
		r.put(d, spec.Rules, `{"name":"canary","listener":"l","pool":"p","setting":"s","match":{"paths":["/chat*"],"headers":{"X-Canary":{"equals":["yes"]}}}}`)
		r.put(d, spec.Rules, `{"name":"longer","listener":"l","pool":"empty","setting":"s","match":{"paths":["/chat/empty"]}}`)
		r.put(d, spec.Rules, `{"name":"other","listener":"l","pool":"p","setting":"s","match":{"hostnames":["b.test"]}}`)
		r.put(d, spec.Rules, `{"name":"wide","listener":"l","pool":"p","setting":"s","match":{"paths":["/ch*"]}}`)
	})
	// A pool hears of a verdict a moment after it is shown, so both must be there.
	ready := func(e api.Explanation) bool {
		return len(e.Targets) == 2 && e.Targets[0].State == api.Unhealthy && !e.Targets[0].Choice && e.Targets[1].State == api.Healthy && e.Targets[1].Choice
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		e, _ := r.plane.Explain(api.Question{URL: fmt.Sprintf("http://a.test:%d/chat", port)})
		if ready(e) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the targets are %v", e.Targets)
		}
	}
	for _, c := range []struct {
		path, want string // of the URL; what is told
		q          api.Question
	}{
		{"/Chat/%41?q", "rule chat, /v2/%41?q for /chat/a; good; wide: rule \"chat\" comes first; canary: match asks for header \"x-canary\" equal to \"yes\"; longer: match.paths does not take \"/chat/a\"; other: match.hostnames does not take \"a.test\"",
			api.Question{}},
		{"/chat", "rule canary, /v2 for /chat; good; wide: rule \"canary\" comes first; chat: match asks for method GET; longer: match.paths does not take \"/chat\"; other: match.hostnames does not take \"a.test\"",
			api.Question{Method: "POST", Headers: []string{"X-Canary: yes"}}},
		{"/chat/empty", "rule longer, 502 no_backend for /chat/empty; ; chat: rule \"longer\" comes first; wide: rule \"longer\" comes first; canary: ", api.Question{}},
		{"/x/../%2e%2e/", "rule , 400 bad_path for ; ; ", api.Question{}},
		{"/chat../x", "rule chat, 400 bad_path for /chat../x; ; wide", api.Question{}},
		{"/other", "rule , 404 no_rule for /other; ; canary: match.paths", api.Question{}},
		{"/other", "rule other, /v2/other for /other; good; canary", api.Question{Headers: []string{"host: B.test:1"}}},
		{"/other", "rule , 508 request_loop for /other; ; ", api.Question{Headers: []string{"CDN-Loop: gatewayd" + strings.Repeat(", gatewayd", 7)}}},
		{"/other", "rule , 404 no_listener for /other; ; ", api.Question{Headers: []string{"Host: c.test"}}},
		{"/chat", "rule , 400 bad_field_name for ; ; ", api.Question{Headers: []string{"X A: b"}}},
		{"/chat", "rule , 400 incomplete_head for ; ; ", api.Question{Headers: []string{""}}},
		{"/chat", "rule , 405 method_not_allowed for ; ; ", api.Question{Method: "TRACE"}},
		{"/chat", "rule chat, /v2 for /chat; good; ", api.Question{AtListener: "l"}},
		{"/" + strings.Repeat("x", 2000), "rule , 414 target_too_long for ; ; ", api.Question{}},
	} {
		c.q.URL = fmt.Sprintf("http://a.test:%d%s", port, c.path)
		e, ps := r.plane.Explain(c.q)
		if len(ps) > 0 {
			t.Errorf("%v: %v", c.q, ps)
			continue
		}
		what := e.Sent
		if e.Status != 0 {
			what = fmt.Sprint(e.Status, " ", e.Reason)
		}
		var choices, passed []string
		for _, x := range e.Targets {
			if x.Choice {
				choices = append(choices, x.Target)
			}
		}
		for _, p := range e.Passed {
			passed = append(passed, p.Rule+": "+p.Why)
		}
		got := fmt.Sprintf("rule %s, %s for %s; %s; %s", e.Rule, what, e.Path, strings.Join(choices, " "), strings.Join(passed, "; "))
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%q:\n got %s\nwant %s", c.q, got, c.want)
		}
		if e.Address != "127.0.0.1" || e.Port != port {
			t.Errorf("%q comes in at %s port %d", c.q, e.Address, e.Port)
		}
	}
	e, ps := r.plane.Explain(api.Question{URL: fmt.Sprintf("https://a.test:%d/", freePort(t))})
	if diff := cmp.Diff("no_listener", e.Reason); diff != "" || ps != nil {
		t.Errorf("where nobody listens: %s %v", diff, ps)
	}
}

func TestExplainRefusesWhatIsNoRequest(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		q    api.Question
		path string
	}{
		{api.Question{}, "url"},
		{api.Question{URL: "a.test/x"}, "url"},
		{api.Question{URL: "ftp://a.test/x"}, "url"},
		{api.Question{URL: "http://a.test/ x"}, "url"},
		{api.Question{URL: "http://a.test/", Method: "GET / HTTP/1.1\r\nA: b"}, "method"},
		{api.Question{URL: "http://a.test:0/"}, "url"},
		{api.Question{URL: "http://a.test:x/"}, "url"},
		{api.Question{URL: "http://a.test/", Client: "me"}, "client"},
		{api.Question{URL: "http://a.test/", AtListener: "none"}, "at_listener"},
	} {
		if _, ps := r.plane.Explain(c.q); len(ps) != 1 || ps[0].Path != c.path {
			t.Errorf("%q: %v, want a problem at %s", c.q, ps, c.path)
		}
	}
}

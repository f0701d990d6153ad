package plane

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// explained is an explanation in a line: rule, action, what is answered or sent, shares and rules on the way.
func explained(e *api.Explanation) string {
	var b strings.Builder
	told := func(status int, reason, sent string, targets []api.ExplainedTarget) {
		if status != 0 {
			fmt.Fprintf(&b, " %d%s", status, reason)
		}
		b.WriteString(sent)
		for _, x := range targets {
			fmt.Fprintf(&b, " %s:%t", x.Target, x.Choice)
		}
	}
	fmt.Fprintf(&b, "%s %s", e.Rule, e.Action)
	told(e.Status, e.Reason, e.Sent, e.Targets)
	b.WriteString(e.Location)
	for _, s := range e.Shares {
		fmt.Fprintf(&b, "; %s=%d to %s by %s: ", s.Share, s.Weight, s.Pool, s.Setting)
		told(s.Status, s.Reason, s.Sent, s.Targets)
	}
	if e.Rewritten {
		fmt.Fprintf(&b, "; rewritten after %q", e.Rerouted)
	}
	return b.String()
}

// TestExplainTellsWhatIsDone asks for an explanation of each request and makes it too: what is told must be what is done.
func TestExplainTellsWhatIsDone(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.RequestURI) }))
	t.Cleanup(backend.Close)
	_, target, _ := net.SplitHostPort(backend.Listener.Addr().String())
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Listeners, `{"name":"l","address":"127.0.0.1","port":%d}`, port)
		r.put(d, spec.Listeners, `{"name":"safe","address":"127.0.0.1","port":%d}`, freePort(t))
		r.put(d, spec.Listeners, `{"name":"lost","address":"127.0.0.1","port":%d}`, freePort(t))
		r.put(d, spec.Pools, `{"name":"p","targets":{"one":{"address":"127.0.0.1","port":%s}}}`, target)
		r.put(d, spec.Pools, `{"name":"empty"}`)
		r.put(d, spec.Pools, `{"name":"dropped"}`)
		r.put(d, spec.Settings, `{"name":"s"}`)
		r.put(d, spec.Settings, `{"name":"v2","path_prefix":"/v2"}`)
		r.put(d, spec.Rewrites, `{"name":"on","steps":[{"url":{"path":"/b{var_uri_path}","query":"n=1","reroute":true}}]}`)
		r.put(d, spec.Rewrites, `{"name":"new","steps":[{"url":{"path":"/new"}}]}`)
		r.put(d, spec.Rewrites, `{"name":"round","steps":[{"url":{"path":"/round","reroute":true}}]}`)
		r.put(d, spec.Rewrites, `{"name":"bad","steps":[{"url":{"path":"/a/..{var_uri_path}"}}]}`)
		r.put(d, spec.Rewrites, `{"name":"nowhere","steps":[{"url":{"path":"/nowhere","reroute":true}}]}`)
		for path, action := range map[string]string{
			"/pool/*": `"pool":"p","setting":"v2"`,
			"/gone":   `"pool":"dropped","setting":"s"`,
			"/page":   `"respond":{"status":410,"body":"over","content_type":"text/plain"}`,
			"/moved*": `"redirect":{"status":308,"url":"https://new.test/x?y=1","include_path":true,"include_query":true}`,
			"/safe":   `"redirect":{"status":302,"listener":"safe","include_path":true}`,
			"/lost":   `"redirect":{"status":302,"listener":"lost"}`,
			"/split*": `"split":{"a":{"pool":"p","setting":"v2","weight":3},"b":{"pool":"p","setting":"s","weight":1},"c":{"pool":"empty","setting":"s","weight":0}}`,
			"/none":   `"split":{"a":{"pool":"p","setting":"s","weight":0},"b":{"pool":"p","setting":"s","weight":0}}`,
			"/on/*":   `"pool":"empty","setting":"s","rewrite":"on"`,
			"/b/*":    `"split":{"a":{"pool":"p","setting":"v2","weight":1},"d":{"pool":"dropped","setting":"s","weight":0}},"rewrite":"new"`,
			"/round":  `"pool":"p","setting":"s","rewrite":"round"`,
			"/bad":    `"redirect":{"status":301,"url":"http://new.test/"},"rewrite":"bad"`,
			"/away":   `"respond":{"status":200},"rewrite":"nowhere"`,
		} {
			r.put(d, spec.Rules, `{"name":%q,"listener":"l","match":{"paths":[%q]},%s}`, strings.Trim(path, "/*"), path, action)
		}
	})
	r.publish(func(d *spec.Draft) { d.Remove(spec.Pools, "dropped"); d.Remove(spec.Listeners, "lost") })
	for path, want := range map[string]string{
		"/pool/a?q":    "pool pool/v2/a?q one:true",
		"/pool/%2e./":  "  400bad_path",
		"/gone":        "gone  502no_pool",
		"/page":        "page respond 410",
		"/moved/%41?q": "moved redirect 308https://new.test/x/moved/%41?y=1&q",
		"/safe":        "safe redirect 302http://127.0.0.1:",
		"/lost":        "lost  502no_redirect",
		"/split?q":     "split split; a=3 to p by v2: /v2?q one:true; b=1 to p by s: /split?q one:true; c=0 to empty by s:  502no_backend",
		"/none":        "none  502no_pool",
		"/on/x?q":      `b split; a=1 to p by v2: /v2/new?n=1 one:true; d=0 to dropped by s:  502no_pool; rewritten after ["on"]`,
		"/round":       `round  500rewrite_loop; rewritten after ["round" "round" "round" "round"]`,
		"/bad":         `bad  400bad_rewrite; rewritten after []`,
		"/away":        `  404no_rule; rewritten after ["away"]`,
		"/":            "  404no_rule",
		"/../%2e%2e/x": "  400bad_path",
	} {
		e, ps := r.plane.Explain(api.Question{URL: fmt.Sprintf("http://127.0.0.1:%d%s", port, path), Client: "127.0.0.1"})
		if got := explained(&e); ps != nil || !strings.HasPrefix(got, want) {
			t.Errorf("%s:\n got %s %v\nwant %s", path, got, ps, want)
		}
		done := answerOf(t, port, path)
		if e.Status != 0 {
			if told := fmt.Sprint(e.Status, e.Reason, e.Location); told != fmt.Sprint(done.StatusCode, done.Header.Get("Gatewayd-Reason"), done.Header.Get("Location")) {
				t.Errorf("%s: told %s, done %d %v", path, told, done.StatusCode, done.Header)
			}
			continue
		}
		sent := []string{e.Sent}
		for _, s := range e.Shares {
			sent = append(sent, s.Sent)
		}
		body, err := io.ReadAll(done.Body)
		if !strings.Contains(strings.Join(sent, "\n")+"\n", string(body)+"\n") || len(body) == 0 || done.StatusCode != 200 {
			t.Errorf("%s: told %q, sent %q (%d, %v)", path, sent, body, done.StatusCode, err)
		}
	}
}

// answerOf is the answer to a request whose path goes as it is written.
func answerOf(t *testing.T, port int, path string) *http.Response {
	t.Helper()
	req, err := http.NewRequest("GET", fmt.Sprintf("http://127.0.0.1:%d/", port), nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, query, _ := strings.Cut(path, "?")
	req.URL.Opaque, req.URL.RawQuery = raw, query
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store/memory"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

const testToken = "gatewayd_canary-0123456789abcdefghijklmnopqrstuv"

// A gateway is the API over a real controller and a store in memory. Its plane has no sockets: it serves what it gets.
type gateway struct {
	*httptest.Server
	control *control.Controller
	handler http.Handler
	views   *views
	log     *logText
}

type views struct {
	health   api.Health
	drains   int64
	tunnels  api.Tunnels
	asked    api.TunnelQuery
	closed   api.TunnelClose
	imagined bool
	stopping atomic.Bool
}

func (v *views) Health(pool string) api.Health {
	if pool != "" {
		return api.Health{Pools: map[string]api.PoolHealth{pool: v.health.Pools[pool]}}
	}
	return v.health
}

func (v *views) Drains(revision uint64) (api.Drains, bool) {
	return api.Drains{Revision: revision, Open: v.drains}, revision <= 3
}
func (v *views) Tunnels(q api.TunnelQuery) (api.Tunnels, spec.Problems) {
	if ps := q.Check(); len(ps) > 0 {
		return api.Tunnels{}, ps
	}
	v.asked = q
	return v.tunnels, nil
}
func (v *views) CloseTunnels(c *api.TunnelClose, dryRun bool) (api.TunnelsClosed, spec.Problems) {
	if ps := c.Check(); len(ps) > 0 {
		return api.TunnelsClosed{}, ps
	}
	v.closed, v.imagined = *c, dryRun
	return api.TunnelsClosed{Ends: 17, Ending: 3}, nil
}
func (v *views) Explain(q api.Question) (e api.Explanation, ps spec.Problems) {
	if q.URL == "" {
		ps.Add(api.ParamURL, "must be a URL")
	}
	return api.Explanation{Rule: fmt.Sprintf("%q", q)}, ps
}
func (v *views) Activity() api.Activity { return api.Activity{Loops: 2, Tunnels: 3} }
func (v *views) Stopping() bool         { return v.stopping.Load() }

// anything is a plane that can serve every set, but for two listeners: one on port 1, which is "taken", and one on
// port 2, which it serves in its own way.
type anything struct{}

func (p anything) Prepare(next *spec.Set, lenient bool) (control.Prepared, []control.ObjectProblem) {
	for _, e := range next.All(spec.Listeners) {
		if e.Object.(*spec.Listener).Port == 1 && !lenient {
			return nil, []control.ObjectProblem{{Kind: spec.Listeners, Name: e.Name(), Problem: spec.Problem{Path: "port", Message: "is taken"}}}
		}
	}
	return p, p.Inspect(next)
}

func (anything) Inspect(next *spec.Set) []control.ObjectProblem {
	var odd []control.ObjectProblem
	for _, e := range next.All(spec.Listeners) {
		if e.Object.(*spec.Listener).Port == 2 {
			odd = append(odd, control.ObjectProblem{Kind: spec.Listeners, Name: e.Name(), Problem: spec.Problem{Path: "port", Message: "is odd"}})
		}
	}
	return odd
}

func (anything) Publish() {}
func (anything) Discard() {}

// logText collects the log.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start serves the API on loopback, behind wrap if there is one.
func start(t testing.TB, wrap func(http.Handler) http.Handler) *gateway {
	t.Helper()
	g := &gateway{views: &views{}, log: &logText{}}
	log := slog.New(slog.NewTextHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	store := memory.Open()
	var err error
	g.control, err = control.Open(t.Context(), control.Config{Store: store, Plane: anything{}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	g.handler = New(Config{
		Control: g.control, Views: g.views, Auth: NewToken(testToken), Version: "1.2.3", Node: "one",
		Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Log: log, Hosts: []string{"gateway.example:9180"},
	})
	served := g.handler
	if wrap != nil {
		served = wrap(served)
	}
	g.Server = httptest.NewServer(served)
	t.Cleanup(func() {
		g.Server.Close()
		g.control.Close()
		store.Close()
	})
	return g
}

// An answer is a response that was read.
type answer struct {
	status int
	header http.Header
	body   string
}

// do makes a request with the token. headers are names and values in turn; an empty value removes the header, "Host"
// sets the host. A body is JSON unless the headers say otherwise.
func (g *gateway) do(t testing.TB, method, path, body string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequest(method, g.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+testToken)
	if body != "" {
		r.Header.Set("Content-Type", api.MediaJSON)
	}
	for i := 0; i < len(headers); i += 2 {
		switch name, value := headers[i], headers[i+1]; {
		case name == "Host":
			r.Host = value
		case value == "":
			r.Header.Del(name)
		default:
			r.Header.Set(name, value)
		}
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	a := answer{response.StatusCode, response.Header, string(text)}
	a.check(t, method+" "+path)
	return a
}

// check is what holds for every answer.
func (a answer) check(t testing.TB, what string) {
	t.Helper()
	if a.header.Get(api.HeaderVersion) != "1.2.3" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: the headers of every answer are missing: %v", what, a.header)
	}
	if a.status < 400 {
		return
	}
	e := api.ReadError(a.status, a.header, []byte(a.body))
	if e.Reason().Status() != a.status || a.header.Get("Content-Type") != api.MediaProblem || e.Detail == "" {
		t.Errorf("%s: status %d without a problem document: %v %q", what, a.status, a.header, a.body)
	}
}

// want fails the test where the status is another one.
func (a answer) want(t testing.TB, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	return a
}

// problem is the answer as an error.
func (a answer) problem() *api.Error { return api.ReadError(a.status, a.header, []byte(a.body)) }

// create makes an object and returns its ETag.
func (g *gateway) create(t testing.TB, collection, body string) string {
	t.Helper()
	var named struct{ Name string }
	if err := json.Unmarshal([]byte(body), &named); err != nil {
		t.Fatal(err)
	}
	a := g.do(t, "PUT", "/v1/"+collection+"/"+named.Name, body, "If-None-Match", "*").want(t, http.StatusCreated)
	return a.header.Get("ETag")
}

// samples are strings that a format takes, for required fields.
var samples = map[string]string{
	"": "sample", "name": "sample", "ip": "10.0.0.1", "variable": "var_host", "pattern": "a", "certificates": certtest.Sample(1).Certificate,
}

// minimal is a legal object with the given name and nothing but what is required; what it names is called "base".
func minimal(t testing.TB, fields []spec.Field, name string) map[string]any {
	t.Helper()
	object := map[string]any{}
	for i := range fields {
		f := &fields[i]
		switch {
		case !f.Required:
		case f.Name == "name":
			object[f.Name] = name
		case f.Ref != "":
			object[f.Name] = "base"
		case f.Format == "target_address":
			object[f.Name] = name + ".test" // A pool has no address twice.
		case f.Type == spec.Int:
			object[f.Name] = min(f.Range.Min+100, f.Range.Max)
		case f.Type == spec.String && samples[f.Format] != "":
			object[f.Name] = samples[f.Format]
		default:
			t.Fatalf("there is no sample of a required %s of format %q", f.Type, f.Format)
		}
	}
	return object
}

// least is the least that makes an object of a kind.
func least(t testing.TB, kind *spec.Kind, name string) map[string]any {
	t.Helper()
	object := minimal(t, kind.Fields(), name)
	switch kind {
	case spec.Rules: // It has one of several actions.
		object["pool"], object["setting"] = "base", "base"
	case spec.Certificates: // It comes in one of several forms.
		object["certificate_pem"], object["private_key_pem"] = certtest.Sample(1).Certificate, certtest.Sample(1).Key
	}
	return object
}

// base creates an object "base" of every kind.
func (g *gateway) base(t testing.TB) {
	t.Helper()
	for _, kind := range spec.Kinds() {
		g.create(t, kind.Collection, encode(least(t, kind, "base")))
	}
}

func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprint("encoding a body: ", err))
	}
	return string(text)
}

package admin

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A thief lets writes be done and takes their answers away: the connection ends without one.
type thief struct {
	next  http.Handler
	steal atomic.Int32 // how many answers are still to be taken
	taken atomic.Int32
}

func (f *thief) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet || f.steal.Add(-1) < 0 {
		f.next.ServeHTTP(w, r)
		return
	}
	f.next.ServeHTTP(httptest.NewRecorder(), r)
	f.taken.Add(1)
	panic(http.ErrAbortHandler)
}

func connect(t *testing.T, endpoints ...string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{
		Endpoints: endpoints, Token: testToken, RetryWaitMin: time.Millisecond, RetryWaitMax: 5 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestLostAnswersAreGivenAgain makes every sort of write twice: once with the answer, once with two answers stolen. Both
// must come to the same, and to one write each.
func TestLostAnswersAreGivenAgain(t *testing.T) {
	f := &thief{}
	g := start(t, func(next http.Handler) http.Handler { f.next = next; return f })
	c, ctx := connect(t, g.URL), t.Context()
	pool := func(name, target string) *spec.Pool {
		return &spec.Pool{Name: name, Algorithm: spec.RoundRobin, SlowStart: "0s", Targets: map[string]spec.PoolTarget{"a": {Address: target, Weight: 1}}}
	}
	stolen := func(what string, write func() error) {
		t.Helper()
		before := g.control.Set().Revision()
		f.steal.Store(2)
		f.taken.Store(0)
		if err := write(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if f.taken.Load() != 2 {
			t.Errorf("%s: %d answers were taken", what, f.taken.Load())
		}
		if after := g.control.Set().Revision(); after != before+1 {
			t.Errorf("%s: revision %d became %d", what, before, after)
		}
	}
	var meta client.Meta
	var err error
	stolen("create", func() error {
		meta, err = c.Create(ctx, spec.Pools, pool("one", "10.0.0.1"), "")
		if meta.Outcome != "created" {
			t.Errorf("create: %+v", meta)
		}
		return err
	})
	stolen("update", func() error {
		meta, err = c.Update(ctx, spec.Pools, "one", pool("one", "10.0.0.2"), meta.Revision, "")
		return err
	})
	stolen("rename", func() error {
		meta, err = c.Update(ctx, spec.Pools, "one", pool("two", "10.0.0.2"), meta.Revision, "")
		return err
	})
	stolen("rename of any revision", func() error {
		meta, err = c.Update(ctx, spec.Pools, "two", pool("three", "10.0.0.2"), 0, "")
		return err
	})
	setting, listener := spec.Settings.New().(*spec.Setting), spec.Listeners.New().(*spec.Listener)
	setting.Name, listener.Name, listener.Port = "s", "l", 80
	stolen("changes", func() error {
		_, err := c.Changes(ctx, []api.Change{
			client.Put("s", setting),
			client.Put("l", listener),
			client.Put("r", &spec.Rule{Name: "r", Listener: "l", Pool: new("three"), Setting: new("s")}),
		}, false)
		return err
	})
	stolen("retire", func() error {
		holders, err := c.Delete(ctx, spec.Pools, "three", meta.Revision, "")
		if len(holders) != 1 || holders[0].Name != "r" {
			t.Errorf("holders %v", holders)
		}
		return err
	})
	stolen("drop", func() error {
		holders, err := c.Drop(ctx, spec.Pools, "three", "")
		if len(holders) != 1 || holders[0].Name != "r" {
			t.Errorf("holders %v", holders)
		}
		return err
	})
	stolen("delete", func() error {
		_, err := c.Delete(ctx, spec.Rules, "r", 0, "")
		return err
	})
	document := []byte(`{"pools":[{"name":"p"}]}`)
	stolen("configuration", func() error {
		_, err := c.ReplaceConfig(ctx, document, g.control.Set().Revision(), false)
		return err
	})
}

func TestClientTalksToTheAPI(t *testing.T) {
	g := start(t, nil)
	dir := t.TempDir()
	listeners, err := Listen("", dir+"/admin.sock")
	if err != nil {
		t.Fatal(err)
	}
	server := Serve(g.handler, listeners, newLog(g))
	defer server.Close(t.Context())
	for _, endpoint := range []string{g.URL, "unix://" + dir + "/admin.sock"} {
		t.Run(endpoint, func(t *testing.T) { speak(t, g, connect(t, endpoint)) })
	}
	// The first endpoint is dead; the second answers.
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead.Close()
	c := connect(t, "http://"+dead.Addr().String(), g.URL)
	if _, err := c.Status(t.Context()); err != nil {
		t.Errorf("with a dead first endpoint: %v", err)
	}
}

// speak makes every call that the client has.
func speak(t *testing.T, g *gateway, c *client.Client) {
	t.Helper()
	ctx := t.Context()
	o := &spec.Probe{Name: "p", Path: "/", Interval: "30s", Timeout: "30s", UnhealthyThreshold: 3, HealthyThreshold: 1, Match: spec.ProbeMatch{Statuses: []string{"200-399"}}}
	created, err := c.Create(ctx, spec.Probes, o, client.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create(ctx, spec.Probes, o, ""); !api.IsExists(err) {
		t.Errorf("a second create: %v", err)
	}
	got, meta, err := c.Get(ctx, spec.Probes, "another", created.ID)
	if err != nil || !spec.Equal(got, o) || meta.ID != created.ID || meta.Revision != created.Revision || meta.Version != "1.2.3" {
		t.Errorf("Get by id: %+v %+v %v", got, meta, err)
	}
	changed := *o
	changed.Path = "/health"
	updated, err := c.Update(ctx, spec.Probes, "p", &changed, created.Revision, "")
	if err != nil || updated.Revision <= created.Revision {
		t.Errorf("Update: %+v %v", updated, err)
	}
	if _, err := c.Update(ctx, spec.Probes, "p", o, created.Revision, ""); !api.IsChanged(err) {
		t.Errorf("a stale update: %v", err)
	}
	changed.Port = new(0)
	_, err = c.Update(ctx, spec.Probes, "p", &changed, updated.Revision, "")
	if e, ok := errors.AsType[*api.Error](err); !ok || !api.IsInvalid(err) || len(e.Problems) != 1 || e.Problems[0].Path != "port" {
		t.Errorf("an invalid update: %v", err)
	}
	if items, err := c.List(ctx, spec.Probes); err != nil || len(items) != 1 || items[0].Revision() != updated.Revision {
		t.Errorf("List: %v %v", items, err)
	}
	if status, err := c.Status(ctx); err != nil || status.Version != "1.2.3" || status.Objects["probes"] != 1 || status.Activity.Tunnels != 3 {
		t.Errorf("Status: %+v %v", status, err)
	}
	g.views.health = api.Health{Pools: map[string]api.PoolHealth{"w": {Settings: map[string]api.SettingHealth{"s": {Targets: map[string]api.TargetHealth{"a": {State: api.Healthy}}}}}}}
	if health, err := c.Health(ctx); err != nil || health.Pools["w"].Settings["s"].Targets["a"].State != api.Healthy {
		t.Errorf("Health: %+v %v", health, err)
	}
	if answer, err := c.Changes(ctx, []api.Change{{Kind: "probe", Name: "p", Delete: true}}, true); err != nil || answer.Results[0].Outcome != "deleted" {
		t.Errorf("Changes: %+v %v", answer, err)
	}
	if document, err := c.Config(ctx); err != nil || !strings.Contains(string(document), "/health") {
		t.Errorf("Config: %s %v", document, err)
	}
	if holders, err := c.Delete(ctx, spec.Probes, "p", updated.Revision, ""); err != nil || holders != nil {
		t.Errorf("Delete: %v %v", holders, err)
	}
	if _, _, err := c.Get(ctx, spec.Probes, "p", created.ID); !api.IsNotFound(err) {
		t.Errorf("Get of what was deleted: %v", err)
	}
	if _, err := c.Delete(ctx, spec.Probes, "p", 0, ""); !api.IsNotFound(err) {
		t.Errorf("a second delete: %v", err)
	}
}

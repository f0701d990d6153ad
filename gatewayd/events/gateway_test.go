package events_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A watcher follows a gateway, each event as a line.
type watcher struct {
	*testing.T
	lines chan string
	ids   chan string
	last  string // the id of the newest event that was looked at
	stop  context.CancelFunc
}

// watch follows a gateway from now on, or behind an event, until the test ends.
func watch(t *testing.T, g *gatewaytest.Gateway, q api.EventQuery) *watcher {
	t.Helper()
	c, err := client.New(client.Config{Endpoints: []string{g.Endpoint}, TokenFile: g.TokenFile, RetryWaitMin: time.Millisecond, RetryWaitMax: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &watcher{T: t, lines: make(chan string, 1000), ids: make(chan string, 1000), stop: cancel}
	done := make(chan error, 1)
	go func() {
		done <- c.Events(ctx, q, func(e *api.Event) error {
			w.lines <- line(e)
			w.ids <- e.ID
			return nil
		}, nil)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("following ended by %v", err)
		}
		c.Close()
	})
	return w
}

// line is an event less what differs from run to run.
func line(e *api.Event) string {
	b := &strings.Builder{}
	b.WriteString(e.Kind)
	switch {
	case e.Begin != nil:
		fmt.Fprintf(b, " %d %s", e.Begin.Revision, e.Begin.Version)
	case e.Lost != nil:
		fmt.Fprintf(b, " %s %d", e.Lost.Reason, e.Lost.Events)
	case e.Change != nil:
		fmt.Fprintf(b, " %s %d-%d", e.Change.What, e.Change.After, e.Change.Revision)
		for _, o := range e.Change.Objects {
			fmt.Fprintf(b, ", %s %s %s", o.Kind, o.Name, o.What)
			if o.Was != "" {
				fmt.Fprintf(b, " was %s", o.Was)
			}
		}
	case e.Health != nil:
		h := e.Health
		fmt.Fprintf(b, " %s %s/%s/%s", h.What, h.Pool, h.Setting, h.Target)
		if h.What == api.HealthTurned {
			fmt.Fprintf(b, " %s-%s", h.From, h.To)
		}
		if (h.Reason != "") != (h.To == api.Unhealthy) || (h.Until != "") != (h.What == api.HealthEjected) {
			b.WriteString(" because of " + h.Reason + " until " + h.Until)
		}
		if at, err := time.Parse(time.RFC3339, h.EndsBy); err == nil && time.Until(at) > 0 {
			b.WriteString(", ends")
		}
		if h.Name != "" {
			fmt.Fprintf(b, " %s %v-%v", h.Name, h.Were, h.Addresses)
		}
	case e.Drain != nil:
		d := e.Drain
		fmt.Fprintf(b, " %s of %d: %s %s %s, %d open", d.What, d.Revision, d.Kind, d.Pool, d.Name, d.Open)
		if _, err := time.Parse(time.RFC3339, d.Deadline); err != nil || (d.Address == "") != (d.Pool == "") {
			b.WriteString(" until " + d.Deadline + " at " + d.Address)
		}
	case e.Close != nil:
		c := e.Close
		fmt.Fprintf(b, " %d and %d of %q, ids %d, all %t, with %d", c.Ends, c.Ending, c.Selected, c.ByIDs, c.All, c.Code)
		if at, err := time.Parse(time.RFC3339, c.ClosesBy); err != nil || time.Until(at) < 0 {
			b.WriteString(" by " + c.ClosesBy)
		}
	case e.Gateway != nil:
		fmt.Fprintf(b, " %s %s", e.Gateway.What, e.Gateway.Version)
	}
	return b.String()
}

// want waits for these events and no others between them.
func (w *watcher) want(lines ...string) {
	w.Helper()
	var got []string
	for range lines {
		select {
		case l := <-w.lines:
			got, w.last = append(got, l), <-w.ids
		case <-time.After(15 * time.Second):
			w.Fatalf("want\n%s\ngot\n%s\nand then nothing", strings.Join(lines, "\n"), strings.Join(got, "\n"))
		}
	}
	if diff := cmp.Diff(lines, got); diff != "" {
		w.Fatalf("(-want +got):\n%s", diff)
	}
}

func create(t *testing.T, g *gatewaytest.Gateway, o spec.Object) {
	t.Helper()
	if _, err := g.Client().Create(t.Context(), spec.KindOf(o), o, ""); err != nil {
		t.Fatal(err)
	}
}

func update(t *testing.T, g *gatewaytest.Gateway, name string, o spec.Object) {
	t.Helper()
	if _, err := g.Client().Update(t.Context(), spec.KindOf(o), name, o, 0, ""); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, g *gatewaytest.Gateway, kind *spec.Kind, name string) {
	t.Helper()
	if _, err := g.Client().Delete(t.Context(), kind, name, 0, ""); err != nil {
		t.Fatal(err)
	}
}

func newPool(name string, targets map[string]spec.PoolTarget) *spec.Pool {
	o := spec.Pools.New().(*spec.Pool)
	o.Name, o.Targets = name, targets
	return o
}

func newSetting(name string, fill func(*spec.Setting)) *spec.Setting {
	o := spec.Settings.New().(*spec.Setting)
	o.Name = name
	if fill != nil {
		fill(o)
	}
	return o
}

func newListener(name string, port int) *spec.Listener {
	o := spec.Listeners.New().(*spec.Listener)
	o.Name, o.Address, o.Port = name, "127.0.0.1", port
	return o
}

// TestChangesAreTold: each write is an event when it is answered, with what became of which objects; a gateway that is
// started anew is another life, which a reader learns.
func TestChangesAreTold(t *testing.T) {
	g := gatewaytest.Start(t, gatewaytest.Loops(1))
	w := watch(t, g, api.EventQuery{Kinds: []string{api.EventChange, api.EventGateway}})
	w.want("begin 0 0.0.0-test")
	begin := w.last
	create(t, g, newPool("app", nil))
	w.want("change applied 0-1, pool app created")
	create(t, g, newListener("web", gatewaytest.FreePort(t)))
	create(t, g, newSetting("s", nil))
	create(t, g, &spec.Rule{Name: "all", Listener: "web", Pool: new("app"), Setting: new("s")})
	w.want("change applied 1-2, listener web created", "change applied 2-3, setting s created", "change applied 3-4, rule all created")
	update(t, g, "app", newPool("app", nil)) // It is equal.
	update(t, g, "app", newPool("shop", map[string]spec.PoolTarget{"a": {Address: "127.0.0.1", Weight: 1}}))
	w.want("change applied 4-5, pool shop renamed was app, rule all followed")
	renamed := w.last
	remove(t, g, spec.Pools, "shop")
	w.want("change applied 5-6, pool shop retired")
	create(t, g, newPool("shop", nil))
	remove(t, g, spec.Rules, "all")
	w.want("change applied 6-7, pool shop revived", "change applied 7-8, rule all deleted")

	again := watch(t, g, api.EventQuery{After: renamed, Kinds: []string{api.EventChange}})
	again.want("begin 5 0.0.0-test", "change applied 5-6, pool shop retired", "change applied 6-7, pool shop revived", "change applied 7-8, rule all deleted")
	all := watch(t, g, api.EventQuery{After: begin, Kinds: []string{api.EventGateway}})
	all.want("begin 0 0.0.0-test")

	g.Restart()
	w.want("begin 0 0.0.0-test", "lost restart 0", "gateway started 0.0.0-test", "change loaded 0-8")
	again.want("begin 0 0.0.0-test", "lost restart 0", "change loaded 0-8")
	remove(t, g, spec.Pools, "shop")
	w.want("change applied 8-9, pool shop deleted")
}

// A stage is a gateway with a rule "all", whose pool "app" has an Echo as its target "a".
type stage struct {
	*gatewaytest.Gateway
	one  *gatewaytest.Echo
	port int
}

// newStage starts one whose target is healthy. interval is that of its probes.
func newStage(t *testing.T, interval string, fill func(*spec.Setting), options ...gatewaytest.Option) *stage {
	t.Helper()
	x := &stage{Gateway: gatewaytest.Start(t, append(options, gatewaytest.Loops(2))...), port: gatewaytest.FreePort(t), one: gatewaytest.StartEcho(t, "one")}
	probe := spec.Probes.New().(*spec.Probe)
	probe.Name, probe.Path, probe.Interval, probe.UnhealthyThreshold = "up", "/health", spec.Duration(interval), 1
	create(t, x.Gateway, probe)
	create(t, x.Gateway, newPool("app", map[string]spec.PoolTarget{"a": {Address: "127.0.0.1", Port: portOf(x.one), Weight: 1}}))
	create(t, x.Gateway, newListener("web", x.port))
	create(t, x.Gateway, newSetting("s", func(o *spec.Setting) {
		o.Probe = new("up")
		if fill != nil {
			fill(o)
		}
	}))
	all := watch(t, x.Gateway, api.EventQuery{Kinds: []string{api.EventHealth}})
	all.want("begin 4 0.0.0-test")
	create(t, x.Gateway, x.rule())
	all.want("health turned app/s/a unknown-healthy")
	return x
}

func (x *stage) rule() *spec.Rule {
	return &spec.Rule{Name: "all", Listener: "web", Pool: new("app"), Setting: new("s")}
}

func portOf(e *gatewaytest.Echo) *int { return new(int(e.Addr().Port())) }

// talk opens a WebSocket with an Echo, which others of its pool may stand beside.
func (x *stage) talk(t *testing.T, with string) *gatewaytest.Socket {
	t.Helper()
	for {
		s, err := gatewaytest.Dial(t.Context(), gatewaytest.URL("ws", x.port, "/"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Say("hello"); err != nil {
			t.Fatal(err)
		}
		if s.Backend == with {
			return s
		}
		if _, err := s.Bye(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestVerdictsAreTold: what probes find out, with the reason in words.
func TestVerdictsAreTold(t *testing.T) {
	x := newStage(t, "100ms", nil)
	w := watch(t, x.Gateway, api.EventQuery{Kinds: []string{api.EventHealth}})
	w.want("begin 5 0.0.0-test")
	x.one.SetHealth(503)
	w.want("health turned app/s/a healthy-unhealthy")
	update(t, x.Gateway, "app", newPool("shop", map[string]spec.PoolTarget{"first": {Address: "127.0.0.1", Port: portOf(x.one), Weight: 1}}))
	x.one.SetHealth(200)
	w.want("health turned shop/s/first unhealthy-healthy")
	update(t, x.Gateway, "s", newSetting("s", func(o *spec.Setting) { o.Probe, o.OnUnhealthy, o.DrainTimeout = new("up"), spec.Drain, "1h" }))
	x.one.Close()
	w.want("health turned shop/s/first healthy-unhealthy, ends")
}

// TestEjectionsAreTold: what requests find out, and its end.
func TestEjectionsAreTold(t *testing.T) {
	two := gatewaytest.StartEcho(t, "two")
	x := newStage(t, "24h", func(o *spec.Setting) { o.Eject = &spec.Eject{Failures: 1, For: "1s"} })
	w := watch(t, x.Gateway, api.EventQuery{Kinds: []string{api.EventHealth}})
	w.want("begin 5 0.0.0-test")
	create(t, x.Gateway, &spec.Target{Name: "b", Pool: "app", Address: "127.0.0.1", Port: portOf(two), Weight: 1})
	w.want("health turned app/s/target/b unknown-healthy")
	x.one.Close()
	// Which of the two a request goes to first is its loop's matter. Each is answered, by the other one if need be.
	for end := time.Now().Add(15 * time.Second); len(w.lines) == 0 && time.Now().Before(end); {
		r, err := http.Get(gatewaytest.URL("http", x.port, "/bytes/1"))
		if err != nil || r.StatusCode != http.StatusOK {
			t.Fatalf("got %v, %v", r, err)
		}
		r.Body.Close()
		http.DefaultClient.CloseIdleConnections()
	}
	w.want("health ejected app/s/a", "health returned app/s/a")
}

// TestNamesAreTold: other addresses of a target, once for all settings.
func TestNamesAreTold(t *testing.T) {
	dns := gatewaytest.NewDNS(t)
	dns.Set("app.test", 1, "127.0.0.1")
	x := newStage(t, "24h", nil, gatewaytest.DNSServers(dns.Addr()))
	w := watch(t, x.Gateway, api.EventQuery{Kinds: []string{api.EventHealth}})
	w.want("begin 5 0.0.0-test")
	create(t, x.Gateway, newSetting("other", nil))
	other := x.rule()
	other.Name, other.Setting = "other", new("other")
	other.Match = &spec.Match{Paths: []string{"/other"}}
	create(t, x.Gateway, other)
	w.want("health turned app/other/a unknown-healthy")
	create(t, x.Gateway, &spec.Target{Name: "n", Pool: "app", Address: "app.test", Port: portOf(x.one), Weight: 0})
	dns.Set("app.test", 1, "127.0.0.1", "127.0.0.2")
	seen := map[string]int{}
	for seen["health resolved app//target/n app.test [127.0.0.1]-[127.0.0.1 127.0.0.2]"] == 0 || seen["health turned app/s/target/n@127.0.0.2 unknown-unhealthy"] == 0 {
		select {
		case l := <-w.lines:
			seen[l]++
		case <-time.After(15 * time.Second):
			t.Fatalf("there came %v", seen)
		}
	}
	if n := seen["health resolved app//target/n app.test [127.0.0.1]-[127.0.0.1 127.0.0.2]"]; n != 1 {
		t.Errorf("it is told %d times: %v", n, seen)
	}
}

// TestDrainsAreTold: of a target, a rule and a listener with a WebSocket, behind the change that takes them away; of what
// comes back, and of what is over. What had nothing open is not told of.
func TestDrainsAreTold(t *testing.T) {
	two := gatewaytest.StartEcho(t, "two")
	x := newStage(t, "24h", nil)
	w := watch(t, x.Gateway, api.EventQuery{Kinds: []string{api.EventChange, api.EventDrain}})
	w.want("begin 5 0.0.0-test")
	target := &spec.Target{Name: "b", Pool: "app", Address: "127.0.0.1", Port: portOf(two), Weight: 1}
	enrol := func() {
		t.Helper()
		create(t, x.Gateway, target)
	}
	enrol()
	s := x.talk(t, "two")
	remove(t, x.Gateway, spec.Targets, "b")
	w.want("change applied 5-6, target b created", "change applied 6-7, target b deleted", "drain begun of 7: target app target/b, 1 open")
	enrol()
	w.want("change applied 7-8, target b created", "drain back of 7: target app target/b, 1 open")
	remove(t, x.Gateway, spec.Targets, "b")
	w.want("change applied 8-9, target b deleted", "drain begun of 9: target app target/b, 1 open")
	if _, err := s.Bye(); err != nil {
		t.Fatal(err)
	}
	w.want("drain over of 9: target app target/b, 0 open")
	enrol()
	remove(t, x.Gateway, spec.Targets, "b")
	w.want("change applied 9-10, target b created", "change applied 10-11, target b deleted")

	s = x.talk(t, "one")
	remove(t, x.Gateway, spec.Rules, "all")
	w.want("change applied 11-12, rule all deleted", "drain begun of 12: rule  all, 1 open")
	remove(t, x.Gateway, spec.Listeners, "web")
	w.want("change applied 12-13, listener web deleted", "drain begun of 13: listener  web, 1 open")
	create(t, x.Gateway, newListener("web", x.port))
	w.want("change applied 13-14, listener web created", "drain back of 13: listener  web, 1 open")
	if _, err := s.Bye(); err != nil {
		t.Fatal(err)
	}
	w.want("drain over of 12: rule  all, 0 open")
}

// TestClosesAreTold: who follows a gateway learns that somebody sends its clients away, which, and by when. What ends nobody,
// and a dry run, is not told of; nor is the text of the Closes, which may be for the clients alone.
func TestClosesAreTold(t *testing.T) {
	x := newStage(t, "24h", nil)
	w := watch(t, x.Gateway, api.EventQuery{Kinds: []string{api.EventClose}})
	w.want("begin 5 0.0.0-test")
	closes := func(c api.TunnelClose, dryRun bool) {
		t.Helper()
		if _, err := x.Client().CloseTunnels(t.Context(), c, dryRun); err != nil {
			t.Fatal(err)
		}
	}
	closes(api.TunnelClose{All: true}, false)
	first := x.talk(t, "one")
	closes(api.TunnelClose{All: true}, true)
	chosen := api.TunnelClose{
		TunnelSelector: api.TunnelSelector{Rule: new("all"), Client: new("127.0.0.0/8")}, Within: new(spec.Duration("1h")), Code: new(4001), Reason: "secret",
	}
	closes(chosen, false)
	closes(api.TunnelClose{All: true, Within: new(spec.Duration("50m"))}, false) // It is to end already.
	second := x.talk(t, "one")
	closes(api.TunnelClose{All: true}, false)
	w.want(`close 1 and 0 of "client=127.0.0.0%2F8&rule=all", ids 0, all false, with 4001`, `close 1 and 1 of "", ids 0, all true, with 1001`)
	runtime.KeepAlive(first) // A socket that nobody holds is closed when the collector finds it.
	runtime.KeepAlive(second)
}

package events_test

import (
	"context"
	"errors"
	"fmt"
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

package control_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store/memory"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A witness notes what it is told, and whether that serves already.
type witness struct {
	plane *plane
	mu    sync.Mutex // guards seen
	seen  []string
}

func (w *witness) Published(what string, was, is *spec.Set) {
	line := fmt.Sprintf("%s %d %d", what, was.Revision(), is.Revision())
	if w.plane.last() != is {
		line += " but does not serve"
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, line)
}

// TestTheWitnessIsToldOfWhatServes: of each publication once, in their order, when it serves; of nothing else.
func TestTheWitnessIsToldOfWhatServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := start(t, memory.Open())
		g.must("created created", create(listener("l80", 80), listener("l81", 81))...)
		g.Close()
		g.plane.take(81, true)
		w := &witness{plane: g.plane}
		c, err := control.Open(t.Context(), control.Config{Store: g.store, Plane: g.plane, Witness: w, Retry: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		g.Controller = c
		expect := func(step string, want ...string) {
			t.Helper()
			synctest.Wait()
			w.mu.Lock()
			defer w.mu.Unlock()
			if diff := cmp.Diff(want, w.seen); diff != "" {
				t.Errorf("%s (-want +got):\n%s", step, diff)
			}
			w.seen = nil
		}
		expect("boot", "loaded 0 1")
		g.must("created", create(pool("web"))...)
		expect("a write", "applied 1 2")
		g.must("unchanged", update("web", 2, pool("web")))
		if _, err := c.Apply(t.Context(), create(pool("web"))); err == nil {
			t.Error("it was created twice")
		}
		expect("writes of nothing")
		time.Sleep(2 * time.Minute)
		expect("retries of nothing")
		g.plane.take(81, false)
		time.Sleep(2 * time.Minute)
		expect("a port that is free", "retried 2 2")
		revision, records, err := g.store.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(records, func(r store.Record) bool { return r.Name == "web" })
		records[i].Revision = revision + 1
		if err := g.store.Commit(t.Context(), revision, revision+1, records[i:i+1], nil); err != nil {
			t.Fatal(err)
		}
		g.must("created", create(pool("shop"))...)
		expect("somebody else was faster", "loaded 2 3", "applied 3 4")
	})
}

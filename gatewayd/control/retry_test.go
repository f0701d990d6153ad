package control_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store/memory"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A diary is a log that can be read.
type diary struct {
	mu   sync.Mutex // guards what follows
	text bytes.Buffer
}

func (d *diary) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.Write(b)
}

// lines are what was written since the last call.
func (d *diary) lines() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	lines := slices.Collect(strings.Lines(d.text.String()))
	d.text.Reset()
	return lines
}

// hindered is a gateway with a free port, 80, and two that are taken, 81 and 82, at boot.
func hindered(t *testing.T) (*gateway, *diary) {
	g := start(t, memory.Open())
	g.must("created created created", create(listener("l80", 80), listener("l81", 81), listener("l82", 82))...)
	g.Close()
	g.plane.take(81, true)
	g.plane.take(82, true)
	log := &diary{}
	c, err := control.Open(t.Context(), control.Config{Store: g.store, Plane: g.plane, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	g.Controller = c
	if lines := log.lines(); len(lines) != 2 {
		t.Errorf("want two conditions in the log of the boot, got %q", lines)
	}
	return g, log
}

// TestRetriesBecomeRare holds the times of attempts, in seconds since the boot or write before.
func TestRetriesBecomeRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := hindered(t)
		attempts := func(during time.Duration) string {
			t.Helper()
			g.plane.mu.Lock()
			since, n := time.Now(), g.plane.prepares
			g.plane.mu.Unlock()
			time.Sleep(during)
			synctest.Wait()
			g.plane.mu.Lock()
			defer g.plane.mu.Unlock()
			var list []string
			for _, at := range g.plane.at[n:] {
				list = append(list, fmt.Sprint(int(at.Sub(since).Seconds())))
			}
			return strings.Join(list, " ")
		}
		const growing = "5 15 35 75 135 195"
		if got := attempts(200 * time.Second); got != growing {
			t.Errorf("attempts after %s seconds, want %s", got, growing)
		}
		g.refused(control.NotFound, remove(spec.Pools, "nope"))
		g.must("unchanged", update("l80", 1, listener("l80", 80)))
		if got := attempts(60 * time.Second); got != "55" {
			t.Errorf("after writes that changed nothing: attempts after %s seconds, want 55", got)
		}
		g.must("created", create(pool("web"))...)
		if got := attempts(200 * time.Second); got != growing {
			t.Errorf("after a write: attempts after %s seconds, want %s", got, growing)
		}
		g.plane.take(81, false)
		time.Sleep(56 * time.Second) // An attempt that changes something.
		synctest.Wait()
		if got := attempts(40 * time.Second); got != "4 14 34" {
			t.Errorf("after a change: attempts after %s seconds, want 4 14 34", got)
		}
		// Many writes put no attempt off.
		g.must("updated", update("web", g.get(spec.Pools, "web").Revision, pool("web", "10.0.0.1")))
		g.plane.mu.Lock()
		before, published := g.plane.prepares, len(g.plane.published)
		g.plane.mu.Unlock()
		for i := range 30 {
			time.Sleep(time.Second)
			g.must("created", create(pool(fmt.Sprint("p", i)))...)
		}
		g.plane.mu.Lock()
		defer g.plane.mu.Unlock()
		// A write that meets a condition of before is prepared twice.
		if n := g.plane.prepares - before - 2*(len(g.plane.published)-published); n < 5 {
			t.Errorf("%d attempts beside a write a second for 30 seconds, want 5", n)
		}
	})
}

// TestRetriesTellWhatChanged: of two conditions one changes its words, then ends.
func TestRetriesTellWhatChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, log := hindered(t)
		published := len(g.plane.published)
		step := func(what string, publications int, want ...string) {
			t.Helper()
			time.Sleep(time.Minute)
			synctest.Wait()
			lines := log.lines()
			if len(lines) != len(want) {
				t.Errorf("%s: the log has %q, want %d lines", what, lines, len(want))
				return
			}
			for i, w := range want {
				if !strings.Contains(lines[i], w) {
					t.Errorf("%s: the log has %q, want %s", what, lines[i], w)
				}
			}
			g.plane.mu.Lock()
			defer g.plane.mu.Unlock()
			if n := len(g.plane.published) - published; n != publications || g.plane.open != 0 {
				t.Errorf("%s: %d publications, want %d; %d left open", what, n, publications, g.plane.open)
			}
		}
		step("nothing", 0)
		g.plane.take(82, false)
		step("one ends", 1, "name=l82")
		g.plane.mu.Lock()
		g.plane.reason = " by somebody"
		g.plane.mu.Unlock()
		step("other words", 1, "is taken: 81 by somebody")
		if c := g.Conditions(); len(c) != 1 || c[0].Message != "is taken: 81 by somebody" {
			t.Errorf("conditions: %v", c)
		}
		step("the same again", 1)
		g.plane.take(81, false)
		step("the last ends", 2, "name=l81")
		step("nothing is left", 2)
	})
}

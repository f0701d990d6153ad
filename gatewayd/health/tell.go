package health

import (
	"log/slog"
	"sync"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
)

// A turn is a verdict that turned.
type turn struct {
	health        *backend.Health
	before, after backend.Status
	reason        string
	follower      backend.Follower // nil means nobody
}

// A teller tells of verdicts that turned. It has a goroutine of its own, because followers may take milliseconds and a
// log may stand still. Those that turn while it is busy are told of together: a group of ten thousand whose members are
// all new is not laid out ten thousand times.
type teller struct {
	log     *slog.Logger
	names   func(h *backend.Health) (pool, setting, target string)               // may be nil
	changed func(h *backend.Health, before, after backend.Status, reason string) // may be nil

	mu    sync.Mutex
	more  sync.Cond
	turns []turn
	ended bool
}

func newTeller(cfg Config) *teller {
	t := &teller{log: cfg.Log, names: cfg.Names, changed: cfg.Changed}
	t.more.L = &t.mu
	return t
}

// push never blocks for long.
func (t *teller) push(x turn) {
	t.mu.Lock()
	t.turns = append(t.turns, x)
	t.mu.Unlock()
	t.more.Signal()
}

// end lets run return once all is told.
func (t *teller) end() {
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	t.more.Signal()
}

func (t *teller) run() {
	var batch []turn
	for {
		t.mu.Lock()
		for len(t.turns) == 0 && !t.ended {
			t.more.Wait()
		}
		batch, t.turns = t.turns, batch[:0]
		t.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		t.tell(batch)
		clear(batch)
	}
}

func (t *teller) tell(batch []turn) {
	refreshed := map[backend.Follower]bool{}
	for _, x := range batch {
		if x.follower != nil && !refreshed[x.follower] {
			refreshed[x.follower] = true
			x.follower.Refresh()
		}
	}
	for _, x := range batch {
		t.note(x)
		if t.changed != nil {
			t.changed(x.health, x.before, x.after, x.reason)
		}
	}
}

// note logs a verdict by the names that people know. One that came as its target went has its address alone.
func (t *teller) note(x turn) {
	about := []any{"backend", x.health.Backend.String()}
	if t.names != nil {
		if pool, setting, target := t.names(x.health); target != "" {
			about = append(about, "pool", pool, "setting", setting, "target", target)
		}
	}
	t.log.Info("backend changed", append(about, "status", x.after.String(), "reason", x.reason)...)
}

package main

import (
	"sync"
	"time"
)

// A history knows when something happened to a target that explains an end.
type history struct {
	mu     sync.Mutex
	spells map[string][]spell // by target; guarded by mu
}

// A spell is how long it happened; one that goes on has no end.
type spell struct{ from, until time.Time }

// begin notes that something happens to a target from now on. What is called afterwards notes its end.
func (h *history) begin(target string) (end func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.spells == nil {
		h.spells = map[string][]spell{}
	}
	// Nobody asks for what is long ago.
	if list := h.spells[target]; len(list) > 64 {
		h.spells[target] = append([]spell(nil), list[len(list)-32:]...)
	}
	h.spells[target] = append(h.spells[target], spell{from: time.Now()})
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		list := h.spells[target]
		list[len(list)-1].until = time.Now()
	}
}

// during says whether it happened to a target between two times.
func (h *history) during(target string, from, until time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.spells[target] {
		if !s.from.After(until) && (s.until.IsZero() || s.until.After(from)) {
			return true
		}
	}
	return false
}

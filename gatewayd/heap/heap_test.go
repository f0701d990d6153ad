package heap

import (
	"runtime"
	"testing"
)

func TestLooksOfTheHeap(t *testing.T) {
	for name, c := range map[string]struct {
		look     look
		percent  int
		littered bool
	}{
		"fresh":                {look{live: 0, objects: 3 << 20, allocs: 3 << 20}, 3200, false},
		"small":                {look{live: 8 << 20, objects: 9 << 20}, 400, false},
		"large":                {look{live: 1 << 30, objects: 1<<30 + litter}, 100, false},
		"garbage at rest":      {look{live: 64 << 20, objects: 64<<20 + litter + 1}, 100, true},
		"garbage in the works": {look{live: 64 << 20, objects: 128 << 20, allocs: quietRate + 1}, 100, false},
		"not given back":       {look{live: 64 << 20, objects: 64 << 20, free: 2*litter + 1}, 100, true},
	} {
		if got := c.look.percent(); got != c.percent {
			t.Errorf("%s: GOGC is %d, want %d", name, got, c.percent)
		}
		if got := c.look.littered(); got != c.littered {
			t.Errorf("%s: littered is %t", name, got)
		}
	}
}

var dropped []byte

// TestGarbageOfABurstIsCollected: what a burst left behind is given back once the heap rests, and no collection follows.
func TestGarbageOfABurstIsCollected(t *testing.T) {
	h := newHeap()
	runtime.GC()
	h.look()
	for range 64 {
		dropped = make([]byte, 1<<20)
	}
	dropped = nil
	before := h.look()
	if before.littered() {
		t.Errorf("a heap in the works is taken for one at rest: %+v", before)
	}
	h.tend()
	after := h.look()
	if after.objects > after.live+litter || after.free > 2*litter {
		t.Errorf("behind the burst there is %+v", after)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	n := m.NumGC
	h.tend()
	if runtime.ReadMemStats(&m); m.NumGC != n {
		t.Errorf("a heap at rest was collected %d times", m.NumGC-n)
	}
}

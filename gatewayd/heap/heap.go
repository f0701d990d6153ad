// Package heap tends the memory of a gateway's process: it has the collector run less often while little is kept, and what a
// burst leaves behind collected and given back.
package heap

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The data path allocates next to nothing, handshakes of TLS 120 KiB each. With the few megabytes that a gateway keeps the
// collector would run every 40 handshakes, for a third of what they cost; and what a burst of them leaves would stay.
const (
	// headroom is what may be allocated before the collector runs, where less is kept.
	headroom = 32 << 20
	// heapTick is how often the heap is looked at.
	heapTick = 2 * time.Second
	// quietRate is how much may be allocated in a tick of a heap that rests, and litter what is worth a collection then.
	quietRate = 1 << 20
	litter    = 8 << 20
)

// A heap is what the last look found.
type heap struct {
	samples [4]metrics.Sample
	allocs  uint64
	percent int
}

func newHeap() *heap {
	h := &heap{percent: 100}
	for i, name := range [...]string{"/gc/heap/live:bytes", "/memory/classes/heap/objects:bytes", "/memory/classes/heap/free:bytes", "/gc/heap/allocs:bytes"} {
		h.samples[i].Name = name
	}
	return h
}

// A look is what there is of the heap, in bytes.
type look struct {
	live    uint64 // kept, as the last collection found
	objects uint64 // kept, or garbage
	free    uint64 // not used, and not given back to the system
	allocs  uint64 // allocated since the look before
}

func (h *heap) look() look {
	metrics.Read(h.samples[:])
	at := func(i int) uint64 { return h.samples[i].Value.Uint64() }
	l := look{live: at(0), objects: at(1), free: at(2), allocs: at(3) - h.allocs}
	h.allocs = at(3)
	return l
}

// percent is the collector's GOGC for what is kept: 100, as it comes, or what gives headroom.
func (l look) percent() int {
	return int(max(100, 100*headroom/max(l.live, 1<<20)))
}

// littered says that a heap rests, and that what was left behind is worth to be collected and given back.
func (l look) littered() bool {
	return l.allocs <= quietRate && (l.objects > l.live+litter || l.free > 2*litter)
}

// Keep tends the heap until stop is called. It is for the whole process, so its main function calls it. An environment that
// sets GOGC knows better.
func Keep() (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	closed := make(chan struct{})
	go newHeap().keep(closed)
	return func() { close(closed) }
}

func (h *heap) keep(closed <-chan struct{}) {
	tick := time.NewTicker(heapTick)
	defer tick.Stop()
	for {
		h.tend()
		select {
		case <-tick.C:
		case <-closed:
			return
		}
	}
}

func (h *heap) tend() {
	l := h.look()
	if l.littered() {
		debug.FreeOSMemory()
		l = h.look()
	}
	if p := l.percent(); p != h.percent {
		h.percent = p
		debug.SetGCPercent(p)
	}
}

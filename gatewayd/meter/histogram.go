package meter

import (
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	// Bounds is how many bounds a Histogram has.
	Bounds = 19
	// least is the first bound, a power of two of microseconds; each of the others is twice the one before.
	least = 8
)

// Bound is the i-th bound of every Histogram: 256 µs, and up to 67 s.
func Bound(i int) time.Duration { return time.Microsecond << (least + i) }

// A Histogram counts durations by [Bound]. It is written by one loop and read by anybody.
type Histogram struct {
	sum     atomic.Int64
	buckets [Bounds + 1]atomic.Uint64
}

// Add counts one.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	h.sum.Add(int64(d))
	h.buckets[min(bits.Len64(uint64(d/time.Microsecond)>>least), Bounds)].Add(1)
}

func (h *Histogram) addTo(f *HistogramFigures) {
	f.Sum += time.Duration(h.sum.Load())
	for i := range h.buckets {
		f.Buckets[i] += h.buckets[i].Load()
	}
}

// HistogramFigures are a Histogram's counts: Buckets[i] those from Bound(i-1) to below Bound(i), the last one all above.
type HistogramFigures struct {
	Sum     time.Duration
	Buckets [Bounds + 1]uint64
}

// Count is how many durations were counted.
func (f *HistogramFigures) Count() uint64 { return sum(f.Buckets[:]) }

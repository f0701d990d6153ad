package loop

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Stats is what a loop knows of itself. Counters never fall; gauges say what is held now.
type Stats struct {
	Conns     int64 // gauge: slab entries in use
	Buffers   int64 // gauge: pooled buffers lent, to connections and to callers
	Pipes     int64 // gauge: pipes in use by a SpliceTo or standing in an output queue
	IdlePipes int64 // gauge: pipes waiting in the pool

	Accepted uint64 // connections accepted
	Dialled  uint64 // connections dialled
	Closed   uint64 // connections gone
	Parked   uint64 // times that an acceptor stopped for want of descriptors
	Shed     uint64 // connections accepted and closed at once for want of descriptors
	Panics   uint64 // handlers, timers and posted functions that panicked
	Spliced  uint64 // bytes moved into pipes
	Turns    uint64 // turns that had something to do

	// Lag is how late the loop came to what was due: from Post to the function's start, and from a timer's tick to
	// its call. It includes waiting for a processor after a blocking wait.
	Lag Histogram
	// Busy is how long turns took, which bounds what a ready connection waited.
	Busy Histogram
	// Running is how long the present turn has been running, 0 while the loop waits. A watcher reads a stall from it.
	Running time.Duration
}

// histogramSize is the number of a histogram's buckets: the last one begins at 2^22 µs, about four seconds.
const histogramSize = 24

// A Histogram counts durations: bucket 0 those below a microsecond, bucket i those from 2^(i-1) to below 2^i
// microseconds, the last one everything above.
type Histogram struct {
	Count   uint64
	Sum     time.Duration
	Buckets [histogramSize]uint64
}

// Quantile is an upper bound of the q-th quantile (0 to 1), a power of two of microseconds; 0 without samples.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank, seen := uint64(q*float64(h.Count)), uint64(0)
	for i, n := range h.Buckets {
		if seen += n; seen > rank || seen == h.Count && n > 0 {
			return time.Microsecond << i
		}
	}
	return 0
}

// Merge adds what another loop counted.
func (h *Histogram) Merge(o *Histogram) {
	h.Count += o.Count
	h.Sum += o.Sum
	for i := range h.Buckets {
		h.Buckets[i] += o.Buckets[i]
	}
}

// histogram is written by the loop and read by anybody.
type histogram struct {
	sum     atomic.Int64
	buckets [histogramSize]atomic.Uint64
}

func (h *histogram) add(d Time) {
	d = max(d, 0)
	h.sum.Add(int64(d))
	h.buckets[min(bits.Len64(uint64(d)/1000), histogramSize-1)].Add(1)
}

func (h *histogram) read() Histogram {
	out := Histogram{Sum: time.Duration(h.sum.Load())}
	for i := range h.buckets {
		out.Buckets[i] = h.buckets[i].Load()
		out.Count += out.Buckets[i]
	}
	return out
}

// counters are written by the loop alone and read by anybody.
type counters struct {
	conns, buffers, pipes, idlePipes                                atomic.Int64
	accepted, dialled, closed, parked, shed, panics, spliced, turns atomic.Uint64
	lag, busy                                                       histogram
	turnStart                                                       atomic.Int64 // Time; 0 while waiting
}

// Stats reads the loop's counters. Any goroutine may call it, at any time; the figures are not of one instant.
func (l *Loop) Stats() Stats {
	c := &l.stats
	s := Stats{
		Conns: c.conns.Load(), Buffers: c.buffers.Load(), Pipes: c.pipes.Load(), IdlePipes: c.idlePipes.Load(),
		Accepted: c.accepted.Load(), Dialled: c.dialled.Load(), Closed: c.closed.Load(), Parked: c.parked.Load(),
		Shed: c.shed.Load(), Panics: c.panics.Load(), Spliced: c.spliced.Load(), Turns: c.turns.Load(),
		Lag: c.lag.read(), Busy: c.busy.read(),
	}
	if t := c.turnStart.Load(); t != 0 {
		s.Running = max(time.Duration(l.kernel.Now()-Time(t)), 0)
	}
	return s
}

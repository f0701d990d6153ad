package health

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// An oracle answers probes without a network, and counts them.
type oracle struct {
	mu       sync.Mutex
	sent     map[netip.AddrPort][]time.Time
	running  map[netip.AddrPort]int
	flying   int
	most     int
	overlaps int

	down  atomic.Bool
	takes atomic.Int64 // nanoseconds, ended by the probe's context
}

func newOracle() *oracle {
	return &oracle{sent: map[netip.AddrPort][]time.Time{}, running: map[netip.AddrPort]int{}}
}

func (o *oracle) ask(ctx context.Context, t *Target) outcome {
	o.mu.Lock()
	o.sent[t.Addr] = append(o.sent[t.Addr], time.Now())
	o.running[t.Addr]++
	if o.running[t.Addr] > 1 {
		o.overlaps++
	}
	o.flying++
	o.most = max(o.most, o.flying)
	o.mu.Unlock()
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.running[t.Addr]--
		o.flying--
	}()
	select {
	case <-time.After(time.Duration(o.takes.Load())):
	case <-ctx.Done():
		return outcome{reason: "no answer", late: true}
	}
	if o.down.Load() {
		return outcome{reason: "it is down"}
	}
	return outcome{}
}

func (o *oracle) times(a netip.AddrPort) []time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]time.Time(nil), o.sent[a]...)
}

func (o *oracle) total() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for _, s := range o.sent {
		n += len(s)
	}
	return n
}

// marks are the most probes in flight at once, the probes sent beside another to one target, and the probes in flight.
func (o *oracle) marks() (most, overlaps, flying int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.most, o.overlaps, o.flying
}

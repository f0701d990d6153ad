package meter

import (
	"runtime"
	"testing"
	"time"
)

func TestHistogram(t *testing.T) {
	for _, c := range []struct {
		d      time.Duration
		bucket int
	}{
		{-time.Second, 0}, {0, 0}, {255 * time.Microsecond, 0}, {256 * time.Microsecond, 1}, {511 * time.Microsecond, 1},
		{time.Millisecond, 2}, {time.Second, 12}, {67 * time.Second, 18}, {Bound(18), Bounds}, {time.Hour, Bounds},
	} {
		var h Histogram
		var f HistogramFigures
		h.Add(c.d)
		h.addTo(&f)
		if f.Buckets[c.bucket] != 1 || f.Count() != 1 || f.Sum != max(c.d, 0) {
			t.Errorf("%v is counted as %+v, want it in bucket %d", c.d, f, c.bucket)
		}
		if c.bucket < Bounds && c.d >= Bound(c.bucket) || c.bucket > 0 && c.d < Bound(c.bucket-1) {
			t.Errorf("%v is in the bucket up to %v", c.d, Bound(c.bucket))
		}
	}
}

func TestClasses(t *testing.T) {
	for status, want := range map[int]string{0: "none", 101: "1xx", 204: "2xx", 308: "3xx", 499: "4xx", 504: "5xx", 999: "5xx"} {
		if got := ClassOf(status).String(); got != want {
			t.Errorf("%d is of class %s, want %s", status, got, want)
		}
	}
}

// A registry finds what somebody holds, and only that: what is gone begins anew.
func TestRegistryForgets(t *testing.T) {
	r := NewRegistry(2)
	key := TrafficKey{Listener: "l", Rule: "r"}
	held := r.Traffic(key)
	held.Requests(1).Received.Add(7)
	if again := r.Traffic(key); again != held || again.Figures().Received != 7 {
		t.Errorf("the registry found another meter: %+v", again.Figures())
	}
	if r.Traffic(TrafficKey{Listener: "l", Rule: "r", Pool: "p"}) == held || r.Upstream(UpstreamKey{"p", "s"}) == nil {
		t.Error("different ids have one meter")
	}
	runtime.KeepAlive(held)
	held = nil
	left := func() int {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.traffic) + len(r.upstreams)
	}
	for end := time.Now().Add(20 * time.Second); left() > 0; time.Sleep(time.Millisecond) {
		runtime.GC()
		if time.Now().After(end) {
			t.Fatalf("%d meters are left", left())
		}
	}
	if f := r.Traffic(key).Figures(); f.Used {
		t.Errorf("a meter that was gone has %+v", f)
	}
	var none *Registry
	if none.Traffic(key) != nil || none.Upstream(UpstreamKey{}) != nil {
		t.Error("no registry has meters")
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	traffic, upstream := NewTraffic(1), newUpstream(1)
	count := func() {
		traffic.Requests(0).Ended[Successful].Add(1)
		traffic.Tunnels(0).Opened.Add(1)
		upstream.Attempts(0).Total.Add(time.Millisecond)
	}
	count()
	if n := testing.AllocsPerRun(100, count); n != 0 {
		t.Errorf("counting costs %v allocations", n)
	}
}

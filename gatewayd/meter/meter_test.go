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
	if r.Traffic(TrafficKey{Listener: "l", Rule: "r", Pool: "p"}) == held || r.Upstream(UpstreamKey{"p", "s"}) == nil || r.Target(TargetKey{"p", "s", "t"}) == nil {
		t.Error("different ids have one meter")
	}
	runtime.KeepAlive(held)
	held = nil
	left := func() int {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.traffic) + len(r.upstreams) + len(r.targets)
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
	traffic, upstream, target := NewTraffic(1), newUpstream(1), newTarget(1)
	count := func() {
		traffic.Requests(0).Ended[Successful].Add(1)
		tunnels := traffic.Tunnels(0)
		tunnels.Opened.Add(1)
		tunnels.Handshakes[ShakeOpened].Add(1)
		tunnels.Codes[CodeOf(4000)].Add(1)
		tunnels.Lives.Add(time.Hour)
		tunnels.Sent.Add(127, 1)
		tunnels.Sent.Settle()
		target.Opened()
		target.Passed(PassedFigures{}, PassedFigures{Bytes: 127, Messages: 1})
		upstream.Attempts(0).Total.Add(time.Millisecond)
	}
	count()
	if n := testing.AllocsPerRun(100, count); n != 0 {
		t.Errorf("counting costs %v allocations", n)
	}
}

func TestLives(t *testing.T) {
	for _, c := range []struct {
		d      time.Duration
		bucket int
	}{
		{-time.Second, 0}, {0, 0}, {999 * time.Millisecond, 0}, {time.Second, 1}, {time.Minute, 4}, {time.Hour - 1, 6},
		{time.Hour, 7}, {30 * time.Hour, 10}, {7*day - 1, 11}, {7 * day, 12}, {1000 * day, 12},
	} {
		var l Lives
		var f LivesFigures
		l.Add(c.d)
		l.addTo(&f)
		if f.Buckets[c.bucket] != 1 || f.Count() != 1 || f.Milliseconds != uint64(max(c.d, 0).Milliseconds()) {
			t.Errorf("%v is counted as %+v, want it in bucket %d", c.d, f, c.bucket)
		}
	}
}

func TestCodes(t *testing.T) {
	for code, want := range map[uint16]string{
		0: "unknown", 999: "other", 1000: "1000", 1001: "1001", 1004: "other", 1005: "1005", 1006: "1006", 1010: "other", 1011: "1011",
		1013: "1013", 1015: "other", 2999: "other", 3000: "3xxx", 3999: "3xxx", 4000: "4xxx", 4999: "4xxx", 5000: "other", 65535: "other",
	} {
		if got := CodeOf(code).String(); got != want {
			t.Errorf("%d is shown as %s, want %s", code, got, want)
		}
	}
	seen := map[string]bool{}
	for i := range Codes {
		seen[Code(i).String()] = true
	}
	for i := range Handshakes {
		seen["handshake "+Handshake(i).String()] = true
	}
	if len(seen) != Codes+Handshakes || seen[""] || seen["handshake "] {
		t.Errorf("the words are %v", seen)
	}
}

func TestTarget(t *testing.T) {
	r := NewRegistry(2)
	key := TargetKey{"p", "s", "a"}
	target := r.Target(key)
	target.Opened()
	target.Opened()
	target.Ended(ByBackend)
	target.Passed(PassedFigures{Bytes: 5, Messages: 1}, PassedFigures{Bytes: 9})
	var f TargetFigures
	r.Target(key).AddTo(&f)
	if f.Open != 1 || f.Opened != 2 || f.Ended[ByBackend] != 1 || f.Received != (PassedFigures{5, 1}) || f.Sent != (PassedFigures{9, 0}) {
		t.Errorf("counted %+v", f)
	}
	runtime.KeepAlive(target)
	var none *Registry
	nothing := none.Target(key)
	nothing.Opened()
	nothing.Ended(ByIdle)
	nothing.Passed(f.Received, f.Sent)
	if nothing.AddTo(&f); f.Opened != 2 {
		t.Errorf("no target counted: %+v", f)
	}
}

// What passed is seen when it is told, once; a note is wanted once until it is settled.
func TestPassed(t *testing.T) {
	var p Passed
	seen := func() (f PassedFigures) {
		p.addTo(&f)
		return f
	}
	if !p.Add(5, 0) || p.Add(7, 1) || seen() != (PassedFigures{}) {
		t.Errorf("it is seen at once: %+v", seen())
	}
	p.Tell()
	if p.Add(1, 1) || seen() != (PassedFigures{12, 1}) {
		t.Errorf("told of %+v", seen())
	}
	p.Settle()
	p.Settle()
	if seen() != (PassedFigures{13, 2}) || !p.Add(1, 0) {
		t.Errorf("settled as %+v", seen())
	}
}

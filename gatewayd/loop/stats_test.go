package loop

import (
	"testing"
	"time"
)

func TestHistogram(t *testing.T) {
	var h histogram
	for range 98 {
		h.add(Time(900 * time.Nanosecond))
	}
	h.add(Time(3 * time.Microsecond))
	h.add(Time(time.Hour))
	got := h.read()
	if got.Count != 100 || got.Buckets[0] != 98 || got.Buckets[2] != 1 || got.Buckets[histogramSize-1] != 1 {
		t.Errorf("counted %+v", got)
	}
	if p := got.Quantile(0.5); p != time.Microsecond {
		t.Errorf("p50 is %v", p)
	}
	if p := got.Quantile(0.98); p != 4*time.Microsecond {
		t.Errorf("p98 is %v", p)
	}
	sum := got
	sum.Merge(&got)
	if sum.Count != 200 || sum.Buckets[0] != 196 {
		t.Errorf("merged %+v", sum)
	}
}

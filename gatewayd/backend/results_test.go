package backend

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestResults(t *testing.T) {
	h := new(Registry).Health(key, "s1")
	if got := h.Results(); len(got) != 0 {
		t.Fatalf("there are results %v before the first probe", got)
	}
	var want []Probed
	for i := range 3*MaxResults + 7 {
		r := result(i, []string{"", "the connection was refused", fmt.Sprintf("answered %d", 500+i), ""}[i%4])
		r.Took = time.Duration(i) * 1234 * time.Microsecond
		h.Report(r)
		want = append(want, Probed{At: r.At, Took: r.Took, OK: r.OK, Reason: r.Reason})
		want = want[max(0, len(want)-MaxResults):]
		if diff := cmp.Diff(want, h.Results()); diff != "" {
			t.Fatalf("after %d probes the results differ (-want +got):\n%s", i+1, diff)
		}
	}
}

// TestResultsAreAModel takes any reasons, long ones and none included.
func TestResultsAreAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := new(Registry).Health(key, "s1")
		reasons := append(rapid.SliceOfN(rapid.String(), 1, 80).Draw(t, "reasons"), strings.Repeat("long ", 100), "")
		var want []Probed
		for i := range rapid.IntRange(0, 200).Draw(t, "probes") {
			r := Result{At: epoch.Add(time.Duration(i) * time.Second), OK: rapid.Bool().Draw(t, "ok")}
			if !r.OK {
				r.Reason = rapid.SampledFrom(reasons).Draw(t, "reason")
			}
			h.Report(r)
			want = append(want, Probed{At: r.At, OK: r.OK, Reason: Clip(r.Reason)})
		}
		if diff := cmp.Diff(append([]Probed{}, want[max(0, len(want)-MaxResults):]...), h.Results()); diff != "" {
			t.Fatalf("the results differ (-want +got):\n%s", diff)
		}
		if n := len(h.results.reasons); n > MaxResults {
			t.Fatalf("%d reasons are kept of %d results", n, MaxResults)
		}
	})
}

// TestResultsAreSmall: 10000 targets are probed, and most of them fail for one reason if they do.
func TestResultsAreSmall(t *testing.T) {
	h := new(Registry).Health(key, "s1")
	if n := cap(h.results.ring); n != 0 {
		t.Errorf("room for %d results is kept before the first", n)
	}
	for i := range 1000 {
		h.Report(result(i, string(append([]byte("no answer within "), '3', '0', 's'))))
	}
	if n := cap(h.results.ring) * int(unsafe.Sizeof(outcome{})); n != 800 {
		t.Errorf("the results take %d bytes, want 800", n)
	}
	if n := len(h.results.reasons); n != 1 {
		t.Errorf("one reason is kept %d times", n)
	}
}

// TestFlappingDoesNotTurnTheVerdict: whatever the order of successes and failures, without the threshold in a row a
// healthy backend stays healthy.
func TestFlappingDoesNotTurnTheVerdict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		threshold := rapid.IntRange(2, 20).Draw(t, "threshold")
		h := new(Registry).Health(key, "s1")
		told := &counter{}
		h.Report(Result{At: epoch, OK: true})
		h.Follow(told)
		row := 0
		for i := range rapid.IntRange(0, 500).Draw(t, "probes") {
			r := Result{At: epoch.Add(time.Duration(i) * time.Second), Reason: "bad", UnhealthyThreshold: threshold, HealthyThreshold: rapid.IntRange(0, 20).Draw(t, "healthy threshold")}
			r.OK = row+1 == threshold || rapid.Bool().Draw(t, "ok")
			if row++; r.OK {
				row = 0
			}
			h.Report(r)
			if h.Status() != Healthy {
				t.Fatalf("probe %d made it %s, with %d failures in a row of %d", i, h.Status(), row, threshold)
			}
		}
		if told.Load() != 0 {
			t.Fatalf("the follower heard of %d changes", told.Load())
		}
	})
}

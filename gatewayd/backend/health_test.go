package backend

import (
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var (
	epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	key   = Key{Pool: "p1", Addr: TCP(netip.MustParseAddrPort("10.0.0.1:80"))}
)

// result is an outcome i seconds after the epoch, by the default thresholds.
func result(i int, reason string) Result {
	return Result{At: epoch.Add(time.Duration(i) * time.Second), OK: reason == "", Reason: reason, UnhealthyThreshold: 3, HealthyThreshold: 1}
}

// A counter counts the changes that it hears of.
type counter struct{ atomic.Int32 }

// Refresh is Follower's.
func (c *counter) Refresh() { c.Add(1) }

func TestFollowers(t *testing.T) {
	var r Registry
	h := r.Health(key, "s1")
	first, second := &counter{}, &counter{}
	h.Follow(first)
	h.Follow(second)
	h.Unfollow(first) // It was replaced already, and must not take the second one away.
	h.Report(result(0, ""))
	h.Unfollow(second)
	for i := range 3 {
		h.Report(result(i, "bad"))
	}
	if first.Load() != 0 || second.Load() != 1 {
		t.Errorf("the followers heard of %d and %d changes, want 0 and 1", first.Load(), second.Load())
	}
}

func TestReport(t *testing.T) {
	const bad = "the connection was refused"
	tests := []struct {
		name    string
		reasons []string // of each probe in turn; empty means success
		want    View
	}{
		{"nothing yet", nil, View{}},
		{"the first success decides", []string{""},
			View{Status: Healthy, Since: epoch, LastProbe: epoch, Successes: 1}},
		{"the first failure does not", []string{bad},
			View{Status: Unknown, Reason: bad, LastProbe: epoch, Failures: 1}},
		{"three failures decide", []string{"other", bad, bad},
			View{Status: Unhealthy, Reason: bad, Since: epoch.Add(2 * time.Second), LastProbe: epoch.Add(2 * time.Second), Failures: 3}},
		{"a blip does not eject", []string{"", bad, bad, "", bad, bad},
			View{Status: Healthy, Reason: bad, Since: epoch, LastProbe: epoch.Add(5 * time.Second), Failures: 2}},
		{"a success after blips clears the reason", []string{"", bad, bad, ""},
			View{Status: Healthy, Since: epoch, LastProbe: epoch.Add(3 * time.Second), Successes: 1}},
		{"one success brings back", []string{bad, bad, bad, bad, ""},
			View{Status: Healthy, Since: epoch.Add(4 * time.Second), LastProbe: epoch.Add(4 * time.Second), Successes: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r Registry
			h := r.Health(key, "s1")
			told := &counter{}
			h.Follow(told)
			wantChanges, before := 0, Unknown
			for i, reason := range tt.reasons {
				h.Report(result(i, reason))
				if s := h.Status(); s != before {
					wantChanges, before = wantChanges+1, s
				}
			}
			if diff := cmp.Diff(tt.want, h.View()); diff != "" {
				t.Errorf("the view differs (-want +got):\n%s", diff)
			}
			if h.Status() != tt.want.Status {
				t.Errorf("Status() = %s, want %s", h.Status(), tt.want.Status)
			}
			if n := int(told.Load()); n != wantChanges {
				t.Errorf("told of %d changes, want %d", n, wantChanges)
			}
		})
	}
}

func TestHealthyThreshold(t *testing.T) {
	var r Registry
	h := r.Health(key, "s1")
	success, failure := result(0, ""), result(0, "no answer within 30s")
	success.HealthyThreshold, failure.UnhealthyThreshold = 3, 1
	for i, step := range []struct {
		result Result
		want   Status
	}{
		{success, Healthy}, // The threshold is for a target that left its pool, not for a new one.
		{failure, Unhealthy}, {success, Unhealthy}, {success, Unhealthy},
		{failure, Unhealthy}, {success, Unhealthy}, {success, Unhealthy}, {success, Healthy},
	} {
		h.Report(step.result)
		if h.Status() != step.want {
			t.Fatalf("after result %d the status is %s, want %s", i, h.Status(), step.want)
		}
	}
}

func TestRecountKeepsTheVerdict(t *testing.T) {
	var r Registry
	h := r.Health(key, "s1")
	for i, reason := range []string{"", "bad", "bad"} {
		h.Report(result(i, reason))
	}
	h.Recount()
	h.Report(result(3, "bad"))
	h.Report(result(4, "bad"))
	if h.Status() != Healthy {
		t.Fatal("failures of the probe before the change counted")
	}
	h.Report(result(5, "bad"))
	if h.Status() != Unhealthy {
		t.Fatal("three failures of the changed probe did not decide")
	}
}

func TestReasonsAreCut(t *testing.T) {
	var r Registry
	h := r.Health(key, "s1")
	for _, letter := range []string{"x", "ü", "語"} {
		h.Report(result(0, strings.Repeat(letter, 1<<20)))
		got := h.View().Reason
		if len(got) > MaxReason || len(got) < MaxReason-3 || !utf8.ValidString(got) || !strings.HasSuffix(got, letter+"...") {
			t.Errorf("a reason of a megabyte of %s is kept as %d bytes: %q", letter, len(got), got)
		}
	}
	whole := strings.Repeat("x", MaxReason)
	h.Report(result(0, whole))
	if got := h.View().Reason; got != whole {
		t.Errorf("a reason of %d bytes is kept as %q", MaxReason, got)
	}
}

func TestReportsFromManySides(t *testing.T) {
	var r Registry
	h := r.Health(key, "s1")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for k := range 1000 {
				h.Report(result(k, []string{"", "bad"}[i%2]))
				h.View()
				h.Status()
				h.Follow(&counter{})
			}
		})
	}
	all.Wait()
	if v := h.View(); v.Status != h.Status() || v.Successes > 0 && v.Failures > 0 {
		t.Errorf("the view %+v does not hold together", v)
	}
}

func TestStatusWords(t *testing.T) {
	for status, want := range map[Status]string{Unknown: "unknown", Healthy: "healthy", Unhealthy: "unhealthy"} {
		if got := status.String(); got != want {
			t.Errorf("status %d is %q, want %q", status, got, want)
		}
	}
}

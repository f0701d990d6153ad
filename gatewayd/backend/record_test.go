package backend

import "testing"

// TestRecordLeavesTellingToItsCaller: it counts as Report does, and names the follower where the status changed.
func TestRecordLeavesTellingToItsCaller(t *testing.T) {
	var r Registry
	h := r.Health(key, "s")
	f := &silent{}
	h.Follow(f)
	for i, want := range []struct {
		ok            bool
		before, after Status
		tell          bool
	}{
		{true, Unknown, Healthy, true},
		{true, Healthy, Healthy, false},
		{false, Healthy, Healthy, false},
		{false, Healthy, Unhealthy, true},
		{true, Unhealthy, Healthy, true},
	} {
		before, after, follower := h.Record(Result{At: epoch, OK: want.ok, UnhealthyThreshold: 2, HealthyThreshold: 1})
		if before != want.before || after != want.after || (follower == f) != want.tell || (follower != nil) != want.tell {
			t.Errorf("result %d: from %s to %s, follower %v; want %+v", i, before, after, follower, want)
		}
	}
	if f.told {
		t.Error("the follower was told")
	}
}

type silent struct{ told bool }

func (s *silent) Refresh() { s.told = true }

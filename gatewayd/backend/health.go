package backend

import (
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
)

// A Status is a verdict on a backend.
type Status int32

// The verdicts. Unknown is a backend that never was judged: it becomes Healthy by one success, and Unhealthy by as many
// failures in a row as the probe says.
const (
	Unknown Status = iota
	Healthy
	Unhealthy
)

// String is the word that views and logs use.
func (s Status) String() string {
	switch s {
	case Healthy:
		return "healthy"
	case Unhealthy:
		return "unhealthy"
	}
	return "unknown"
}

// A Health is the health of one backend under one setting. It is made by a Registry only.
type Health struct {
	// Idle counts the connections to the backend that the data path keeps for the next request, over all loops. Shelve
	// adds one, and whoever added it takes it back by Unshelve when the connection is used again or ends.
	Idle atomic.Int64

	_ [56]byte // Every loop writes Idle, so it has a cache line for itself.

	Backend *Backend                         // set once by the Registry
	Setting string                           // hidden id of the setting; set once by the Registry
	ejected func(h *Health, until time.Time) // the Registry's; may be nil

	tunnels atomic.Pointer[meter.Target] // see Tunnels

	status atomic.Int32 // a Status; written under mu, read by anybody
	served served

	mu       sync.Mutex // guards what follows
	view     View
	results  results
	ejection ejection
	follower Follower // nil means that nobody wants to hear of changes
}

// A Follower wants to know of changes of a Standing. Its type must be comparable.
type Follower interface {
	// Refresh is called after each change, without a lock held: by the goroutine that reported it, or for an ejection
	// by one of its own.
	Refresh()
}

// MaxReason is how many bytes of a reason are kept. Reasons repeat what a user wrote, and there may be many targets.
const MaxReason = 300

// Clip shortens a reason to MaxReason, at the end of a character.
func Clip(reason string) string {
	const rest = "..."
	if len(reason) <= MaxReason {
		return reason
	}
	end := MaxReason - len(rest)
	for end > 0 && !utf8.RuneStart(reason[end]) {
		end--
	}
	return reason[:end] + rest
}

// A Result is the outcome of one probe, with the thresholds of the probe that it is judged by.
type Result struct {
	At     time.Time     // when the probe ended
	Took   time.Duration // from its start
	OK     bool
	Reason string // why it failed, in words a user understands; empty where OK; cut at MaxReason

	// UnhealthyThreshold and HealthyThreshold are the failures and successes in a row that turn the verdict. Less than 1
	// counts as 1.
	UnhealthyThreshold, HealthyThreshold int
}

// A View is what is known of a health at one moment.
type View struct {
	Status Status
	// Reason is that of the last failure, in words. It is empty while the backend is healthy.
	Reason string
	// Since is when the status began; zero while it is Unknown.
	Since time.Time
	// LastProbe is when the last probe ended; zero before the first.
	LastProbe time.Time
	// Successes and Failures are probes in a row; at most one of them is not 0.
	Successes, Failures int
	// Ejected is until when the backend is out because requests to it failed; zero while it is not.
	Ejected time.Time
}

// A Standing is what picks go by.
type Standing struct {
	Status  Status
	Ejected bool
	Probed  bool // a probe has ended, whatever it saw
	// Since is when the status began or the last ejection ended, whichever is later; zero before either.
	Since time.Time
}

// Status is the present verdict. It costs one atomic load and may be called by anybody.
func (h *Health) Status() Status { return Status(h.status.Load()) }

// Tunnels is where the tunnels to the backend are counted; nil counts none.
func (h *Health) Tunnels() *meter.Target { return h.tunnels.Load() }

// CountTunnels says where the tunnels to the backend are counted. The first who says it counts: a tunnel ends where it began.
func (h *Health) CountTunnels(in func() *meter.Target) {
	if h.tunnels.Load() == nil {
		h.tunnels.CompareAndSwap(nil, in())
	}
}

// View is a consistent copy of what is known now. It may be called by anybody.
func (h *Health) View() View {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.view
}

// Standing is what picks go by at present. It may be called by anybody.
func (h *Health) Standing() Standing {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := Standing{Status: h.view.Status, Ejected: !h.view.Ejected.IsZero(), Probed: !h.view.LastProbe.IsZero(), Since: h.view.Since}
	if h.ejection.ended.After(s.Since) {
		s.Since = h.ejection.ended
	}
	return s
}

// Results are the last probes, the oldest first, at most MaxResults. It may be called by anybody.
func (h *Health) Results() []Probed {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.results.list()
}

// Follow makes f the one to hear of changes, in place of the one before: a health belongs to one pool and one setting,
// and so to one group.
func (h *Health) Follow(f Follower) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.follower = f
}

// Unfollow ends what Follow began, unless another follows by now. f may hear of one more change that has begun.
func (h *Health) Unfollow(f Follower) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.follower == f {
		h.follower = nil
	}
}

// Shelve counts one more idle connection, or reports false where limit are idle already.
func (h *Health) Shelve(limit int) bool { return below(&h.Idle, limit) }

// Unshelve counts one less.
func (h *Health) Unshelve() { h.Idle.Add(-1) }

// Report counts the outcome of a probe and changes the status when a threshold is reached. It returns after those who
// wait for the change were told, so that what is picked afterwards respects it.
func (h *Health) Report(r Result) {
	if _, _, follower := h.Record(r); follower != nil {
		follower.Refresh()
	}
}

// Recount begins new rows of successes and failures and keeps the verdict: for a probe that changed and must decide by
// its own thresholds.
func (h *Health) Recount() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.view.Successes, h.view.Failures = 0, 0
}

// count says whether the status changed. mu is held.
func (h *Health) count(r Result) bool {
	v := &h.view
	v.LastProbe = r.At
	next := v.Status
	if !r.OK {
		r.Reason = Clip(r.Reason)
	}
	h.results.add(r)
	if r.OK {
		v.Successes, v.Failures = v.Successes+1, 0
		if v.Status == Unknown || v.Successes >= r.HealthyThreshold {
			next = Healthy
		}
	} else {
		v.Successes, v.Failures = 0, v.Failures+1
		v.Reason = r.Reason
		if v.Failures >= r.UnhealthyThreshold {
			next = Unhealthy
		}
	}
	if next == Healthy && r.OK {
		v.Reason = ""
	}
	if next == v.Status {
		return false
	}
	v.Status, v.Since = next, r.At
	h.status.Store(int32(next))
	return true
}

package meter

import "sync/atomic"

// A TargetKey is a target of a pool under a setting: hidden ids, and for one that stands in its pool the key it has there.
type TargetKey struct{ Pool, Setting, Target string }

// A Target is the tunnels to one target. All loops write it, so only the beginning and the end of a tunnel do, and what
// passed is added from time to time. A nil Target counts nothing. It is made by a Registry.
type Target struct {
	opened         atomic.Uint64
	ended          [Ends]atomic.Uint64
	received, sent Passed
}

func newTarget(int) *Target { return new(Target) }

// Opened counts a tunnel that begins.
func (t *Target) Opened() {
	if t != nil {
		t.opened.Add(1)
	}
}

// Ended counts the end of one that was counted by Opened.
func (t *Target) Ended(by End) {
	if t != nil {
		t.ended[by].Add(1)
	}
}

// Passed counts what passed from clients, and to them.
func (t *Target) Passed(received, sent PassedFigures) {
	if t != nil {
		t.received.add(received)
		t.sent.add(sent)
	}
}

// TargetFigures are a Target's counts.
type TargetFigures struct {
	Open, Opened   uint64
	Ended          [Ends]uint64
	Received, Sent PassedFigures
}

// AddTo adds the counts to figures. Anybody may call it; they are not of one instant.
func (t *Target) AddTo(f *TargetFigures) {
	if t == nil {
		return
	}
	ended := uint64(0)
	for e := range t.ended { // Before those opened, which are more.
		n := t.ended[e].Load()
		f.Ended[e] += n
		ended += n
	}
	opened := t.opened.Load()
	f.Opened += opened
	f.Open += opened - ended
	t.received.addTo(&f.Received)
	t.sent.addTo(&f.Sent)
}

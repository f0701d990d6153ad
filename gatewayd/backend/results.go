package backend

import (
	"slices"
	"time"
)

// MaxResults is how many results of probes a health keeps.
const MaxResults = 50

// A Probed is the outcome of one probe, as it is kept.
type Probed struct {
	At     time.Time // when it ended
	Took   time.Duration
	OK     bool
	Reason string // why it failed
}

// A results is the last MaxResults outcomes. There may be many targets, so it grows as results come, to 800 bytes, and
// holds each reason once: a target that fails mostly fails for the same one again.
type results struct {
	ring    []outcome
	next    int      // in a full ring: the oldest one
	reasons []string // those that the ring names, and places to use again
}

// An outcome is a Probed in 16 bytes.
type outcome struct {
	at     int64   // nanoseconds since 1970
	took   float32 // seconds: to a microsecond where that says something, and as long as a probe may last
	reason uint8   // of reasons, from 1; 0 is a success
}

func (r *results) add(p Result) {
	o := outcome{at: p.At.UnixNano(), took: float32(p.Took.Seconds())}
	if len(r.ring) == MaxResults {
		r.ring[r.next].reason = 0 // So that its reason may be used again.
	}
	if !p.OK {
		o.reason = r.reason(p.Reason)
	}
	if len(r.ring) == MaxResults {
		r.ring[r.next] = o
		r.next = (r.next + 1) % MaxResults
		return
	}
	if n := len(r.ring); n == cap(r.ring) {
		r.ring = append(make([]outcome, 0, min(max(8, 2*n), MaxResults)), r.ring...)
	}
	r.ring = append(r.ring, o)
}

// reason is the number of a reason. There are no more of them than results.
func (r *results) reason(text string) uint8 {
	if i := slices.Index(r.reasons, text); i >= 0 {
		return uint8(i + 1)
	}
	for i := range r.reasons {
		used := slices.ContainsFunc(r.ring, func(o outcome) bool { return int(o.reason) == i+1 })
		if !used {
			r.reasons[i] = text
			return uint8(i + 1)
		}
	}
	r.reasons = append(r.reasons, text)
	return uint8(len(r.reasons))
}

// list is what is kept, the oldest first.
func (r *results) list() []Probed {
	list := make([]Probed, 0, len(r.ring))
	for i := range r.ring {
		o := r.ring[(r.next+i)%len(r.ring)]
		p := Probed{At: time.Unix(0, o.at), Took: time.Duration(float64(o.took) * 1e9).Round(time.Microsecond), OK: o.reason == 0}
		if !p.OK {
			p.Reason = r.reasons[o.reason-1]
		}
		list = append(list, p)
	}
	return list
}

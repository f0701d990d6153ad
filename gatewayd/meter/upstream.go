package meter

import "sync/atomic"

// A Failure says why an attempt failed by its backend.
type Failure uint8

// The failures.
const (
	ConnectFailed Failure = iota
	TLSFailed             // the handshake of TLS
	ConnectTimeout
	Closed  // without a whole head of an answer
	TooLate // no answer in time
	BadAnswer
	failureEnd
)

// Failures is the length of an array indexed by [Failure].
const Failures = int(failureEnd)

var failures = [Failures]string{"connect_failed", "tls_failed", "connect_timeout", "closed", "request_timeout", "bad_answer"}

// String is the word that metrics use.
func (f Failure) String() string { return failures[f] }

// An UpstreamKey is a pool under a setting, by hidden ids.
type UpstreamKey struct{ Pool, Setting string }

// An Upstream is what is sent to the targets of a pool under a setting. It is made by a Registry.
type Upstream struct {
	loops []atomic.Pointer[Attempts]
	// Probes are written by whoever probes.
	Probes Probes
}

// Probes counts the probes of all targets.
type Probes struct{ Passed, Failed atomic.Uint64 }

// Add counts a probe. A nil Probes counts nothing.
func (p *Probes) Add(passed bool) {
	switch {
	case p == nil:
	case passed:
		p.Passed.Add(1)
	default:
		p.Failed.Add(1)
	}
}

func newUpstream(loops int) *Upstream {
	return &Upstream{loops: make([]atomic.Pointer[Attempts], max(loops, 1))}
}

// Attempts are a loop's counters. Only the loop itself may ask for them, and write them. A nil Upstream, as of a table
// that was compiled without a registry, counts where nobody looks.
func (u *Upstream) Attempts(loop int) *Attempts {
	if u == nil {
		return new(Attempts)
	}
	return own(&u.loops[loop])
}

// Attempts are those of one loop. Handshakes are left out of FirstByte and Total, so that no tunnel is in them.
type Attempts struct {
	Connect   Histogram // from the beginning of a connect that succeeded until the connection stood, TLS included
	FirstByte Histogram // from the pick of the backend that answered until the head of its final answer was here
	Total     Histogram // from the request's head until the whole answer was handed over
	Failed    [Failures]atomic.Uint64
	Retries   atomic.Uint64 // attempts on another backend
	Renewed   atomic.Uint64 // attempts on the same one, because a kept connection had died
}

// UpstreamFigures are the sums of an Upstream's counters over all loops.
type UpstreamFigures struct {
	Used                       bool
	Connect, FirstByte, Total  HistogramFigures
	Failed                     [Failures]uint64
	Retries, Renewed           uint64
	ProbesPassed, ProbesFailed uint64
}

// Figures reads the counters. Anybody may call it; they are not of one instant.
func (u *Upstream) Figures() (f UpstreamFigures) {
	for i := range u.loops {
		a := u.loops[i].Load()
		if a == nil {
			continue
		}
		f.Used = true
		a.Connect.addTo(&f.Connect)
		a.FirstByte.addTo(&f.FirstByte)
		a.Total.addTo(&f.Total)
		for k := range f.Failed {
			f.Failed[k] += a.Failed[k].Load()
		}
		f.Retries += a.Retries.Load()
		f.Renewed += a.Renewed.Load()
	}
	f.ProbesPassed, f.ProbesFailed = u.Probes.Passed.Load(), u.Probes.Failed.Load()
	return f
}

package tunnel

import (
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// A Subject is something that requests and tunnels belong to: exactly one field is set. Ids are the hidden ones.
type Subject struct {
	Listener string
	Rule     string
	Pool     string
	Backend  *backend.Backend
}

// Terms say what a tunnel belongs to and what it was granted. They are those of its beginning: later changes of
// settings do not reach an open tunnel.
type Terms struct {
	Listener string // hidden ids
	Rule     string
	// Backend was counted in its Open by the caller; the tunnel takes the count over and gives it back once.
	Backend *backend.Backend
	// DrainTimeout is how long the tunnel may go on once its rule, pool or backend is gone.
	DrainTimeout time.Duration
	// ClientEnded says that the client's FIN was seen before the tunnel began.
	ClientEnded bool
}

// A Drain says how long the requests and tunnels that belong to a gone subject may go on.
type Drain struct {
	// Timeout counts from now. Negative means each one's own [Terms.DrainTimeout].
	Timeout time.Duration
	// Spread is the last part of the timeout, over which Closes are spread evenly. 0 means the smaller of 10 seconds
	// and half of the timeout.
	Spread time.Duration
}

// moment is when a Close is due in a drain that began at start; place, from 0 to below 1, is where in the spread. Its
// last eighth is left for the answers to the last Closes.
func (d Drain) moment(start loop.Time, timeout time.Duration, place float64) loop.Time {
	spread := d.Spread
	if spread <= 0 {
		spread = min(10*time.Second, timeout/2)
	}
	spread = min(spread, timeout)
	return start + loop.Time(timeout-spread) + loop.Time(place*float64(spread)*7/8)
}

// Stats are counters of one loop's tunnels since its start, and how many are open.
type Stats struct {
	Open   int
	Opened uint64
	Closed uint64 // ended by a Close of ours
	Cut    uint64 // ended at their deadline, because no frame boundary came or the peers had not closed
}

// Add adds another loop's figures.
func (s *Stats) Add(o Stats) {
	s.Open += o.Open
	s.Opened += o.Opened
	s.Closed += o.Closed
	s.Cut += o.Cut
}

package tunnel

import (
	"cmp"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
)

// A Subject is something that requests and tunnels belong to: exactly one field is set. Ids are the hidden ones.
type Subject struct {
	Listener string
	Rule     string
	Backend  *backend.Backend
	// Health is a backend under one setting. Other than what is gone it may still be picked, as where a pool fails open:
	// its drain leaves alone what picked it later.
	Health *backend.Health
}

// Terms say what a tunnel belongs to and what it was granted. They are those of its beginning: later changes of
// settings do not reach an open tunnel.
type Terms struct {
	Listener string // hidden ids
	Rule     string
	// Health is the backend under its setting. The caller took a place on the backend; the tunnel takes it over and
	// releases it once.
	Health *backend.Health
	// Picked is when the backend was picked.
	Picked loop.Time
	// DrainTimeout is how long the tunnel may go on once its rule or backend is gone, and CloseSpread the last part
	// of it, over which Closes are spread.
	DrainTimeout, CloseSpread time.Duration
	// Count, which may be nil, holds the tunnel's place among those of its listener, and gets it back at the end.
	Count *atomic.Int64
	// Limits end the tunnel by itself.
	Limits Limits
	// Figures count the tunnel, beside what its Health counts.
	Figures *meter.Tunnels
	// Client is who the client is where its connection is another's, as a proxy's that is believed; Secure says that it
	// speaks TLS to the gateway.
	Client netip.AddrPort
	Secure bool
	// Note is handed back in Ended.
	Note string
	// ClientEnded says that the client's FIN was seen before the tunnel began.
	ClientEnded bool
}

// Limits say when a tunnel ends though all that it belongs to stays. 0 is without limit.
type Limits struct {
	Idle     time.Duration // without a byte in either direction, control frames included
	Lifetime time.Duration // since the handshake; up to a tenth less, so that many do not end at once
	Write    time.Duration // that one of its peers takes nothing of what waits for it
	Message  uint64        // bytes of a message's payload on the wire
}

// A Drain says how long the requests and tunnels that belong to a gone subject may go on.
type Drain struct {
	// Timeout counts from now. Negative means each one's own [Terms.DrainTimeout] and [Terms.CloseSpread].
	Timeout time.Duration
	// Spread is the last part of the timeout, over which Closes are spread evenly; more than the timeout means all of it.
	// 0 means that every Close is sent at the deadline, and no answer to it is waited for.
	Spread time.Duration
	// Longest is how long each one's own is at most, where Timeout is negative; 0 is an hour, which is the most that there is.
	Longest time.Duration

	restart bool // because the process ends
}

// Remembered is how long a drain is remembered, from its beginning: until what was open then is over, and a little longer.
func (d Drain) Remembered() time.Duration {
	lasts := d.Timeout
	if lasts < 0 {
		lasts = cmp.Or(d.Longest, time.Hour)
	}
	return lasts + forgetTime
}

// forgetTime is how much longer a drain is remembered than what it is of.
const forgetTime = time.Minute

// by is the drain as it is for a tunnel.
func (d Drain) by(t *Tunnel) Drain {
	if d.Timeout < 0 {
		return Drain{Timeout: t.account.grant, Spread: t.account.spread}
	}
	return d
}

// moment is when a Close is due in a drain that began at start; place, from 0 to below 1, is where in the spread. Its
// last eighth is left for the answers to the last Closes.
func (d Drain) moment(start loop.Time, place float64) loop.Time {
	spread := min(d.Spread, d.Timeout)
	return start + loop.Time(d.Timeout-spread) + loop.Time(place*float64(spread)*7/8)
}

// Stats are counters of one loop's tunnels since its start, and how many are open.
type Stats struct {
	Open   int
	Opened uint64
	Closed uint64 // ended by a Close of ours
	Cut    uint64 // ended at their deadline, because no frame boundary came or the peers had not closed
	Ended  [meter.Ends]uint64
}

// Add adds another loop's figures.
func (s *Stats) Add(o Stats) {
	s.Open += o.Open
	s.Opened += o.Opened
	s.Closed += o.Closed
	s.Cut += o.Cut
	for by, n := range o.Ended {
		s.Ended[by] += n
	}
}

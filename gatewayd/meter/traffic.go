package meter

import "sync/atomic"

// A Class is how a request ended.
type Class uint8

// The classes: by the first digit of the answer's status, or that the client was gone before there was one.
const (
	Unanswered Class = iota
	Informational
	Successful
	Redirected
	ClientError
	ServerError
	classEnd
)

// Classes is the length of an array indexed by [Class].
const Classes = int(classEnd)

var classes = [Classes]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}

// ClassOf is the class of a status; 0 is no answer.
func ClassOf(status int) Class {
	if c := Class(status / 100); c < classEnd {
		return c
	}
	return ServerError
}

// String is the word that metrics use.
func (c Class) String() string { return classes[c] }

// A TrafficKey says whose traffic is counted, by hidden ids: of a rule under a pool and a setting, which may be empty; or
// of a listener alone, for requests that none of its rules took.
type TrafficKey struct{ Listener, Rule, Pool, Setting string }

// A Traffic is what clients ask for at one place. It is made by a Registry, or by NewTraffic for those whom no object
// serves.
type Traffic struct {
	loops []trafficCells
	held  atomic.Int64
}

type trafficCells struct {
	requests atomic.Pointer[Requests]
	tunnels  atomic.Pointer[Tunnels]
}

// NewTraffic makes a meter for a number of loops.
func NewTraffic(loops int) *Traffic { return &Traffic{loops: make([]trafficCells, max(loops, 1))} }

// Requests are a loop's counters of HTTP exchanges. Only the loop itself may ask for them, and write them.
func (t *Traffic) Requests(loop int) *Requests { return own(&t.loops[loop].requests) }

// Tunnels are a loop's counters of tunnels. Only the loop itself may ask for them, and write them.
func (t *Traffic) Tunnels(loop int) *Tunnels { return own(&t.loops[loop].tunnels) }

// Held is how many tunnels of a listener there are, and handshakes for one, whichever loops have them. Whoever counts in it
// keeps it, so that a listener that comes back while they go on meets it again. Tables that never serve have one of their own.
func (t *Traffic) Held() *atomic.Int64 {
	if t == nil {
		return new(atomic.Int64)
	}
	return &t.held
}

// own are the counters that a loop has in a cell of its own; they are made when it first counts something.
func own[C any](cell *atomic.Pointer[C]) *C {
	c := cell.Load()
	if c == nil {
		c = new(C)
		cell.Store(c)
	}
	return c
}

// Requests are the HTTP exchanges of one loop. A handshake is one of them, what goes through its tunnel is not.
type Requests struct {
	Ended          [Classes]atomic.Uint64
	Received, Sent atomic.Uint64 // bytes of heads and bodies: from clients, and to them
}

// TrafficFigures are the sums of a Traffic's counters over all loops. Used says that something was counted at all, and
// UsedTunnels the same of tunnels and handshakes for one.
type TrafficFigures struct {
	Used, UsedTunnels            bool
	Ended                        [Classes]uint64
	Received, Sent               uint64
	Handshakes                   [Handshakes]uint64
	TunnelsOpened                uint64
	TunnelsEnded                 [Ends]uint64
	TunnelsCodes                 [Codes]uint64
	TunnelsLives                 LivesFigures
	TunnelsReceived, TunnelsSent PassedFigures
}

// Figures reads the counters. Anybody may call it; they are not of one instant.
func (t *Traffic) Figures() (f TrafficFigures) {
	for i := range t.loops {
		if r := t.loops[i].requests.Load(); r != nil {
			f.Used = true
			for c := range f.Ended {
				f.Ended[c] += r.Ended[c].Load()
			}
			f.Received += r.Received.Load()
			f.Sent += r.Sent.Load()
		}
		if r := t.loops[i].tunnels.Load(); r != nil {
			f.UsedTunnels = true
			r.addTo(&f)
		}
	}
	return f
}

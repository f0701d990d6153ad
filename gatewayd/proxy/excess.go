package proxy

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
)

// A connection that is one too many is accepted all the same: left in the backlog, its client would wait and not know
// why. It gets 503 for its first request and is closed, unless many wait to be told so: then it is reset.

const (
	// excessTime is how long such a connection has for the head of its request.
	excessTime = 2 * time.Second
	// excessMost is how many of them a loop has at a time.
	excessMost = 64
)

// Connections counts the client connections of each address and port, over all loops. It keeps a number for every address
// and port that ever had one. The zero value is ready.
type Connections struct {
	by      sync.Map                  // table.Place to *atomic.Int64
	workers atomic.Pointer[[]*Worker] // all that share it; the slice is never changed
}

func (c *Connections) at(p table.Place) *atomic.Int64 {
	n, found := c.by.Load(p)
	if !found {
		n, _ = c.by.LoadOrStore(p, new(atomic.Int64))
	}
	return n.(*atomic.Int64)
}

// admit counts a connection, or says why it is one too many and whether there is room to tell it.
func (d *door) admit() (why Reason, tell bool) {
	w := d.w
	tell = w.excess < excessMost
	if fds := w.cfg.Descriptors; fds != nil {
		// A quarter is for connections to targets alone; half of it may for a moment be those that are told no.
		most, used := fds.Share()
		used -= w.leaving
		room := used <= most-most/8
		if over := used - (most - most/4); over > 0 && !(w.free(over) && room) {
			return ReasonNoDescriptor, tell && room
		}
	}
	n := d.open.Add(1)
	if a := d.address(); a != nil && a.MaxConnections > 0 && n > int64(a.MaxConnections) {
		d.open.Add(-1)
		return ReasonTooManyConnections, tell
	}
	return 0, true
}

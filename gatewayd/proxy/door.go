package proxy

import (
	"crypto/tls"
	"sync/atomic"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
)

// A door is an address and port as this loop's client connections see it: they belong to it, not to a listener.
type door struct {
	w     *Worker
	place table.Place
	tls   *tls.Config // see terms

	open    *atomic.Int64 // connections of all loops, WebSockets included, without those that are one too many
	first   *client       // its connections
	n       int
	cursor  *client // the next one to be looked at by sweep
	sweeper bool    // a step of sweep is posted
}

// sweepStep is how many connections are looked at in one turn of the loop.
const sweepStep = 1000

// address is what the present table says of the door; nil where no listener has it any more. It is looked up whenever
// it is needed: a door that kept it would keep a table that is gone, for as long as nobody comes.
func (d *door) address() *table.Address {
	return d.w.cfg.Table.Load().Address(d.place.Address, d.place.Port)
}

func (d *door) push(c *client) {
	c.door, c.next = d, d.first
	if d.first != nil {
		d.first.prev = c
	}
	d.first = c
	d.n++
}

func (d *door) remove(c *client) {
	if c.door == nil {
		return
	}
	if d.cursor == c {
		d.cursor = c.next
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		d.first = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.door, c.next, c.prev = nil, nil, nil
	d.n--
	d.tidy()
}

// tidy forgets a door that no listener has any more with its last connection.
func (d *door) tidy() {
	if d.n == 0 && d.w.doors[d.place] == d && d.address() == nil {
		delete(d.w.doors, d.place)
	}
}

// Sweep closes the client connections that serve no request and whose address and port no listener of the published
// table has any more, as when a listener was moved or deleted. Those that serve one close behind its answer, and say so
// in it. Call it after the publication, when the sockets are closed.
func (w *Worker) Sweep() {
	for _, d := range w.doors {
		if d.address() == nil {
			d.sweep()
			d.tidy()
		}
	}
}

// sweep closes every connection that serves no request. Those that do close behind their answer.
func (d *door) sweep() {
	d.cursor = d.first
	if !d.sweeper {
		d.sweepStep()
	}
}

func (d *door) sweepStep() {
	d.w.enter()
	d.sweeper = false
	for n := 0; d.cursor != nil; n++ {
		if n == sweepStep {
			d.sweeper = d.w.l.Post(d.sweepStep)
			return
		}
		c := d.cursor
		d.cursor = c.next
		if c.idle() {
			c.end()
		}
	}
}

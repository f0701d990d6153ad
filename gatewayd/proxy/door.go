package proxy

import (
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
)

// A door is an address and port as this loop's client connections see it: they belong to it, not to a listener.
type door struct {
	w     *Worker
	place table.Place

	// What the table says of it, looked up once for each table.
	seen *table.Table
	addr *table.Address

	first   *client // its connections
	n       int
	cursor  *client // the next one to be looked at by sweep
	sweeper bool    // a step of sweep is posted
}

// sweepStep is how many connections are looked at in one turn of the loop.
const sweepStep = 1000

// address is what the present table says of the door; nil where no listener has it any more.
func (d *door) address() *table.Address {
	t := d.w.cfg.Table.Load()
	if t != d.seen {
		d.seen, d.addr = t, t.Address(d.place.Address, d.place.Port)
	}
	return d.addr
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
	if d.n == 0 && d.addr == nil {
		delete(d.w.doors, d.place)
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

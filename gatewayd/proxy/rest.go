package proxy

import (
	"math"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// This file is about a client's connection between requests: behind an answer, before the next request, and its end.

// discardTime is how long the rest of a body may take that is thrown away.
const discardTime = 10 * time.Second

// Drained implements loop.Handler.
func (c *client) Drained() {
	if c.x != nil {
		c.x.drained()
		return
	}
	if c.untaken = 0; c.flags&cPartial == 0 {
		c.rest()
	}
	if c.flags&cAhead != 0 {
		c.ahead()
	}
}

// Timeout implements loop.Handler: no request in time, a head that does not end, or a body that nobody wants.
func (c *client) Timeout() {
	c.w.enter()
	switch {
	case c.x != nil:
	case c.stream.Queued() > 0:
		// Its answer is still on its way: the time counts from when it took something last.
		n := int32(min(c.stream.Queued(), math.MaxInt32))
		if n == c.untaken {
			c.flags |= cEnding
			c.stream.Reset()
			break
		}
		c.untaken = n
		c.stream.SetDeadline(c.w.l.Now() + loop.Time(c.taking))
	case c.flags&cPartial != 0:
		c.flags &^= cKeep
		c.refuse(refuse(ReasonSlowRequest))
	default:
		c.end()
	}
	c.w.leave()
}

// idle says that nothing of a request is here.
func (c *client) idle() bool {
	return c.x == nil && c.flags&(cPartial|cBody|cAhead|cEnding) == 0 && c.stream.Queued() == 0
}

// end closes the connection behind what was written.
func (c *client) end() {
	c.flags |= cEnding
	c.w.out.flush()
	c.stream.Close()
}

// answered is called when the answer is given whole and the exchange forgotten.
func (c *client) answered() {
	if c.flags&cBody == 0 {
		c.ready()
		return
	}
	// The answer came before the end of the request.
	if c.flags&cKeep == 0 {
		c.end()
		return
	}
	c.untaken = 0
	c.rest()
	c.stream.Resume()
}

// rest gives the client its time: to take its answer, for the next request, or for the rest of one that was answered
// already.
func (c *client) rest() {
	patience := c.keepAlive
	if n := c.stream.Queued(); n > 0 {
		patience, c.untaken = c.taking, int32(min(n, math.MaxInt32))
	} else if c.flags&cBody != 0 {
		patience = discardTime
	}
	c.stream.SetDeadline(c.w.l.Now() + loop.Time(patience))
}

// ready makes ready for the next request.
func (c *client) ready() {
	if c.flags&cKeep == 0 || c.flags&(cEOF|cBehind) != 0 || c.w.closing {
		c.end()
		return
	}
	c.flags &^= cPerAnswer
	c.untaken = 0
	c.rest()
	if c.flags&cAhead != 0 && c.stream.Queued() == 0 {
		c.ahead()
	}
}

// ahead takes up what was held back.
func (c *client) ahead() {
	c.flags &^= cAhead
	c.stream.Resume()
}

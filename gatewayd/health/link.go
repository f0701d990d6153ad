package health

import (
	"errors"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/proxyproto"
)

// farewell bounds how long the rest of an answer whose verdict is known, and the target's FIN behind it, are waited for.
const farewell = loop.Time(time.Second)

// A link is one connection to a target. It serves one probe at a time.
type link struct {
	p        *Prober
	w        *watch      // whose probe it serves, or waits for; nil once nobody wants it any more
	stream   loop.Stream // nil once it is gone
	body     http1.Body
	tail     []byte    // end of the body so far, in which the expected text may have begun
	old      loop.Time // when it is too old for another probe
	asked    loop.Time // when the present request was sent
	scanned  int       // of a head
	seen     int       // bytes of the body
	state    linkState
	flags    uint8
	interims uint8
}

type linkState uint8

const (
	dialling linkState = iota
	shaking            // the handshake of TLS runs
	asking             // a head is waited for
	reading            // the body decides
	resting            // the verdict is known, and the rest of the answer is read for the connection's sake
	idle               // kept for the next probe
	parting            // the target's FIN is waited for
	over               // the stream was told to end
)

const (
	reused  uint8 = 1 << iota // it served another probe before
	heard                     // bytes of an answer came
	stays                     // the target was not asked to close it
	lasts                     // the answer lets it live on
	counted                   // in Prober.parting
	keeping                   // in Prober.kept
)

func (p *Prober) newLink(w *watch) *link {
	c := new(link)
	if n := len(p.free); n > 0 {
		c, p.free = p.free[n-1], p.free[:n-1]
	}
	*c = link{p: p, w: w, tail: c.tail[:0]}
	return c
}

// ask sends the request of the watch's probe.
func (c *link) ask() {
	w, p := c.w, c.p
	c.state, c.asked = asking, p.l.Now()
	c.scanned, c.seen, c.interims, c.tail = 0, 0, 0, c.tail[:0]
	c.flags &= reused | keeping
	stay := loop.Time(w.target.KeepFor) > w.plan.interval && c.asked+w.plan.interval < c.old
	if stay && c.flags&keeping == 0 {
		if stay = p.kept < p.limits.kept; stay {
			p.kept++
			c.flags |= keeping
		}
	}
	b := p.l.Scratch()
	if w.target.ProxyProtocol && w.target.TLS == nil && c.flags&reused == 0 {
		b = append(b, proxyproto.Local...)
	}
	if stay {
		c.flags |= stays
	}
	c.stream.Write(appendRequest(b, &w.target, stay))
}

// stale says that a connection that was kept came to nothing before the target could say anything: it may have closed it
// while it was idle, so this is no verdict.
func (c *link) stale() bool {
	return c.state == asking && c.flags&(reused|heard) == reused
}

// repeat makes the probe anew, at once and within its time, over a connection of its own.
func (c *link) repeat() {
	w := c.w
	c.drop()
	w.again = true
	w.p.admit(w)
}

// verdict ends the probe. The connection may go on.
func (c *link) verdict(reason string) {
	c.state = resting
	c.w.finish(outcome{reason: reason})
}

// fail ends the probe and the connection.
func (c *link) fail(o outcome) {
	w := c.w
	c.drop()
	w.finish(o)
}

// complete is called behind a whole answer. Bytes behind it belong to nobody and end the connection.
func (c *link) complete(atEnd bool) {
	switch {
	case !atEnd:
		c.drop()
	case c.w != nil && c.flags&(stays|lasts) == stays|lasts:
		c.uncount()
		c.state = idle
		c.stream.SetDeadline(0)
	case c.flags&lasts == 0:
		// Who closes first has the trouble of it (TIME-WAIT), and the target said that it closes.
		c.forsake()
		c.state = parting
	default:
		c.close()
	}
}

// linger bounds what a connection without a probe may take to come to its end.
func (c *link) linger() {
	if c.state != resting && c.state != parting || c.flags&counted != 0 {
		return
	}
	c.stream.SetDeadline(c.p.l.Now() + farewell)
	if c.count() {
		return
	}
	c.drop()
}

// count counts the connection among those that part, and reports false where there are too many.
func (c *link) count() bool {
	if c.flags&counted == 0 {
		c.flags |= counted
		c.p.parting++
	}
	return c.p.parting <= c.p.limits.parting
}

func (c *link) uncount() {
	if c.flags&counted != 0 {
		c.flags &^= counted
		c.p.parting--
	}
}

// forsake takes the connection from its watch.
func (c *link) forsake() {
	if c.w != nil {
		c.w.link = nil
		c.w = nil
	}
}

// drop ends the connection now.
func (c *link) drop() {
	c.forsake()
	c.state = over
	if c.stream != nil {
		c.stream.Reset()
	}
}

// close ends the connection politely, as far as there are not too many that part.
func (c *link) close() {
	if !c.count() {
		c.drop()
		return
	}
	c.forsake()
	c.state = over
	c.stream.Close()
}

// Connected implements loop.Handler.
func (c *link) Connected() {
	if c.state > shaking {
		return
	}
	c.old = c.w.renewal()
	c.ask()
}

// Drained implements loop.Handler.
func (c *link) Drained() {}

// EOF implements loop.Handler.
func (c *link) EOF() {
	switch c.state {
	case asking:
		switch {
		case c.stale():
			c.repeat()
		case c.flags&heard == 0:
			c.fail(outcome{reason: reasonClosed})
		default:
			c.fail(outcome{reason: reasonBadHead})
		}
	case reading:
		if c.body.Close() != nil {
			c.fail(outcome{reason: reasonBadBody})
			return
		}
		c.verdict(reasonNoText)
		c.close()
	case resting, idle, parting:
		c.close()
	}
}

// Timeout implements loop.Handler.
func (c *link) Timeout() {
	switch c.state {
	case dialling, shaking, asking, reading:
		c.fail(c.lateness(c.w.target.Probe))
	case resting:
		c.drop()
	case parting:
		c.close()
	}
}

// Closed implements loop.Handler.
func (c *link) Closed(err error) {
	p, w := c.p, c.w
	c.stream = nil
	c.uncount()
	if c.flags&keeping != 0 {
		p.kept--
	}
	switch {
	case w == nil:
	case c.state >= resting || errors.Is(err, loop.ErrStopped):
		c.forsake()
	case c.stale() && !errors.Is(err, loop.ErrPanic):
		c.repeat()
	default:
		c.fail(c.failure(err))
	}
	*c = link{tail: c.tail[:0]}
	if len(p.free) < keepFree {
		p.free = append(p.free, c)
	}
}

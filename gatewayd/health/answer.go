package health

import (
	"bytes"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
)

// Bounds of what is read of an answer.
const (
	maxHead     = 16 << 10 // held until it is whole, by every connection that is being answered
	maxBody     = 64 << 10
	maxInterims = 16 // 1xx heads
)

// Data implements loop.Handler.
func (c *link) Data(b []byte) int {
	switch {
	case c.state == idle:
		c.drop() // Nobody asked for it: an answer that comes on its own must not become a probe's.
	case c.stale() && c.asked == c.p.l.Now():
		// What is told in the very turn in which the request was sent was there before it, and is no answer to it.
		c.repeat()
	}
	n := 0
	for c.state == asking {
		c.flags |= heard
		k := c.readHead(b[n:])
		if k == 0 {
			return n
		}
		n += k
	}
	if c.state == reading || c.state == resting {
		n += c.readBody(b[n:])
	}
	c.linger()
	if c.state >= parting {
		return len(b)
	}
	return n
}

// readHead reads one head of an answer. It returns 0 while the head is not complete.
func (c *link) readHead(b []byte) int {
	if c.w.target.TLS == nil && alerts(b) {
		c.fail(outcome{reason: reasonSpeaksTLS})
		return len(b)
	}
	end, next, err := http1.HeadEnd(b, c.scanned)
	if err == nil && end == 0 {
		const version = "HTTP/1."
		switch {
		case !bytes.HasPrefix(b, []byte(version)[:min(len(b), len(version))]):
			err = http1.Refusal(http1.ReasonBadStatusLine) // Who speaks another protocol may wait for us to answer.
		case len(b) >= maxHead:
			err = http1.Refusal(http1.ReasonHeadTooLarge)
		default:
			c.scanned = next
			return 0
		}
	}
	r := &c.p.response
	if err == nil {
		err = r.Parse(b[:end], http1.RequestOrdinary, http1.Limits{HeadBytes: maxHead})
	}
	c.scanned = 0
	switch {
	case err != nil && err.Reason == http1.ReasonUnaskedUpgrade:
		c.switched(r.Status)
	case err != nil:
		c.fail(outcome{reason: reasonHead(err)})
	case r.Interim():
		if c.interims++; c.interims > maxInterims {
			c.fail(outcome{reason: reasonBadHead})
		}
	case r.Status == 408 && !r.KeepAlive && c.flags&reused != 0:
		c.repeat() // The target gave up the connection just as we used it (RFC 9110 15.5.9).
	default:
		c.answer(r)
	}
	return end
}

// switched judges a 101, behind which nobody here can read.
func (c *link) switched(status int) {
	o := outcome{}
	if !c.w.plan.matches(status) {
		o.reason = reasonStatus(c.w.target.Probe, status)
	} else if c.w.plan.text != nil {
		o.reason = reasonNoText
	}
	c.fail(o)
}

// answer judges the head of an answer.
func (c *link) answer(r *http1.Response) {
	if r.KeepAlive {
		c.flags |= lasts
	}
	c.body.Start(r.Body, r.Length)
	switch {
	case !c.w.plan.matches(r.Status):
		c.verdict(reasonStatus(c.w.target.Probe, r.Status))
	case c.w.plan.text == nil:
		c.verdict("")
	default:
		c.state = reading
	}
}

// readBody reads what came of a body, and looks for the expected text where the body decides. It takes less than
// everything where a trailer section may follow.
func (c *link) readBody(b []byte) int {
	text := c.p.text[:0]
	if c.state == reading {
		text = append(text, c.tail...)
	}
	n, done := 0, c.body.Done()
	for n < len(b) && !done {
		k, data, d, err := c.body.Next(b[n:])
		if c.state == reading {
			text = append(text, data[:max(0, min(len(data), maxBody-c.seen))]...)
		}
		c.seen += len(data)
		if err != nil {
			c.spoilt(text)
			return len(b)
		}
		if n, done = n+k, d; k == 0 {
			break
		}
	}
	c.p.text = text[:0]
	ended := done || c.body.AtTrailer()
	if c.state == reading {
		c.judge(text, ended)
	}
	if c.state != resting {
		return n
	}
	switch {
	case c.seen > maxBody:
		c.drop()
	case done:
		c.complete(n == len(b))
	case ended && len(b)-n >= 2:
		c.close() // There are fields in the trailer, which is rare, and nobody here reads them.
	}
	return n
}

// judge looks for the expected text in what came, the end of what came before in front of it.
func (c *link) judge(text []byte, ended bool) {
	want := c.w.plan.text
	switch {
	case bytes.Contains(text, want):
		c.verdict("")
	case c.seen > maxBody || c.seen == maxBody && !ended:
		c.verdict(reasonNoTextSoFar)
	case ended:
		c.verdict(reasonNoText)
	default:
		c.tail = append(c.tail[:0], text[max(0, len(text)-len(want)+1):]...)
	}
}

// spoilt ends a connection whose answer's body cannot be read any further.
func (c *link) spoilt(text []byte) {
	switch {
	case c.state != reading:
		c.drop()
	case bytes.Contains(text, c.w.plan.text):
		c.fail(outcome{})
	default:
		c.fail(outcome{reason: reasonBadBody})
	}
}

package proxy

import (
	"strconv"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A reply is an answer that a rule says, and not the gateway for itself.
type reply struct {
	status      int
	contentType string // of the body; what has none is empty
	body        []byte // is never changed
}

// own ends the exchange with what a rule says that sends nothing to a pool.
func (x *exchange) own(route *table.Route) {
	switch r := route.Respond; {
	case r != nil:
		x.reply(reply{status: r.Status, contentType: r.ContentType, body: r.Body})
	default:
		x.refuse(refuse(ReasonNoPool))
	}
}

// reply ends the exchange, of which no answer was begun.
func (x *exchange) reply(r reply) {
	down := x.down
	x.down = nil
	x.end()
	to := &x.w.reply // Or every reply would be made in the heap.
	*to = r
	down.reply(to)
	*to = reply{}
}

// reply implements downstream.
func (c *client) reply(r *reply) {
	c.x = nil
	out := &c.w.out
	b := out.open(c.stream)
	start := len(b)
	b = http1.AppendStatusLine(b, r.status)
	b = http1.AppendField(b, "Date", c.w.date.At(time.Now()))
	if len(r.body) > 0 {
		b = http1.AppendField(b, "Content-Type", r.contentType)
	}
	b = append(b, "Cache-Control: no-store\r\n"...)
	if !spec.Bodiless(r.status) || r.status == 205 { // whose end must be told (RFC 9110 15.3.6)
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(len(r.body)), 10)
		b = append(b, "\r\n"...)
	}
	b = append(c.appendConnection(b, false), "\r\n"...)
	body := r.body
	if c.flags&cHead != 0 {
		body = nil
	}
	c.w.answeredByRule(r.status, len(b)-start+len(body))
	out.keep(b)
	if len(body) > 0 {
		out.content(c.stream, body)
	}
	c.answered()
}

package proxy

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A reply is an answer that a rule says, and not the gateway for itself.
type reply struct {
	status      int
	location    []byte // empty for none; valid during the call
	contentType string // of the body; what has none is empty
	body        []byte // is never changed
}

// own ends the exchange with what a rule says that sends nothing to a pool.
func (x *exchange) own(route *table.Route, req *http1.Request, path []byte) {
	switch r, to := route.Respond, route.Redirect; {
	case r != nil:
		x.reply(reply{status: r.Status, contentType: r.ContentType, body: r.Body})
	case to != nil && to.Gone():
		x.refuse(refuse(ReasonNoRedirect))
	case to != nil:
		x.redirect(to, req, path)
	default:
		x.refuse(refuse(ReasonNoPool))
	}
}

// redirect answers where to go instead. A client of HTTP/1.0 may have named no host: it is sent to the address it came to.
func (x *exchange) redirect(to *table.Redirect, req *http1.Request, path []byte) {
	w, host := x.w, req.Host
	if len(host) == 0 && to.OwnHost() {
		host = appendLocal(w.small[:0], x.down.local().Addr())
	}
	w.location = to.AppendLocation(w.location[:0], host, path, req)
	x.reply(reply{status: to.Status, location: w.location, contentType: "text/plain; charset=utf-8", body: elsewhere})
}

var elsewhere = []byte("This is to be found elsewhere: see Location.\n")

// appendLocal appends an address as it stands in a URL.
func appendLocal(b []byte, a netip.Addr) []byte {
	if !a.Is6() {
		return a.AppendTo(b)
	}
	return append(a.AppendTo(append(b, '[')), ']')
}

// choose is the route itself or, where it is split, the one of the request's share. A split without weights stays.
func (w *Worker) choose(route *table.Route) *table.Route {
	if route == nil || route.Split == nil {
		return route
	}
	if chosen := route.Split.Choose(w.random.Uint64()); chosen != nil {
		return chosen
	}
	return route
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
	if len(r.location) > 0 {
		b = http1.AppendField(b, "Location", r.location) // How long it holds is what its status says.
	} else {
		b = append(b, "Cache-Control: no-store\r\n"...)
	}
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

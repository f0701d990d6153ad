package proxy

import (
	"strconv"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
)

// page is what the listener of the request that is over shows for an answer of the gateway's own; nil for the short text.
// Of a request without a listener it is that of the door's.
func (w *Worker) page(d *door, status int) *table.Page {
	if l := w.over.listener; l != nil {
		return l.Page(status)
	}
	if a := d.address(); a != nil {
		return a.Page(status)
	}
	return nil
}

// refuse implements downstream.
func (c *client) refuse(r refusal) {
	c.x = nil
	w := c.w
	if c.excess == ReasonNotTLS {
		// Whatever else is wrong with what came in clear, a client that speaks TLS would not have it.
		r = refuse(ReasonNotTLS)
		c.flags &^= cKeep
	}
	w.refused(r.reason)
	if w.over == nil {
		w.stranger(c, 0, nil)
	}
	page := w.page(c.door, r.status)
	b := w.out.open(c.stream)
	start := len(b)
	b = http1.AppendStatusLine(b, r.status)
	b = http1.AppendField(b, "Date", w.date.At(time.Now()))
	b = http1.AppendField(b, "Gatewayd-Reason", r.reason.String())
	b = append(appendContentHead(b, r, page), "Cache-Control: no-store\r\n"...)
	switch r.status {
	case 408:
		c.flags &^= cKeep // What is late is not waited for any more (RFC 9110 15.5.9).
	case 405:
		b = append(b, "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"...)
	case 426:
		b = append(b, "Sec-WebSocket-Version: 13\r\n"...)
	case 503:
		b = append(b, "Retry-After: 1\r\n"...)
	}
	b = append(c.appendConnection(b, r.status == 426), "\r\n"...)
	var body []byte // what stands behind b
	switch {
	case c.flags&cHead != 0:
	case page != nil:
		body = page.Body
	default:
		b = appendText(b, r)
	}
	w.answeredOwn(r, len(b)-start+len(body))
	w.out.keep(b)
	if len(body) > 0 {
		w.out.content(c.stream, body)
	}
	c.answered()
}

// appendContentHead appends the fields that tell of the body.
func appendContentHead(b []byte, r refusal, page *table.Page) []byte {
	kind, length := "text/plain; charset=utf-8", 0
	if page != nil {
		kind, length = page.ContentType, len(page.Body)
	} else {
		length = len("502 : \n") + len(http1.StatusText(r.status)) + len(r.reason.Sentence())
	}
	b = append(http1.AppendField(b, "Content-Type", kind), "Content-Length: "...)
	return append(strconv.AppendInt(b, int64(length), 10), "\r\n"...)
}

// appendText appends the short text that is the body where no page is.
func appendText(b []byte, r refusal) []byte {
	b = append(strconv.AppendInt(b, int64(r.status), 10), ' ')
	b = append(append(b, http1.StatusText(r.status)...), ": "...)
	return append(append(b, r.reason.Sentence()...), '\n')
}

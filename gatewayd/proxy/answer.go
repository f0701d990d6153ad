package proxy

import (
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

func (c *client) interim(r *http1.Response) {
	if c.flags&cMinor0 != 0 {
		return // HTTP/1.0 knows no interim answers (RFC 9110 15.2)
	}
	if r.Status == 100 {
		c.flags &^= cExpect
	}
	out := &c.w.out
	b := out.open(c.stream)
	start := len(b)
	b = append(appendHead(b, r), "\r\n"...)
	c.x.account.sent += int64(len(b) - start)
	out.keep(b)
}

func (c *client) answer(r *http1.Response) {
	c.taking = c.x.route.Setting.WriteTimeout
	out := &c.w.out
	b := out.open(c.stream)
	start := len(b)
	b = appendHead(b, r)
	if r.Body == http1.BodyChunked || r.Body == http1.BodyUntilClose {
		if c.flags&cMinor0 != 0 {
			c.flags = c.flags&^cKeep | cUntilEnd
		} else {
			c.flags |= cChunked
			b = append(b, "Transfer-Encoding: chunked\r\n"...)
		}
	}
	b = append(c.appendConnection(b, r.Status == 426), "\r\n"...)
	c.x.account.sent += int64(len(b) - start)
	out.keep(b)
}

// appendConnection decides whether the connection goes on, and says so. offer is for 426, which must carry Upgrade
// (RFC 9110 15.5.22).
func (c *client) appendConnection(b []byte, offer bool) []byte {
	if c.flags&(cBehind|cEOF) != 0 || c.flags&cBody != 0 && !c.discardable() || c.w.closing || !c.current() {
		c.flags &^= cKeep
	}
	switch {
	case c.flags&cKeep == 0 && offer:
		return append(b, "Connection: close, Upgrade\r\nUpgrade: websocket\r\n"...)
	case c.flags&cKeep == 0:
		return append(b, "Connection: close\r\n"...)
	case offer:
		return append(b, "Connection: Upgrade\r\nUpgrade: websocket\r\n"...)
	case c.flags&cMinor0 != 0:
		return append(b, "Connection: keep-alive\r\n"...)
	}
	return b
}

// current says that a connection that is made now would be one like this: there is a listener, and it speaks TLS or does not.
// Otherwise a client that asks on and on would be served in the clear where there is TLS now.
func (c *client) current() bool {
	a := c.door.address()
	return a != nil && a.Secure == (c.met != nil)
}

// discardable says that what is left of a request's body is sure to be read and thrown away, so that another request
// can follow.
func (c *client) discardable() bool {
	// A client that was told the answer instead of 100 Continue may send its body or not, and nobody can know which; nor
	// how much follows in chunks.
	return c.flags&(cExpect|cInChunks) == 0 && c.body.Left() <= discardMost
}

// appendHead appends a status line and the fields that are passed on.
func appendHead(b []byte, r *http1.Response) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = append(b, byte('0'+r.Status/100), byte('0'+r.Status/10%10), byte('0'+r.Status%10), ' ')
	b = append(b, r.Reason...)
	b = append(b, "\r\n"...)
	for i := range r.Fields {
		if !r.Drop(i) {
			b = http1.AppendField(b, r.Fields[i].Name, r.Fields[i].Value)
		}
	}
	return b
}

func (c *client) content(p []byte) {
	out := &c.w.out
	if c.flags&cChunked == 0 {
		out.content(c.stream, p)
		return
	}
	out.keep(http1.AppendChunkHead(out.open(c.stream), len(p)))
	out.content(c.stream, p)
	out.keep(append(out.open(c.stream), http1.ChunkEnd...))
}

func (c *client) complete(t *http1.Trailer) {
	if c.flags&cChunked != 0 {
		c.w.out.keep(http1.AppendLastChunk(c.w.out.open(c.stream), t))
	}
	c.x = nil
	c.w.out.flush() // shows whether the client takes it
	c.answered()
}

func (c *client) abort(deaf bool) {
	c.x = nil
	if c.flags&cUntilEnd == 0 && !deaf {
		c.end() // the missing end shows
		return
	}
	// Without a length, only a reset tells this answer from a whole one.
	c.flags |= cEnding
	c.w.out.flush()
	c.stream.Reset()
}

// switched passes the 101 and lets go of the stream, whose next handler is the tunnel.
func (c *client) switched(r *http1.Response) (loop.Stream, bool) {
	x, out := c.x, &c.w.out
	c.x = nil
	b := out.open(c.stream)
	start := len(b)
	b = append(appendHead(b, r), "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"...)
	x.account.sent += int64(len(b) - start)
	c.w.conclude()
	out.keep(b)
	out.flush()
	s, ended := c.stream, c.flags&cEOF != 0
	c.w.freeClient(c)
	return s, ended
}

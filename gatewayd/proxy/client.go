package proxy

import (
	"errors"
	"net/netip"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/proxyproto"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secure"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
)

// A client is an HTTP/1.1 or HTTP/1.0 connection from a client. An idle one is this struct and its stream, so mind the
// size; everything about a request is in its exchange.
type client struct {
	w          *Worker
	stream     loop.Stream // nil once it is gone
	door       *door
	prev, next *client // in door
	x          *exchange
	told       *proxyproto.Header // by the peer, of whom the connection is; nil where it is the peer's own
	met        *secure.Peer       // of the handshake; nil where the client speaks no TLS
	body       http1.Body
	keepAlive  time.Duration // of the listener that served last
	taking     time.Duration // how long it may take nothing of its answer, by the setting that served last
	discarded  int32         // bytes of the present body that nobody wants
	untaken    int32         // bytes of the last answers that the client had not taken when its time was up
	scanned    int32         // of the head, so that it is not looked through again
	flags      uint16
	excess     Reason // why the connection is one too many; 0 where it is welcome
}

const (
	cKeep      uint16 = 1 << iota // the connection may serve another request
	cMinor0                       // the request is HTTP/1.0
	cHead                         // the method is HEAD
	cBody                         // the request's body is not complete
	cExpect                       // the client waits for 100 Continue
	cChunked                      // the answer is framed in chunks
	cUntilEnd                     // the answer ends with the connection
	cUpgrade                      // the request is a handshake
	cBehind                       // bytes came behind a handshake before its answer
	cAhead                        // bytes are held back until the present answer is given
	cEOF                          // FIN was read
	cSkipped                      // an empty line before the request was skipped
	cEnding                       // the stream was told to end
	cPartial                      // a part of a head is here
	cInChunks                     // the request's body comes in chunks
	cPerAnswer = cKeep | cMinor0 | cHead | cBody | cExpect | cChunked | cUntilEnd | cUpgrade | cBehind | cSkipped | cPartial | cInChunks
)

// discardMost is how much of a body is read after its answer was given, so that the connection can go on.
const discardMost = 256 << 10

var _ downstream = (*client)(nil)

// Connected implements loop.Handler.
func (c *client) Connected() {}

// Data implements loop.Handler.
func (c *client) Data(b []byte) int {
	w := c.w
	w.enter()
	n := c.read(b)
	w.leave()
	if c.x != nil && c.flags&cBody != 0 && c.x.room() == 0 {
		c.stream.Pause()
	}
	return n
}

func (c *client) read(b []byte) int {
	n := 0
	for n < len(b) {
		switch {
		case c.flags&cEnding != 0:
			return len(b)
		case c.flags&cBody != 0:
			k := c.readBody(b[n:])
			if n += k; k == 0 {
				return n
			}
		case c.x != nil:
			// The next request, or the first frames of a tunnel that does not stand yet.
			if c.flags&cUpgrade != 0 {
				c.flags |= cBehind
			}
			c.flags |= cAhead
			c.stream.Pause()
			return n
		case c.stream.Queued() > 0:
			// The client asks on and does not read its answers.
			c.flags |= cAhead
			c.stream.Pause()
			return n
		case c.w.out.gathered(c.stream) >= copyMost:
			c.w.out.flush() // shows whether the client reads its answers
		default:
			k := c.readHead(b[n:])
			if n += k; k == 0 {
				return n
			}
		}
	}
	return n
}

// readHead reads a request head and begins its exchange. It returns 0 while the head is not complete.
func (c *client) readHead(b []byte) int {
	if c.flags&cSkipped == 0 {
		if k := http1.EmptyLine(b); k > 0 {
			c.flags |= cSkipped
			return k
		}
	}
	w := c.w
	addr := c.door.address()
	if addr == nil {
		// The listener went while the connection rested. Only whoever listens where it went to can answer: a client that
		// is given none here may ask there (RFC 9112 9.3.1).
		c.end()
		return len(b)
	}
	limit, patience := addr.MaxHeaderBytes, addr.HeaderTimeout
	end, next, err := http1.HeadEnd(b, int(c.scanned))
	switch {
	case err != nil:
		w.stranger(c, len(b), nil)
		c.malformed(err)
		return len(b)
	case end == 0 && len(b) >= limit:
		w.stranger(c, len(b), nil)
		c.malformed(http1.Refusal(http1.ReasonHeadTooLarge))
		return len(b)
	case end == 0:
		if c.flags&cPartial == 0 {
			c.flags |= cPartial
			if c.excess != 0 {
				patience = min(patience, excessTime)
			}
			c.stream.SetDeadline(w.l.Now() + loop.Time(patience))
		}
		c.scanned = int32(next)
		return 0
	}
	c.scanned = 0
	c.flags &^= cPerAnswer
	c.stream.SetDeadline(0)
	w.stats.Requests++
	req := &w.request
	if err := req.Parse(b[:end], http1.Limits{HeadBytes: limit, TargetBytes: addr.MaxURLBytes}); err != nil {
		if string(req.Method) == "HEAD" {
			c.flags |= cHead
		}
		w.stranger(c, end, req)
		c.malformed(err)
		return len(b)
	}
	c.begin(req, end)
	return end
}

// http1MaxHead bounds a head where no listener says how.
const http1MaxHead = 32 << 10

// begin notes what the answer's form depends on and hands the request over.
func (c *client) begin(req *http1.Request, size int) {
	flags := uint16(0)
	if req.KeepAlive {
		flags |= cKeep
	}
	if req.Minor == 0 {
		flags |= cMinor0
	}
	if req.Kind() == http1.RequestHead {
		flags |= cHead
	}
	if req.Expect100 {
		flags |= cExpect
	}
	if req.Upgrade {
		flags |= cUpgrade
	}
	if req.Body != http1.BodyNone {
		flags |= cBody
	}
	if req.Body == http1.BodyChunked {
		flags |= cInChunks
	}
	c.flags |= flags
	c.discarded = 0
	c.body.Start(req.Body, req.Length)
	if c.excess != 0 {
		c.flags &^= cKeep
		c.w.stranger(c, size, req)
		c.refuse(refuse(c.excess))
		return
	}
	c.x = c.w.newExchange(c)
	c.x.begin(c.door, req, size)
}

// readBody hands over or discards bytes of the request's body. It returns 0 when it waits for room or for more bytes.
func (c *client) readBody(b []byte) int {
	if c.x != nil {
		room := c.x.room()
		if room == 0 {
			c.stream.Pause()
			return 0
		}
		b = b[:min(len(b), room)]
	}
	n, data, done, err := c.body.Next(b)
	if err != nil {
		c.brokenBody(err)
		return len(b)
	}
	var t *http1.Trailer
	if n == 0 && c.body.AtTrailer() {
		if n, t, err = c.readTrailer(b); err != nil {
			c.brokenBody(err)
			return len(b)
		}
		done = t != nil
	}
	if done {
		c.flags &^= cBody
	}
	if c.x == nil {
		c.discard(n)
		return n
	}
	if len(data) > 0 {
		c.x.content(data)
	}
	if done && c.x != nil {
		c.x.complete(t)
	}
	return n
}

// readTrailer reads a trailer section; t is nil while it is not complete.
func (c *client) readTrailer(b []byte) (n int, t *http1.Trailer, err *http1.Error) {
	end, next, err := http1.TrailerEnd(b, int(c.scanned))
	if err != nil {
		return 0, nil, err
	}
	if end == 0 {
		if len(b) >= http1MaxHead {
			return 0, nil, http1.Refusal(http1.ReasonHeadTooLarge)
		}
		c.scanned = int32(next)
		return 0, nil, nil
	}
	c.scanned = 0
	if err = c.w.trailer.Parse(b[:end], http1.Limits{}); err != nil {
		return 0, nil, err
	}
	c.body.EndTrailer()
	return end, &c.w.trailer, nil
}

// discard counts bytes that come behind the answer to their request, and ends the connection when it is not worth
// reading on or the request is complete now but nothing may follow it.
func (c *client) discard(n int) {
	c.discarded += int32(n)
	switch {
	case c.flags&cBody == 0:
		c.ready()
	case c.discarded > discardMost:
		c.end()
	}
}

// malformed answers a request that cannot be read, or not before its time, and ends the connection: nobody knows where
// the next request would begin.
func (c *client) malformed(err *http1.Error) {
	c.flags &^= cKeep
	c.refuse(refuseBy(err))
}

// brokenBody ends a request whose body cannot be read.
func (c *client) brokenBody(err *http1.Error) {
	c.flags &^= cKeep
	if x := c.x; x != nil {
		x.refuse(refuseBy(err))
		return
	}
	c.end()
}

// EOF implements loop.Handler. A client that sent a whole request may end its side and wait for the answer.
func (c *client) EOF() {
	c.w.enter()
	c.flags |= cEOF
	switch {
	case c.flags&cBody != 0 && c.x != nil:
		c.brokenBody(http1.Refusal(http1.ReasonTruncatedBody))
	case c.x == nil && c.flags&cPartial != 0:
		c.malformed(http1.Refusal(http1.ReasonIncompleteHead))
	case c.x == nil:
		c.end()
	}
	c.w.leave()
}

// Closed implements loop.Handler.
func (c *client) Closed(err error) {
	w := c.w
	w.enter()
	c.stream = nil
	if x := c.x; x != nil {
		c.x = nil
		if errors.Is(err, loop.ErrPanic) {
			w.refused(ReasonInternal)
		}
		x.cancel()
	}
	w.leave()
	w.freeClient(c)
}

func (w *Worker) freeClient(c *client) {
	if c.door != nil {
		c.door.remove(c)
	}
	if c.excess != 0 {
		w.excess--
	}
	w.stats.Clients--
	*c = client{}
	if len(w.freeClients) < keepFree {
		w.freeClients = append(w.freeClients, c)
	}
}

func (c *client) matched(l *table.Listener) Reason {
	c.keepAlive = l.KeepAliveTimeout
	return c.admit(l)
}

func (c *client) peer() netip.AddrPort { return unzoned(c.stream.RemoteAddr()) }

func (c *client) remote() netip.AddrPort {
	if c.told != nil {
		return c.told.From
	}
	return c.peer()
}

// unzoned is an address and port without the zone of a link, which is this machine's own word for it: nobody else can read
// it in X-Forwarded-For.
func unzoned(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().WithZone(""), a.Port())
}

func (c *client) local() netip.AddrPort {
	if c.told != nil {
		return c.told.To
	}
	return unzoned(c.stream.LocalAddr())
}

func (c *client) over() *secure.Peer { return c.met }
func (c *client) queued() int        { return c.stream.Queued() }
func (c *client) resume()            { c.stream.Resume() }

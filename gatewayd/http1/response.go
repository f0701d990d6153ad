package http1

// RequestKind is what one must know of a request to read its answer (RFC 9112 6.3).
type RequestKind uint8

const (
	RequestOrdinary RequestKind = iota
	RequestHead                 // the answer has no body, whatever its head says
	RequestUpgrade              // the answer may be 101
)

// Response is the head of a backend's answer. Its owner reuses it; every slice points into the head given to Parse.
type Response struct {
	Minor  int // 0 or 1
	Status int // 100 to 599
	Reason []byte
	Fields []Field

	Body   BodyKind
	Length int64 // payload octets if Body is BodyLength, else 0

	KeepAlive bool   // the backend keeps the connection behind this answer
	Upgrade   bool   // 101 with Connection: upgrade and Upgrade: websocket, asked for by the request
	Accept    []byte // Sec-WebSocket-Accept of an upgrade
}

// Parse reads a head that [HeadEnd] has found. Every error has status 502. The reader's rules where the RFCs leave
// a choice:
//   - A status line without the space before an empty reason is accepted; a status outside 100 to 599 is not.
//   - 101 is accepted only for [RequestUpgrade], in HTTP/1.1, with both upgrade fields, one Sec-WebSocket-Accept and
//     no framing fields. The caller compares Accept with [AcceptKey].
//   - 1xx and 204 have no body: their framing fields are dropped, and if these promise one the connection is not
//     kept, because a body may follow that nobody may read as the next answer.
//   - Framing is as strict as in a request. An answer without framing lasts until the connection closes.
func (r *Response) Parse(head []byte, kind RequestKind, lim Limits) *Error {
	lim = lim.orDefault()
	*r = Response{Fields: r.Fields[:0]}
	if len(head) > lim.HeadBytes {
		return upstream(ReasonHeadTooLarge)
	}
	n, reason := r.parseLine(head)
	if reason != 0 {
		return upstream(reason)
	}
	r.Fields, reason = parseFields(r.Fields, head[n:], lim.Fields)
	if reason != 0 {
		return upstream(reason)
	}
	var c collected
	if reason = c.collect(r.Fields, fromBackend); reason == 0 {
		reason = c.checkConnection(r.Fields)
	}
	if reason == 0 {
		reason = r.frame(&c, kind)
	}
	if reason != 0 {
		return upstream(reason)
	}
	return nil
}

func upstream(r Reason) *Error { return &upstreamErrors[r] }

// Reset forgets the last head, so that its buffer can be freed, and keeps the room for fields.
func (r *Response) Reset() {
	clear(r.Fields[:cap(r.Fields)])
	*r = Response{Fields: r.Fields[:0]}
}

// Drop reports whether field i must be removed before the answer is forwarded, as [Request.Drop].
func (r *Response) Drop(i int) bool { return r.Fields[i].drop }

// Interim reports whether another head follows this one: 1xx but for 101 (RFC 9110 15.2).
func (r *Response) Interim() bool { return r.Status < 200 && r.Status != 101 }

// parseLine reads the status line (RFC 9112 4) and returns where the fields begin.
func (r *Response) parseLine(head []byte) (int, Reason) {
	end := textEnd(head, 0)
	if !lineEnds(head, end) {
		return 0, controlReason(head, end)
	}
	line := head[:end]
	if len(line) < len("HTTP/1.1 200") || line[8] != ' ' {
		return 0, ReasonBadStatusLine
	}
	minor, reason := version(line[:8])
	if reason != 0 {
		return 0, reason
	}
	if len(line) > 12 {
		if isDigit(line[12]) {
			return 0, ReasonBadStatus
		}
		if line[12] != ' ' {
			return 0, ReasonBadStatusLine
		}
		r.Reason = line[13:]
	}
	if !isDigit(line[9]) || !isDigit(line[10]) || !isDigit(line[11]) {
		return 0, ReasonBadStatus
	}
	r.Minor = minor
	r.Status = int(line[9]-'0')*100 + int(line[10]-'0')*10 + int(line[11]-'0')
	if r.Status < 100 || r.Status > 599 {
		return 0, ReasonBadStatus
	}
	return end + 2, 0
}

// frame decides how long the body is (RFC 9112 6.3) and whether the connection lives on.
func (r *Response) frame(c *collected, kind RequestKind) Reason {
	if c.coded && r.Minor == 0 {
		return ReasonTransferEncodingHTTP10
	}
	if r.Status == 101 {
		return r.checkSwitch(c, kind)
	}
	r.KeepAlive = !c.close && (r.Minor == 1 || c.keepAlive)
	switch {
	case r.Status < 200 || r.Status == 204:
		if c.lengthAt >= 0 {
			r.Fields[c.lengthAt].drop = true // RFC 9110 8.6 forbids it here.
		}
		if c.chunked || c.length > 0 {
			r.KeepAlive = false
		}
	case kind == RequestHead || r.Status == 304:
	case c.chunked:
		r.Body = BodyChunked
	case c.length > 0:
		r.Body, r.Length = BodyLength, c.length
	case c.lengthAt < 0:
		r.Body, r.KeepAlive = BodyUntilClose, false
	}
	return 0
}

// checkSwitch verifies a 101 (RFC 6455 4.1): a tunnel must not open without it (Envoy CVE-2024-23326).
func (r *Response) checkSwitch(c *collected, kind RequestKind) Reason {
	switch {
	case kind != RequestUpgrade:
		return ReasonUnaskedUpgrade
	case r.Minor == 0 || !c.websocket || c.otherProtocol || !c.upgrade || c.accept < 0 || c.coded || c.length > 0:
		return ReasonBadSwitch
	}
	if c.lengthAt >= 0 {
		r.Fields[c.lengthAt].drop = true
	}
	r.Upgrade, r.Accept = true, r.Fields[c.accept].Value
	return 0
}

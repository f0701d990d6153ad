package http1

// BodyKind says how the length of a body is told (RFC 9112 6.3).
type BodyKind uint8

const (
	BodyNone       BodyKind = iota // no body, or Content-Length: 0, whose field stays
	BodyLength                     // Content-Length
	BodyChunked                    // Transfer-Encoding: chunked
	BodyUntilClose                 // an answer that ends with its connection
)

// Request is a request head. Its owner reuses it for one request after another; every slice points into the head
// that was given to Parse, but for the Path of an absolute-form target without one. After a refusal only Method and
// Target may be read, for the log.
type Request struct {
	Method []byte // a token of upper case letters, digits, '-' and '_'
	Target []byte // as it was sent
	Minor  int    // 0 or 1
	Fields []Field

	// Authority is host[:port] as the client sent it, Host the part before the port (with the brackets of an IPv6
	// literal, in the client's case, with its trailing dot), Port the number or 0. They come from the Host field, and
	// an absolute-form target must agree with it. All are empty only for HTTP/1.0 without Host.
	Authority, Host []byte
	Port            uint16

	// Scheme is "http" or "https" in the client's case, and nil for all but an absolute-form target.
	Scheme []byte
	// Path begins with '/', or is "*" with OPTIONS. Escapes and dot-segments are as the client sent them.
	Path []byte
	// Query is what follows the first '?'; HasQuery tells an empty one from none.
	Query    []byte
	HasQuery bool

	Body   BodyKind // never BodyUntilClose
	Length int64    // payload octets if Body is BodyLength, else 0

	KeepAlive bool // the client would send another request on this connection
	Expect100 bool // the client waits for 100 Continue before it sends its body
	Upgrade   bool // a WebSocket handshake that is valid by RFC 6455 4.2.1
	Key       []byte
	// AcceptsTrailers is TE: trailers (RFC 9110 6.5.1).
	AcceptsTrailers bool
	// Hops is how often the request came through a gateway that adds [Hop].
	Hops int
}

// Parse reads a head that [HeadEnd] has found: all of it, with the empty line. The reader's rules where the RFCs
// leave a choice:
//   - CONNECT and TRACE are 405. Methods are upper case, since "get" and "GET" are two methods to one parser and one
//     to another.
//   - Equal duplicates of Content-Length, Transfer-Encoding and Host are refused like different ones.
//   - HTTP/1.0 may omit Host. It never upgrades: a handshake in it is refused.
//   - A Connection field that nominates an essential field is refused (RFC 9110 7.6.1 forbids to send it).
//   - Upgrade is a handshake only with Connection: upgrade. Offers of other protocols are hop-by-hop fields like any
//     other, so h2c never reaches a backend; websocket beside another protocol is refused. A handshake must be a GET
//     without body (400), have a key of 16 octets (400) and version 13 (426, to be answered with
//     Sec-WebSocket-Version: 13).
//   - Expect is ignored and removed in HTTP/1.0, and 100-continue where there is no body; all else is 417.
func (r *Request) Parse(head []byte, lim Limits) *Error {
	lim = lim.orDefault()
	*r = Request{Fields: r.Fields[:0]}
	if len(head) > lim.HeadBytes {
		return Refusal(ReasonHeadTooLarge)
	}
	n, reason := r.parseLine(head, lim)
	if reason != 0 {
		return Refusal(reason)
	}
	r.Fields, reason = parseFields(r.Fields, head[n:], lim.Fields)
	if reason != 0 {
		return Refusal(reason)
	}
	var c collected
	if reason = c.collect(r.Fields, fromClient); reason == 0 {
		reason = c.checkConnection(r.Fields)
	}
	if reason == 0 {
		reason = r.parseTarget(&c)
	}
	if reason == 0 {
		reason = r.frame(&c)
	}
	if reason == 0 {
		reason = r.checkUpgrade(&c)
	}
	if reason != 0 {
		return Refusal(reason)
	}
	return nil
}

// Reset forgets the last head, so that its buffer can be freed, and keeps the room for fields.
func (r *Request) Reset() {
	clear(r.Fields[:cap(r.Fields)])
	*r = Request{Fields: r.Fields[:0]}
}

// Drop reports whether field i must be removed before the request is forwarded: it is hop-by-hop, the Connection
// field nominates it, or it has no meaning for this request. Content-Length and Host are not dropped.
func (r *Request) Drop(i int) bool { return r.Fields[i].drop }

// Kind is what [Response.Parse] must know of the request.
func (r *Request) Kind() RequestKind {
	switch {
	case r.Upgrade:
		return RequestUpgrade
	case string(r.Method) == "HEAD":
		return RequestHead
	}
	return RequestOrdinary
}

// Idempotent reports whether the method may be repeated (RFC 9110 9.2.2).
func (r *Request) Idempotent() bool {
	switch string(r.Method) {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE":
		return true
	}
	return false
}

// parseLine reads the request line (RFC 9112 3) and returns where the fields begin.
func (r *Request) parseLine(head []byte, lim Limits) (int, Reason) {
	i := 0
	for i < len(head) && octets[head[i]]&isMethod != 0 {
		i++
	}
	r.Method = head[:i]
	if i == 0 || i >= len(head) || head[i] != ' ' {
		return 0, methodReason(head, i)
	}
	start := i + 1
	for i++; i < len(head) && octets[head[i]]&isTarget != 0; i++ {
	}
	r.Target = head[start:i]
	if i-start > lim.TargetBytes {
		return 0, ReasonTargetTooLong
	}
	if i >= len(head) || head[i] != ' ' || i == start {
		return 0, targetReason(head, start, i)
	}
	start = i + 1
	i = textEnd(head, start)
	if !lineEnds(head, i) {
		return 0, controlReason(head, i)
	}
	minor, reason := version(head[start:i])
	switch string(r.Method) {
	case "PRI":
		return 0, ReasonHTTP2Preface // RFC 9113 3.4 reserves the method for it.
	case "CONNECT", "TRACE":
		if reason == 0 {
			reason = ReasonMethodNotAllowed
		}
	}
	if reason != 0 {
		return 0, reason
	}
	r.Minor = minor
	return i + 2, 0
}

// methodReason names the refusal of a request line whose method was read up to i.
func methodReason(head []byte, i int) Reason {
	switch {
	case lineEnds(head, i):
		if i == 0 {
			return ReasonEmptyStartLine
		}
		return ReasonBadRequestLine
	case i >= len(head) || head[i] < ' ' && head[i] != '\t' || head[i] == 0x7f:
		return controlReason(head, i)
	case i == 0 && head[i] == ' ':
		return ReasonBadRequestLine
	}
	return ReasonBadMethod
}

// targetReason names the refusal of a request line whose target was read from start to i.
func targetReason(head []byte, start, i int) Reason {
	switch {
	case i >= len(head):
		return ReasonIncompleteHead
	case lineEnds(head, i):
		if i > start {
			return ReasonHTTP09
		}
		return ReasonBadRequestLine
	case head[i] == '#':
		return ReasonFragment
	case head[i] == ' ' || head[i] == '\t':
		return ReasonBadRequestLine
	case head[i] < ' ' || head[i] == 0x7f:
		return controlReason(head, i)
	}
	return ReasonBadTarget
}

// version reads HTTP-version (RFC 9112 2.3), which is case-sensitive and has one digit on each side of the dot.
func version(v []byte) (minor int, reason Reason) {
	switch string(v) {
	case "HTTP/1.1":
		return 1, 0
	case "HTTP/1.0":
		return 0, 0
	}
	if len(v) == 8 && string(v[:5]) == "HTTP/" && isDigit(v[5]) && v[6] == '.' && isDigit(v[7]) {
		return 0, ReasonUnsupportedVersion
	}
	return 0, ReasonBadVersion
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// frame decides how long the body is (RFC 9112 6.3) and whether the connection lives on.
func (r *Request) frame(c *collected) Reason {
	if c.chunked {
		if r.Minor == 0 {
			return ReasonTransferEncodingHTTP10
		}
		r.Body = BodyChunked
	} else if c.length > 0 {
		r.Body, r.Length = BodyLength, c.length
	}
	r.KeepAlive = !c.close && (r.Minor == 1 || c.keepAlive)
	r.AcceptsTrailers, r.Hops = c.teTrailers, c.hops
	if c.expect < 0 {
		return 0
	}
	f := &r.Fields[c.expect]
	switch {
	case r.Minor == 0:
		f.drop = true // RFC 9110 10.1.1 has it ignored.
	case !EqualFold(f.Value, "100-continue"):
		return ReasonBadExpect
	case r.Body == BodyNone:
		f.drop = true
	default:
		r.Expect100 = true
	}
	return 0
}

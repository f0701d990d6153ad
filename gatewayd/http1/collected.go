package http1

// side says whose head is read; their rules differ in few places.
type side uint8

const (
	fromClient side = iota
	fromBackend
)

// collected is what the well-known fields of one head say together. Indices are -1 where there is no such field.
type collected struct {
	host, expect, lengthAt int
	key, version, accept   int

	length     int64 // of Content-Length, valid with lengthAt
	chunked    bool
	coded      bool // there is a Transfer-Encoding
	teTrailers bool
	hops       int

	// Connection
	close, keepAlive, upgrade bool
	nominates                 bool // some option is neither of these

	// Upgrade
	websocket, otherProtocol bool
}

// collect looks at each field once, refuses duplicates of what may be given once, and reads the framing fields.
func (c *collected) collect(fields []Field, from side) Reason {
	*c = collected{host: -1, expect: -1, lengthAt: -1, key: -1, version: -1, accept: -1}
	for i := range fields {
		f := &fields[i]
		reason := Reason(0)
		switch f.ID {
		case FieldOther:
			if f.underscore && from == fromClient && imitates(f.Name) {
				reason = ReasonUnderscoreName
			}
		case FieldHost:
			reason = once(&c.host, i, ReasonDuplicateHost)
		case FieldContentLength:
			if reason = once(&c.lengthAt, i, ReasonDuplicateContentLength); reason == 0 {
				c.length, reason = contentLength(f.Value)
			}
		case FieldTransferEncoding:
			reason = c.transferEncoding(f.Value)
		case FieldConnection:
			reason = c.connection(f.Value)
		case FieldUpgrade:
			reason = c.protocols(f.Value)
		case FieldCDNLoop:
			c.hops += hops(f.Value)
		case FieldTrailer:
			f.drop = f.drop || !announces(f.Value)
		case FieldTE:
			c.teTrailers = c.teTrailers || EqualFold(f.Value, "trailers")
		case FieldExpect:
			reason = once(&c.expect, i, ReasonBadExpect)
		case FieldSecWebSocketKey:
			reason = once(&c.key, i, ReasonBadWebSocketKey)
		case FieldSecWebSocketVersion:
			reason = once(&c.version, i, ReasonBadWebSocketVersion)
		case FieldSecWebSocketAccept:
			reason = once(&c.accept, i, ReasonBadSwitch)
		}
		if reason != 0 {
			return reason
		}
	}
	if c.coded && c.lengthAt >= 0 {
		return ReasonLengthAndTransferEncoding
	}
	return 0
}

func once(at *int, i int, duplicate Reason) Reason {
	if *at >= 0 {
		return duplicate
	}
	*at = i
	return 0
}

// contentLength reads 1*DIGIT of at most 18 digits, so that no sum of it overflows. Leading zeros are refused: some
// read an octal number.
func contentLength(v []byte) (int64, Reason) {
	if len(v) == 0 || len(v) > 18 || v[0] == '0' && len(v) > 1 {
		return 0, ReasonBadContentLength
	}
	n := int64(0)
	for _, d := range v {
		if !isDigit(d) {
			return 0, ReasonBadContentLength
		}
		n = n*10 + int64(d-'0')
	}
	return n, 0
}

// transferEncoding accepts one field with the one word chunked (RFC 9112 6.1).
func (c *collected) transferEncoding(v []byte) Reason {
	if c.coded {
		return ReasonDuplicateTransferEncoding
	}
	c.coded = true
	if !EqualFold(v, "chunked") {
		return ReasonBadTransferEncoding
	}
	c.chunked = true
	return 0
}

// connection reads the options of one Connection field (RFC 9110 7.6.1).
func (c *collected) connection(v []byte) Reason {
	for rest := v; len(rest) > 0; {
		var option []byte
		option, rest = element(rest)
		switch {
		case len(option) == 0: // RFC 9110 5.6.1.2 asks to ignore empty elements.
		case EqualFold(option, "keep-alive"):
			c.keepAlive = true
		case EqualFold(option, "close"):
			c.close = true
		case EqualFold(option, "upgrade"):
			c.upgrade = true
		case !token(option):
			return ReasonBadConnection
		default:
			c.nominates = true
		}
	}
	return 0
}

// maxNominated bounds the work of finding nominated fields, which is options times fields.
const maxNominated = 32

// checkConnection marks the fields that the Connection fields nominate.
func (c *collected) checkConnection(fields []Field) Reason {
	if !c.nominates {
		return 0
	}
	options := 0
	for i := range fields {
		if fields[i].ID != FieldConnection {
			continue
		}
		for rest := fields[i].Value; len(rest) > 0; {
			var option []byte
			option, rest = element(rest)
			if len(option) == 0 {
				continue
			}
			if options++; options > maxNominated {
				return ReasonTooManyConnectionOptions
			}
			if reason := nominate(fields, option); reason != 0 {
				return reason
			}
		}
	}
	return 0
}

// nominate marks every field that one connection option names.
func nominate(fields []Field, option []byte) Reason {
	switch id := Lookup(option); {
	case id == FieldOther:
		if imitates(option) {
			return ReasonEssentialNominated
		}
	case fieldNames[id].hop:
		return 0
	case id != FieldTrailer:
		return ReasonEssentialNominated
	}
	for i := range fields {
		if sameFold(fields[i].Name, option) {
			fields[i].drop = true
		}
	}
	return 0
}

// protocols reads one Upgrade field (RFC 9110 7.8): a list of name["/"version].
func (c *collected) protocols(v []byte) Reason {
	for rest := v; len(rest) > 0; {
		var protocol []byte
		protocol, rest = element(rest)
		switch {
		case len(protocol) == 0:
		case EqualFold(protocol, "websocket"):
			c.websocket = true
		case !protocolName(protocol):
			return ReasonBadUpgrade
		default:
			c.otherProtocol = true
		}
	}
	return 0
}

// announces reports whether a Trailer field names only what [Trailer.Drop] lets pass. Where it names more it is dropped
// whole, for it is no more than a hint (RFC 9110 6.6.2) and some refuse a message over it.
func announces(v []byte) bool {
	for rest := v; len(rest) > 0; {
		var name []byte
		name, rest = element(rest)
		if len(name) > 0 && (!token(name) || Lookup(name) != FieldOther || imitates(name)) {
			return false
		}
	}
	return true
}

func protocolName(p []byte) bool {
	for i, c := range p {
		if c == '/' {
			return token(p[:i]) && token(p[i+1:])
		}
	}
	return token(p)
}

// element cuts the first element off a comma-separated list that has no quoted strings.
func element(list []byte) (first, rest []byte) {
	i := 0
	for i < len(list) && list[i] != ',' {
		i++
	}
	first = list[:i]
	if i < len(list) {
		rest = list[i+1:]
	}
	for len(first) > 0 && (first[0] == ' ' || first[0] == '\t') {
		first = first[1:]
	}
	for n := len(first); n > 0 && (first[n-1] == ' ' || first[n-1] == '\t'); n = len(first) {
		first = first[:n-1]
	}
	return first, rest
}

// token reports whether b is a token (RFC 9110 5.6.2).
func token(b []byte) bool {
	for _, c := range b {
		if octets[c]&isToken == 0 {
			return false
		}
	}
	return len(b) > 0
}

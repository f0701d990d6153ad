package http1

// Limits bound a message head. A zero means the default in the comment.
type Limits struct {
	HeadBytes   int // the whole head with its empty line, 32 KiB
	TargetBytes int // the request target, 32 KiB
	Fields      int // field lines, 128
}

func (l Limits) orDefault() Limits {
	if l.HeadBytes == 0 {
		l.HeadBytes = 32 << 10
	}
	if l.TargetBytes == 0 {
		l.TargetBytes = 32 << 10
	}
	if l.Fields == 0 {
		l.Fields = 128
	}
	return l
}

// HeadEnd looks for the end of a message head in b[from:]. It returns the length of the head with its empty line;
// or 0 and the offset from which to go on when more bytes have come, so that a byte a read stays linear.
//
// A bare LF, a bare CR and a NUL are errors as soon as they are seen (RFC 9112 2.2); other rules are [Request.Parse]'s
// and [Response.Parse]'s. An empty line before the start line is one too, see [EmptyLine]. The caller bounds len(b).
func HeadEnd(b []byte, from int) (end, next int, err *Error) {
	for i := from; ; {
		i = controlEnd(b, i)
		if i >= len(b) {
			return 0, i, nil
		}
		switch b[i] {
		case '\r':
			if i+1 == len(b) {
				return 0, i, nil
			}
			if b[i+1] != '\n' {
				return 0, i, Refusal(ReasonBareCR)
			}
			if i == 0 {
				return 0, i, Refusal(ReasonEmptyStartLine)
			}
			if b[i-1] == '\n' {
				return i + 2, i + 2, nil
			}
			i += 2
		case '\n':
			return 0, i, Refusal(ReasonBareLF)
		case 0:
			return 0, i, Refusal(ReasonNUL)
		default:
			i++
		}
	}
}

// EmptyLine returns 2 when b begins with CRLF, else 0. RFC 9112 2.2 asks a server to ignore one empty line that old
// clients send behind a body: the caller skips what EmptyLine returns once before a request, never before an answer.
func EmptyLine(b []byte) int {
	if lineEnds(b, 0) {
		return 2
	}
	return 0
}

// Field is one field line of a head. Name and Value point into the head that was parsed and live as long as it.
type Field struct {
	Name  []byte // as it was sent, a token
	Value []byte // without the whitespace around it; no control characters but tabs
	ID    FieldID

	underscore bool // the name contains '_'
	drop       bool
}

// parseFields reads field lines up to the empty line that must be the last of b, and appends them to dst.
func parseFields(dst []Field, b []byte, limit int) ([]Field, Reason) {
	for i := 0; ; {
		if lineEnds(b, i) {
			if i+2 != len(b) {
				return dst, ReasonBytesBehindHead
			}
			return dst, 0
		}
		start, classes := i, uint8(0)
		for i < len(b) && octets[b[i]]&isToken != 0 {
			classes |= octets[b[i]]
			i++
		}
		if i >= len(b) || b[i] != ':' || i == start {
			return dst, nameReason(b, start, i)
		}
		name := b[start:i]
		for i++; i < len(b) && (b[i] == ' ' || b[i] == '\t'); i++ {
		}
		start = i
		i = textEnd(b, i)
		if !lineEnds(b, i) {
			return dst, controlReason(b, i)
		}
		end := i
		for end > start && (b[end-1] == ' ' || b[end-1] == '\t') {
			end--
		}
		i += 2
		if len(dst) >= limit {
			return dst, ReasonTooManyFields
		}
		id := Lookup(name)
		dst = append(dst, Field{name, b[start:end], id, classes&isUnderscore != 0, fieldNames[id].hop})
	}
}

// nameReason names the refusal of the field line at b[start:] whose name was read up to i.
func nameReason(b []byte, start, i int) Reason {
	if i >= len(b) {
		return ReasonIncompleteHead
	}
	switch c := b[i]; {
	case i == start && (c == ' ' || c == '\t'):
		return ReasonObsFold
	case i == start && c == ':':
		return ReasonEmptyFieldName
	case c == ' ' || c == '\t':
		for i < len(b) && (b[i] == ' ' || b[i] == '\t') {
			i++
		}
		if i < len(b) && b[i] == ':' {
			return ReasonSpaceBeforeColon
		}
		return ReasonBadFieldName
	case lineEnds(b, i):
		return ReasonMissingColon
	case c < ' ' || c == 0x7f:
		return controlReason(b, i)
	}
	return ReasonBadFieldName
}

package http1

// TrailerEnd looks for the end of a trailer section as [HeadEnd] does for a head. A section may be only its empty
// line, whose end is 2.
func TrailerEnd(b []byte, from int) (end, next int, err *Error) {
	if lineEnds(b, 0) {
		return 2, 2, nil
	}
	return HeadEnd(b, from)
}

// Trailer is the trailer section of a chunked body. Its owner reuses it; Fields point into the section.
type Trailer struct{ Fields []Field }

// Parse reads a section that [TrailerEnd] has found, with its empty line. Fields are read as strictly as in a head.
// Its error's status is a client's, for an answer use [Error.Upstream].
func (t *Trailer) Parse(section []byte, lim Limits) *Error {
	lim = lim.orDefault()
	t.Fields = t.Fields[:0]
	if len(section) > lim.HeadBytes {
		return Refusal(ReasonHeadTooLarge)
	}
	var reason Reason
	if t.Fields, reason = parseFields(t.Fields, section, lim.Fields); reason != 0 {
		return Refusal(reason)
	}
	for i := range t.Fields {
		f := &t.Fields[i]
		f.drop = f.ID != FieldOther || f.underscore && imitates(f.Name)
	}
	return nil
}

// Drop reports whether field i must not be forwarded. RFC 9110 6.5.1 forbids fields for framing, routing,
// authentication, modifiers, control and content in trailers; every field that this package knows by name is such a
// one and is dropped, others such as checksums and Grpc-Status pass.
func (t *Trailer) Drop(i int) bool { return t.Fields[i].drop }

package http1

// size reads hex digits of a chunk size from p[n:] and what ends them (RFC 9112 7.1): CRLF, or ';' and extensions.
// No whitespace is accepted anywhere in a chunk head, though the RFC has some read it: no known client sends it, and
// parsers differ on it.
func (b *Body) size(p []byte, n int) int {
	for ; n < len(p); n++ {
		c := p[n]
		d := c - '0'
		if d > 9 {
			if d = c | 0x20 - 'a'; d > 5 {
				break
			}
			d += 10
		}
		if b.digits++; b.digits > maxChunkDigits {
			b.fail(ReasonBadChunkSize)
			return n
		}
		b.left = b.left<<4 | uint64(d)
	}
	if n == len(p) {
		return n
	}
	switch {
	case b.digits == 0:
		b.fail(ReasonBadChunkSize)
	case p[n] == '\r':
		b.state = chunkHeadLF
	case p[n] == ';':
		b.state = chunkExtension
	case p[n] == '\n':
		b.fail(ReasonBareLF)
	default:
		b.fail(ReasonBadChunkSize)
	}
	return n + 1
}

// extend reads one octet of chunk-ext (RFC 9112 7.1.1): *( ";" token [ "=" ( token / quoted-string ) ] ).
func (b *Body) extend(c byte) {
	if b.extension++; b.extension > maxChunkExtension {
		b.fail(ReasonBadChunkExtension)
		return
	}
	class := octets[c]
	switch b.state {
	case chunkExtension, chunkValue:
		switch {
		case class&isToken != 0:
			b.state++ // chunkName, chunkToken
		case c == '"' && b.state == chunkValue:
			b.state = chunkQuoted
		default:
			b.badExtension(c)
		}
	case chunkName, chunkToken, chunkQuotedEnd:
		switch {
		case class&isToken != 0 && b.state != chunkQuotedEnd:
		case c == '=' && b.state == chunkName:
			b.state = chunkValue
		case c == ';':
			b.state = chunkExtension
		case c == '\r':
			b.state = chunkHeadLF
		default:
			b.badExtension(c)
		}
	case chunkQuoted:
		switch {
		case c == '"':
			b.state = chunkQuotedEnd
		case c == '\\':
			b.state = chunkEscape
		case class&isQuoted == 0:
			b.badExtension(c)
		}
	case chunkEscape:
		b.state = chunkQuoted
		if c < ' ' && c != '\t' || c == 0x7f {
			b.badExtension(c)
		}
	}
}

func (b *Body) badExtension(c byte) {
	if c == '\n' {
		b.fail(ReasonBareLF)
		return
	}
	b.fail(ReasonBadChunkExtension)
}

// end reads the CRLF behind chunk data and the LF of a chunk head.
func (b *Body) end(c byte) {
	switch {
	case b.state == chunkHeadLF && c == '\n':
		b.headEnd()
	case b.state == chunkHeadLF:
		b.fail(ReasonBareCR)
	case b.state == chunkDataCR && c == '\r':
		b.state = chunkDataLF
	case b.state == chunkDataLF && c == '\n':
		b.state = chunkSize
	default:
		b.fail(ReasonBadChunkEnd)
	}
}

// headEnd accounts a whole chunk head. Each chunk excuses 16 octets of framing and as many as twice its payload.
func (b *Body) headEnd() {
	if b.left == 0 {
		b.state = bodyTrailer
	} else {
		b.state = chunkData
	}
	excused := 16 + 2*min(b.left, maxChunkOverhead)
	b.overhead = max(0, b.overhead+int32(b.digits)+int32(b.extension)+4-int32(excused))
	if b.overhead > maxChunkOverhead {
		b.fail(ReasonChunkOverhead)
	}
	b.digits, b.extension = 0, 0
}

// AppendChunkHead appends the head of a chunk of n octets, n > 0. Behind the data comes [ChunkEnd].
func AppendChunkHead(dst []byte, n int) []byte {
	const digits = "0123456789abcdef"
	shift := 0
	for n>>shift > 15 {
		shift += 4
	}
	for ; shift >= 0; shift -= 4 {
		dst = append(dst, digits[n>>shift&15])
	}
	return append(dst, "\r\n"...)
}

// ChunkEnd follows the data of each chunk.
const ChunkEnd = "\r\n"

// AppendLastChunk appends the last chunk with those trailer fields that are not dropped; t may be nil.
func AppendLastChunk(dst []byte, t *Trailer) []byte {
	dst = append(dst, "0\r\n"...)
	if t != nil {
		for i := range t.Fields {
			if !t.Drop(i) {
				dst = AppendField(dst, t.Fields[i].Name, t.Fields[i].Value)
			}
		}
	}
	return append(dst, "\r\n"...)
}

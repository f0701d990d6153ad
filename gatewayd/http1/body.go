package http1

import "math"

// Bounds of what a chunked body may spend on framing. A chunk extension means nothing to a gateway and is dropped;
// a body of one-octet chunks with long extensions costs its reader more than its sender (Go CVE-2023-39326).
const (
	maxChunkDigits    = 15
	maxChunkExtension = 1024
	maxChunkOverhead  = 16 << 10
)

type bodyState uint8

const (
	bodyDone bodyState = iota
	bodyCounted
	bodyOpen
	chunkSize
	chunkExtension // behind ';', before a name
	chunkName
	chunkValue // behind '='
	chunkToken
	chunkQuoted
	chunkEscape
	chunkQuotedEnd
	chunkHeadLF
	chunkData
	chunkDataCR
	chunkDataLF
	bodyTrailer
	bodyBroken
)

// Body follows one message body without keeping any of it. The zero value is a body that is over.
type Body struct {
	left      uint64 // payload octets left in the body or in the chunk
	extension uint16 // octets of extension in this chunk head
	overhead  int32  // framing octets beyond what the payload excuses
	state     bodyState
	digits    uint8
	reason    Reason
}

// Start begins a body of this kind; length counts for [BodyLength] only and is not negative.
func (b *Body) Start(kind BodyKind, length int64) {
	*b = Body{}
	switch kind {
	case BodyLength:
		if length > 0 {
			b.state, b.left = bodyCounted, uint64(length)
		}
	case BodyChunked:
		b.state = chunkSize
	case BodyUntilClose:
		b.state, b.left = bodyOpen, math.MaxUint64
	}
}

// Next consumes from p: n octets, of which data is payload (a part of p, maybe empty). done means that the body is
// complete and the octets behind n belong to the next message. One call returns at most one run of payload: go on
// with p[n:] until it is empty, done, or n is 0, which happens at the trailer section only (see [Body.AtTrailer]).
// An error repeats for ever; its status is a client's, for an answer use [Error.Upstream].
func (b *Body) Next(p []byte) (n int, data []byte, done bool, err *Error) {
	for n < len(p) {
		switch b.state {
		case bodyDone:
			return n, nil, true, nil
		case bodyBroken:
			return n, nil, false, Refusal(b.reason)
		case bodyTrailer:
			if lineEnds(p, n) {
				b.state = bodyDone
				return n + 2, nil, true, nil
			}
			return n, nil, false, nil
		case bodyCounted, chunkData, bodyOpen:
			end := len(p)
			if uint64(end-n) > b.left {
				end = n + int(b.left)
			}
			b.Skip(uint64(end - n))
			return end, p[n:end], b.state == bodyDone, nil
		case chunkSize:
			n = b.size(p, n)
		case chunkHeadLF, chunkDataCR, chunkDataLF:
			b.end(p[n])
			n++
		default:
			b.extend(p[n])
			n++
		}
	}
	if b.state == bodyBroken {
		return n, nil, false, Refusal(b.reason)
	}
	return n, nil, b.state == bodyDone, nil
}

// Done reports whether the body is complete.
func (b *Body) Done() bool { return b.state == bodyDone }

// Left returns how many payload octets follow without framing between them: the rest of the body or of the chunk,
// math.MaxUint64 until close, 0 where framing comes next.
func (b *Body) Left() uint64 {
	switch b.state {
	case bodyCounted, chunkData, bodyOpen:
		return b.left
	}
	return 0
}

// Skip tells that n payload octets, at most Left, went past without Next: they were spliced. More than Left breaks the
// body, since nobody knows any longer where it ends.
func (b *Body) Skip(n uint64) {
	if n == 0 || b.state == bodyOpen {
		return
	}
	if n > b.Left() {
		b.fail(ReasonBadChunkEnd)
		return
	}
	if b.left -= n; b.left == 0 {
		if b.state == chunkData {
			b.state = chunkDataCR
		} else {
			b.state = bodyDone
		}
	}
}

// Close tells that the peer will send no more. It is an error unless the body is complete or lasts until close.
func (b *Body) Close() *Error {
	if b.state == bodyOpen {
		b.state = bodyDone
	}
	switch b.state {
	case bodyDone:
		return nil
	case bodyBroken:
		return Refusal(b.reason)
	}
	b.fail(ReasonTruncatedBody)
	return Refusal(b.reason)
}

// AtTrailer reports whether the last chunk was read and a trailer section comes next. Next consumes the empty line of
// an empty section by itself; for another the caller gathers octets until [TrailerEnd] finds its end, gives them to
// [Trailer.Parse] and calls EndTrailer.
func (b *Body) AtTrailer() bool { return b.state == bodyTrailer }

// EndTrailer completes a body that is at its trailer.
func (b *Body) EndTrailer() {
	if b.state == bodyTrailer {
		b.state = bodyDone
	}
}

func (b *Body) fail(r Reason) { b.state, b.reason = bodyBroken, r }

package ws

import (
	"encoding/binary"
	"math"
)

// Opcode is the opcode of a frame (RFC 6455 5.2).
type Opcode uint8

const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	Close        Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xA
)

// Control reports whether frames of this opcode are control frames, which are short and never fragmented.
func (o Opcode) Control() bool { return o&0x8 != 0 }

// MaxHeader is the longest frame header: two octets, a 64-bit length and a masking key. A header that is held back is
// at most one octet shorter.
const MaxHeader = 14

// Event says why [Follower.Next] stopped.
type Event uint8

const (
	// More: every octet given was passed; the stream stands inside a payload, or nothing was given.
	More Event = iota
	// NeedHeader: the octets behind n are the beginning of a frame header, at most 13. They are held back by the
	// caller, who gives them again in front of the next ones, or flushes them when the stream ends. A frame of our
	// own may be placed in front of them, unless the stream is closing.
	NeedHeader
	// FrameEnd: the frame that Opcode, Fin and Masked describe is complete. A frame of our own may be placed behind
	// it, unless the stream is closing.
	FrameEnd
	// Lost: the stream is no WebSocket stream any more. All octets are passed and there is no boundary again.
	Lost
)

// Follower follows the frames of one direction. The zero value stands at the boundary before the first frame. It is
// 16 octets without pointers and belongs to the tunnel's loop.
type Follower struct {
	left    uint64 // payload octets left in the current frame
	first   byte   // first octet of the last frame header: FIN, reserved bits, opcode
	inside  bool   // the current frame is not complete
	masked  bool
	lost    bool
	open    bool // a message is fragmented and goes on
	closing bool
	size    uint8 // payload of the last frame whose header was read, if it was a control frame
}

// Next consumes b up to the end of the current frame: n octets that may be passed on. Opcode, Fin and Masked describe
// that frame when the event is FrameEnd, and the unfinished one when it is More and AtBoundary is false.
//
// A violation of the framing makes the follower Lost for ever: an unknown opcode, a fragmented or long control
// frame, a length that is not the shortest form or has its high bit set, a continuation of nothing, a new message
// inside a fragmented one, a frame behind Close. Reserved bits belong to extensions and are not looked at; masking
// is the endpoints' affair.
func (f *Follower) Next(b []byte) (n int, ev Event) {
	if f.lost {
		return len(b), Lost
	}
	if !f.inside {
		if len(b) == 0 {
			return 0, More
		}
		if n = f.header(b); n == 0 {
			if f.lost {
				return len(b), Lost
			}
			return 0, NeedHeader
		}
	}
	if rest := uint64(len(b) - n); rest < f.left {
		f.left -= rest
		return len(b), More
	}
	n += int(f.left)
	f.finish()
	return n, FrameEnd
}

// NextAll consumes as many whole frames as b holds, and the beginning of one more. It is [Follower.Next] in a loop,
// for who does not look at each frame: n octets may be passed on, and so many messages ended in them. It stops behind a
// Close.
func (f *Follower) NextAll(b []byte) (n, messages int, ev Event) {
	for ev = More; n < len(b); {
		k, whole := f.wholeMessages(b[n:])
		messages += whole
		if ev = FrameEnd; k == 0 {
			if k, ev = f.Next(b[n:]); ev == FrameEnd && f.EndsMessage() {
				messages++
			}
		}
		n += k
		if ev != FrameEnd || f.closing {
			break
		}
	}
	return n, messages, ev
}

// wholeMessages passes the messages at the beginning of b that are one short frame each and complete, which is what
// most reads of most tunnels hold, without a call for each.
func (f *Follower) wholeMessages(b []byte) (n, messages int) {
	if f.inside || f.lost || f.open || f.closing {
		return 0, 0
	}
	last := -1
	for n+2 <= len(b) {
		if o := b[n] & 0x8f; o != 0x80|byte(Text) && o != 0x80|byte(Binary) {
			break
		}
		second := b[n+1]
		length := int(second & 0x7f)
		end := n + 2 + length + int(second>>7)*4
		if length > 125 || end > len(b) {
			break
		}
		last, n = n, end
		messages++
	}
	if last >= 0 {
		f.first, f.masked = b[last], b[last+1]&0x80 != 0
	}
	return n, messages
}

// header reads the frame header at b and returns its length, 0 when it is incomplete or the follower got lost.
func (f *Follower) header(b []byte) int {
	if !f.allowed(b[0]) {
		f.lost = true
		return 0
	}
	if len(b) < 2 {
		return 0
	}
	size, length := 2, uint64(b[1]&0x7f)
	if length > 125 {
		if Opcode(b[0] & 0x0f).Control() {
			f.lost = true
			return 0
		}
		var known bool
		if size, length, known = longLength(b); !known {
			return 0
		}
		if size == 4 && length < 126 || size == 10 && (length <= math.MaxUint16 || length > math.MaxInt64) {
			f.lost = true
			return 0
		}
	}
	masked := b[1]&0x80 != 0
	if masked {
		size += 4
	}
	if len(b) < size {
		return 0
	}
	f.first, f.masked, f.inside, f.left, f.size = b[0], masked, true, length, uint8(length)
	return size
}

// Payload is how long the payload of the frame is whose header begins b, and the header's first octet. known is false where
// the header is not whole.
func Payload(b []byte) (length uint64, first byte, known bool) {
	if len(b) < 2 {
		return 0, 0, false
	}
	size, length := 2, uint64(b[1]&0x7f)
	if length > 125 {
		if size, length, known = longLength(b); !known {
			return 0, 0, false
		}
	}
	if b[1]&0x80 != 0 {
		size += 4
	}
	return length, b[0], len(b) >= size
}

// longLength reads the 16- or 64-bit length at b; known is false when it is incomplete.
func longLength(b []byte) (size int, length uint64, known bool) {
	if b[1]&0x7f == 126 {
		if len(b) < 4 {
			return 0, 0, false
		}
		return 4, uint64(binary.BigEndian.Uint16(b[2:])), true
	}
	if len(b) < 10 {
		return 0, 0, false
	}
	return 10, binary.BigEndian.Uint64(b[2:]), true
}

// allowed checks the first octet of a header against RFC 6455 5.4 and 5.5.
func (f *Follower) allowed(first byte) bool {
	fin := first&0x80 != 0
	switch Opcode(first & 0x0f) {
	case Text, Binary:
		return !f.open && !f.closing
	case Continuation:
		return f.open && !f.closing
	case Close, Ping, Pong:
		return fin && !f.closing
	}
	return false
}

// finish ends the current frame.
func (f *Follower) finish() {
	f.left, f.inside = 0, false
	switch o := f.Opcode(); {
	case o == Close:
		f.closing = true
	case !o.Control():
		f.open = !f.Fin()
	}
}

// AtBoundary reports whether a frame of our own may be placed before the next octet (RFC 6455 5.4: control frames
// may stand between fragments). It is false behind a Close, after which nothing may be sent, and when lost.
func (f *Follower) AtBoundary() bool { return !f.inside && !f.lost && !f.closing }

// Left returns the payload octets left in the current frame, which may be spliced; 0 at a boundary and when lost.
func (f *Follower) Left() uint64 {
	if f.lost {
		return 0
	}
	return f.left
}

// Skip tells that n payload octets, at most Left, were passed without Next. It returns FrameEnd when they end the
// frame, More when not, and Lost when the follower is.
func (f *Follower) Skip(n uint64) Event {
	if f.lost {
		return Lost
	}
	if n > f.left {
		f.lost = true
		return Lost
	}
	if f.left -= n; f.left == 0 && f.inside {
		f.finish()
		return FrameEnd
	}
	return More
}

// Closing reports whether a whole Close frame has passed.
func (f *Follower) Closing() bool { return f.closing }

// CloseCode is the status code of the Close frame that ends b, all of which Next or NextAll have just passed: 1005 where
// it has none (RFC 6455 7.1.5). known is false where the frame does not stand in b whole.
func (f *Follower) CloseCode(b []byte) (code uint16, known bool) {
	start := len(b) - int(f.size)
	switch {
	case !f.closing:
		return 0, false
	case f.size < 2:
		return CodeNone, true
	case f.masked && start >= 6:
		return binary.BigEndian.Uint16(b[start:]) ^ binary.BigEndian.Uint16(b[start-4:]), true
	case !f.masked && start >= 2:
		return binary.BigEndian.Uint16(b[start:]), true
	}
	return 0, false
}

// Lost reports whether the framing was violated.
func (f *Follower) Lost() bool { return f.lost }

// Opcode, Fin and Masked describe the frame whose header was read last.
func (f *Follower) Opcode() Opcode { return Opcode(f.first & 0x0f) }

// Fin reports whether that frame is the last of its message.
func (f *Follower) Fin() bool { return f.first&0x80 != 0 }

// EndsMessage reports whether that frame ends a message: it is no control frame, and the last of its message. Behind a
// FrameEnd the message is complete.
func (f *Follower) EndsMessage() bool { return f.first&0x88 == 0x80 }

// Masked reports whether that frame has a masking key, as every frame of a client has.
func (f *Follower) Masked() bool { return f.masked }

package ws

import (
	"encoding/binary"
	"math"
)

// Close codes (RFC 6455 7.4.1 and the IANA registry). CodeNone and CodeLost are never sent: they say that a Close has no
// code, and that there was no Close.
const (
	CodeGoingAway      uint16 = 1001
	CodeProtocolError  uint16 = 1002
	CodeNone           uint16 = 1005
	CodeLost           uint16 = 1006
	CodePolicy         uint16 = 1008
	CodeTooBig         uint16 = 1009
	CodeInternalError  uint16 = 1011
	CodeServiceRestart uint16 = 1012
)

// maxReason is what a Close has room for beside its code (RFC 6455 5.5).
const maxReason = 123

// AppendHeader appends the header of a frame of length payload octets; first is FIN, reserved bits and opcode. With a
// mask the caller masks the payload by [Mask].
func AppendHeader(dst []byte, first byte, length uint64, mask *[4]byte) []byte {
	second := byte(0)
	if mask != nil {
		second = 0x80
	}
	switch {
	case length <= 125:
		dst = append(dst, first, second|byte(length))
	case length <= math.MaxUint16:
		dst = binary.BigEndian.AppendUint16(append(dst, first, second|126), uint16(length))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, first, second|127), length)
	}
	if mask != nil {
		dst = append(dst, mask[:]...)
	}
	return dst
}

// AppendClose appends a Close frame. A reason of more than 123 octets is cut, at the beginning of a character. mask is
// nil towards a client; towards a backend it must be random for each frame (RFC 6455 5.3).
func AppendClose(dst []byte, code uint16, reason string, mask *[4]byte) []byte {
	if n := maxReason; len(reason) > n {
		for n > 0 && reason[n]&0xc0 == 0x80 {
			n--
		}
		reason = reason[:n]
	}
	dst = AppendHeader(dst, 0x80|byte(Close), uint64(2+len(reason)), mask)
	start := len(dst)
	dst = binary.BigEndian.AppendUint16(dst, code)
	dst = append(dst, reason...)
	if mask != nil {
		Mask(dst[start:], *mask)
	}
	return dst
}

// Mask masks or unmasks a payload from its beginning, in place (RFC 6455 5.3).
func Mask(payload []byte, mask [4]byte) {
	for i := range payload {
		payload[i] ^= mask[i&3]
	}
}

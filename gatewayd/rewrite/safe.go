package rewrite

import "bytes"

// A place is where a value goes. Texts of a rewrite are checked when it is written; what variables bring is made safe
// here, in its place.
type place uint8

const (
	inField place = iota
	inPath
	inQuery
)

// appendSafe appends what a variable brought. In a field, a control character becomes a space: the name of a user is
// base64, and can hold any. In a URL, whatever http1 would not take in a request line is percent-encoded, and in a path
// a "?" and a "%" that begins no escape too.
func appendSafe(dst, value []byte, to place) []byte {
	for i, c := range value {
		switch {
		case to == inField && (c < ' ' && c != '\t' || c == 0x7f):
			dst = append(dst, ' ')
		case to == inField:
			dst = append(dst, c)
		case c <= ' ' || c >= 0x7f || c == '#', to == inPath && (c == '?' || c == '%' && !escapes(value[i:])):
			dst = appendHex(append(dst, '%'), c)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// appendHex appends a byte in hex, by upper-case letters.
func appendHex(dst []byte, c byte) []byte {
	const digits = "0123456789ABCDEF"
	return append(dst, digits[c>>4], digits[c&15])
}

// escapes says whether b, which begins with "%", begins with an escape.
func escapes(b []byte) bool { return len(b) > 2 && isHex(b[1]) && isHex(b[2]) }

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func foldByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

func trim(b []byte) []byte { return bytes.Trim(b, " \t") }

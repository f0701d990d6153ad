package table

import "bytes"

// NormalPath is the form of a request's raw path, without its query, that rules match: escapes decoded once, slashes
// merged, ASCII letters in lower case, plain dot-segments resolved. Rules and backends must not see two paths, so ok is
// false (400) for what two parsers could read differently: no slash at the start, a backslash, "%5c", a NUL, a bad
// escape, a dot-segment that only decoding or cutting off a ";" reveals.
//
// What is forwarded are the client's own bytes, but for plain dot-segments: send what ResolveDots gives.
// The result uses the memory of dst, from its start, where that is enough.
func NormalPath(dst, raw []byte) (normal []byte, ok bool) {
	normal, dots, ok := decode(dst[:0], raw)
	if !ok {
		return nil, false
	}
	if !dots {
		return normal, true
	}
	// Decoding never writes further than it has read, so it can work in place.
	resolved := resolve(dst[:0], raw)
	normal, _, ok = decode(resolved[:0], resolved)
	return normal, ok
}

// ResolveDots is the raw path to send for one that NormalPath accepted: raw itself where it has no plain dot-segments,
// else a copy without them (RFC 3986 section 5.2.4) in the memory of dst, from its start, where that is enough.
func ResolveDots(dst, raw []byte) []byte {
	rest := raw
	for {
		i := bytes.Index(rest, []byte("/."))
		if i < 0 {
			return raw
		}
		rest = rest[i+1:]
		end := bytes.IndexByte(rest, '/')
		if end < 0 {
			end = len(rest)
		}
		if isDots(rest[:end]) {
			return resolve(dst[:0], raw)
		}
	}
}

// decode appends the normal form of raw to dst, but leaves plain dot-segments where they are and says that there are
// some.
func decode(dst, raw []byte) (normal []byte, dots, ok bool) {
	if len(raw) == 0 || raw[0] != '/' {
		return nil, false, false
	}
	dst = append(dst, '/')
	segment := len(dst) // where the present segment starts
	escaped := false    // whether the present segment of raw, between plain slashes, has escapes
	for i := 1; i < len(raw); i++ {
		c := raw[i]
		plain := c != '%'
		if !plain {
			if i+2 >= len(raw) || unhex[raw[i+1]] < 0 || unhex[raw[i+2]] < 0 {
				return nil, false, false
			}
			c = byte(unhex[raw[i+1]])<<4 | byte(unhex[raw[i+2]])
			i += 2
			escaped = true
		}
		switch {
		case c == '\\' || c == 0:
			return nil, false, false
		case c == '/':
			found, fine := checkDots(dst[segment:], escaped)
			if !fine {
				return nil, false, false
			}
			dots = dots || found
			if dst[len(dst)-1] != '/' {
				dst = append(dst, '/')
			}
			segment = len(dst)
			if plain {
				escaped = false
			}
		case 'A' <= c && c <= 'Z':
			dst = append(dst, c|0x20)
		default:
			dst = append(dst, c)
		}
	}
	found, fine := checkDots(dst[segment:], escaped)
	return dst, dots || found, fine
}

// checkDots says whether a decoded segment is a dot-segment, and whether everybody sees that: nothing of it was escaped,
// and no ";" behind the dots that some servers cut off with what follows.
func checkDots(segment []byte, escaped bool) (dots, fine bool) {
	if len(segment) == 0 || segment[0] != '.' {
		return false, true
	}
	if i := bytes.IndexByte(segment, ';'); i >= 0 {
		return false, !isDots(segment[:i])
	}
	dots = isDots(segment)
	return dots, !dots || !escaped
}

func isDots(segment []byte) bool {
	return string(segment) == "." || string(segment) == ".."
}

// resolve appends raw without its plain dot-segments to dst. Nothing is above the root.
func resolve(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		end := i + 1
		for end < len(raw) && raw[end] != '/' {
			end++
		}
		segment := raw[i+1 : end]
		if !isDots(segment) {
			dst = append(dst, raw[i:end]...)
		} else {
			if len(segment) == 2 {
				dst = dst[:max(bytes.LastIndexByte(dst, '/'), 0)]
			}
			if end == len(raw) {
				dst = append(dst, '/')
			}
		}
		i = end
	}
	return dst
}

// unhex is the value of a hexadecimal digit, -1 for every other byte.
var unhex = func() (table [256]int8) {
	for i := range table {
		table[i] = -1
	}
	for i := range 10 {
		table['0'+i] = int8(i)
	}
	for i := range 6 {
		table['a'+i], table['A'+i] = int8(10+i), int8(10+i)
	}
	return table
}()

package accesslog

import (
	"bytes"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// Lines are of printable ASCII alone: whatever else a client sends is escaped, so that it can neither end a line nor
// speak to a terminal.
var plain = func() (p [256]bool) {
	for c := ' '; c <= '~'; c++ {
		p[c] = c != '"' && c != '\\'
	}
	return p
}()

const hex = "0123456789abcdef"

// AppendName appends the name of a field, which must be one of ours, behind a comma.
func AppendName(b []byte, name string) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

// AppendInt appends a field with a number.
func AppendInt(b []byte, name string, n int64) []byte {
	return strconv.AppendInt(AppendName(b, name), n, 10)
}

// AppendSeconds appends a field with a duration, in seconds with six decimals.
func AppendSeconds(b []byte, name string, d time.Duration) []byte {
	return strconv.AppendFloat(AppendName(b, name), d.Seconds(), 'f', 6, 64)
}

// AppendWord appends a field with a string of ours, which needs no escape.
func AppendWord(b []byte, name, word string) []byte {
	b = append(AppendName(b, name), '"')
	b = append(b, word...)
	return append(b, '"')
}

// AppendText appends a field with what somebody sent, of which at most so many bytes are shown.
func AppendText[T string | []byte](b []byte, name string, s T, most int) []byte {
	b = append(AppendName(b, name), '"')
	b = appendEscaped(b, s, most)
	return append(b, '"')
}

// appendEscaped appends a string as it stands inside of quotes. What is not UTF-8 becomes the replacement character, and
// what is too long ends in three dots.
func appendEscaped[T string | []byte](b []byte, s T, most int) []byte {
	for i := 0; i < len(s); {
		if i >= most {
			return append(b, "..."...)
		}
		c := s[i]
		if plain[c] {
			b = append(b, c)
			i++
			continue
		}
		if c < utf8.RuneSelf {
			if c == '"' || c == '\\' {
				b = append(b, '\\', c)
			} else {
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(string(s[i:min(len(s), i+utf8.UTFMax)]))
		b = appendRune(b, r)
		i += size
	}
	return b
}

func appendRune(b []byte, r rune) []byte {
	if r1, r2 := utf16.EncodeRune(r); r1 != utf8.RuneError {
		return appendUnit(appendUnit(b, r1), r2)
	}
	return appendUnit(b, r)
}

func appendUnit(b []byte, u rune) []byte {
	return append(b, '\\', 'u', hex[u>>12&15], hex[u>>8&15], hex[u>>4&15], hex[u&15])
}

// A Query says what is shown of a query.
type Query uint8

// What is shown of a query: the names of its parameters, nothing, or all of it.
const (
	Names Query = iota
	None
	Full
)

// AppendPath appends a field with a path. Unless queries are shown in full, the values of parameters in it (;name=value)
// are left out, since session ids stand there; for a server that decodes before it looks for them, "%3b" begins one, too.
func (q Query) AppendPath(b []byte, name string, path []byte, most int) []byte {
	if q == Full || parameter(path) < 0 {
		return AppendText(b, name, path, most)
	}
	b = append(AppendName(b, name), '"')
	start := len(b)
	for len(path) > 0 {
		if len(b)-start >= most {
			b = append(b, "..."...)
			break
		}
		segment := path
		if i := bytes.IndexByte(path, '/'); i >= 0 {
			segment = path[:i+1]
		}
		path = path[len(segment):]
		if i := parameter(segment); i >= 0 {
			b = appendEscaped(b, segment[:i], most)
			b = append(b, ";*"...)
			if segment[len(segment)-1] == '/' {
				b = append(b, '/')
			}
			continue
		}
		b = appendEscaped(b, segment, most)
	}
	return append(b, '"')
}

// parameter is where the first parameter of a path begins, or less than 0.
func parameter(path []byte) int {
	for i, c := range path {
		if c == ';' || c == '%' && len(path) >= i+3 && path[i+1] == '3' && path[i+2]|0x20 == 'b' {
			return i
		}
	}
	return -1
}

// mostName is how much of the name of a parameter is shown.
const mostName = 64

// AppendQuery appends a field with a query.
func (q Query) AppendQuery(b []byte, name string, query []byte, most int) []byte {
	switch q {
	case None:
		return b
	case Full:
		return AppendText(b, name, query, most)
	}
	b = append(AppendName(b, name), '"')
	start := len(b)
	for more := true; more; {
		if len(b)-start >= most {
			b = append(b, "..."...)
			break
		}
		var part []byte
		part, query, more = bytes.Cut(query, []byte{'&'})
		if i := bytes.IndexByte(part, '='); i >= 0 && len(bytes.TrimLeft(part[i:], "=")) > 0 {
			b = appendEscaped(b, part[:i], mostName)
			b = append(b, "=*"...)
		} else if len(part) > 0 {
			b = append(b, '*') // It may be a value without a name. Base64 ends in "=".
		}
		if more {
			b = append(b, '&')
		}
	}
	return append(b, '"')
}

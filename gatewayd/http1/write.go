package http1

import "time"

// AppendStatusLine appends an HTTP/1.1 status line with the reason phrase of [StatusText].
func AppendStatusLine(dst []byte, status int) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = append(dst, byte('0'+status/100%10), byte('0'+status/10%10), byte('0'+status%10), ' ')
	dst = append(dst, StatusText(status)...)
	return append(dst, "\r\n"...)
}

// AppendField appends a field line. It does not check name and value: both must come from a parser or be our own.
func AppendField[N, V ~string | ~[]byte](dst []byte, name N, value V) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}

// StatusText returns the reason phrase of a status that a gateway sends or often passes on (RFC 9110 15), else "".
func StatusText(status int) string {
	if status >= 100 && status < 600 {
		return statusTexts[status-100]
	}
	return ""
}

var statusTexts = [500]string{
	0: "Continue", 1: "Switching Protocols", 3: "Early Hints",
	100: "OK", 101: "Created", 102: "Accepted", 103: "Non-Authoritative Information", 104: "No Content",
	105: "Reset Content", 106: "Partial Content",
	200: "Multiple Choices", 201: "Moved Permanently", 202: "Found", 203: "See Other", 204: "Not Modified",
	207: "Temporary Redirect", 208: "Permanent Redirect",
	300: "Bad Request", 301: "Unauthorized", 302: "Payment Required", 303: "Forbidden", 304: "Not Found",
	305: "Method Not Allowed", 306: "Not Acceptable", 307: "Proxy Authentication Required", 308: "Request Timeout",
	309: "Conflict", 310: "Gone", 311: "Length Required", 312: "Precondition Failed", 313: "Content Too Large",
	314: "URI Too Long", 315: "Unsupported Media Type", 316: "Range Not Satisfiable", 317: "Expectation Failed",
	321: "Misdirected Request", 322: "Unprocessable Content", 325: "Too Early", 326: "Upgrade Required",
	328: "Precondition Required", 329: "Too Many Requests", 331: "Request Header Fields Too Large",
	400: "Internal Server Error", 401: "Not Implemented", 402: "Bad Gateway", 403: "Service Unavailable",
	404: "Gateway Timeout", 405: "HTTP Version Not Supported", 411: "Network Authentication Required",
}

// Date formats IMF-fixdate (RFC 9110 5.6.7) once a second. The zero value is ready; one per loop.
type Date struct {
	second int64
	text   [29]byte
}

// At returns the text of t, valid until the next call.
func (d *Date) At(t time.Time) []byte {
	if s := t.Unix(); s != d.second || d.text[0] == 0 {
		d.second = s
		t.UTC().AppendFormat(d.text[:0], "Mon, 02 Jan 2006 15:04:05 GMT")
	}
	return d.text[:]
}

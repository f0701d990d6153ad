package proxy

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
)

// A mutator makes messages that are almost right, and some that are: the same ones from the same seed.
type mutator struct{ *rand.Rand }

func pick[T any](m mutator, list []T) T { return list[m.IntN(len(list))] }

// requestSeeds are right, the path left open.
var requestSeeds = []string{
	"GET /%s HTTP/1.1\r\nHost: a.test\r\n\r\n",
	"GET /%s?a=b HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\nCookie: a=b; c=d\r\n\r\n",
	"GET http://a.test/%s HTTP/1.1\r\nHost: a.test\r\n\r\n",
	"GET /%s HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n",
	"HEAD /%s HTTP/1.1\r\nHost: a.test\r\n\r\n",
	"OPTIONS /%s HTTP/1.1\r\nHost: a.test\r\nConnection: x-mine, keep-alive\r\nX-Mine: 1\r\n\r\n",
	"POST /%s HTTP/1.1\r\nHost: a.test\r\nContent-Length: 46\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: smuggled.test\r\n\r\n",
	"POST /%s HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
	"POST /%s HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n2e\r\nGET /smuggled HTTP/1.1\r\nHost: smuggled.test\r\n\r\n\r\n0\r\n\r\n",
	"PUT /%s HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\nConnection: TE\r\nTrailer: Sum\r\n\r\n1;a=\"b\"\r\nx\r\n0a\r\n0123456789\r\n0\r\nSum: 1\r\n\r\n",
	"POST /%s HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"GET /%s HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
	"GET /%s HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n",
}

// answerSeeds are right, three times the id left open.
var answerSeeds = []string{
	"HTTP/1.1 200 OK\r\nId: %[1]s\r\nContent-Length: 8\r\n\r\n%[1]s",
	"HTTP/1.1 200 OK\r\nId: %[1]s\r\nConnection: close\r\nContent-Length: 8\r\n\r\n%[1]s",
	"HTTP/1.1 200 OK\r\nId: %[1]s\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n%[1]s\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nId: %[1]s\r\nTransfer-Encoding: chunked\r\n\r\n3;a\r\n012\r\n08\r\n%[1]s\r\n0\r\nSum: 1\r\n\r\n",
	"HTTP/1.1 103 Early Hints\r\nLink: </%[1]s>\r\n\r\nHTTP/1.1 200 OK\r\nId: %[1]s\r\nContent-Length: 8\r\n\r\n%[1]s",
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nId: %[1]s\r\nContent-Length: 8\r\n\r\n%[1]s",
	"HTTP/1.1 204 No Content\r\nId: %[1]s\r\n\r\n",
	"HTTP/1.1 304 Not Modified\r\nId: %[1]s\r\nContent-Length: 8\r\n\r\n",
	"HTTP/1.0 200 OK\r\nId: %[1]s\r\n\r\n%[1]s",
	"HTTP/1.1 101 Switching Protocols\r\nId: %[1]s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
	"HTTP/1.1 200 OK\r\nId: %[1]s\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nId: %[1]s\r\nContent-Length: 8\r\n\r\n%[1]s",
}

// gadgets are lines that have parted two parsers somewhere.
var gadgets = []string{
	"Transfer-Encoding: chunked", "Transfer-Encoding: identity", "Transfer-Encoding: chunked, identity", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: xchunked",
	"Transfer-Encoding: chunked;q=1", "Transfer-Encoding: \"chunked\"", "Transfer-Encoding: ,chunked", "Transfer-Encoding:", "Transfer-Encoding: chunked\x00",
	"Transfer-Encoding : chunked", "Transfer-Encoding\t: chunked", " Transfer-Encoding: chunked", "Transfer-Encoding:\x0bchunked", "Transfer-Encoding: chunked\x0b",
	"Transfer-Encoding:\r\n chunked", "Transfer-Encoding:\n chunked", "X: y\nTransfer-Encoding: chunked", "X: y\rTransfer-Encoding: chunked", "Transfer_Encoding: chunked",
	"TRANSFER-ENCODING: CHUNKED", "transfer-encoding:chunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "Transfer-Encoding\xa0: chunked", "Transfer-Encoding: c\u017funked",
	"Content-Length: 0", "Content-Length: 3", "Content-Length: 46", "Content-Length: 03", "Content-Length: +3", "Content-Length: -1", "Content-Length: 0x3", "Content-Length: 3, 3",
	"Content-Length: 3 3", "Content-Length:", "Content-Length: 3\x00", "Content-Length : 3", "Content_Length: 3", "Content-Length: 1_0", "Content-Length: 18446744073709551619",
	"Content-Length: 99999999999999999999999999999999", "Content-Length: 3\r\nContent-Length: 46", "Content-Length: 3.0", "Content-Length: \xb3", "Content-Length: 3\r\n\t6",
	"Host: b.test", "Host:", "Host: a.test:80", "Host: a.test@b.test", "Host: a.test, b.test", "Host: a test", "Host: a.test#", "Host: a.test/x", "Host: [::1", "Host : b.test", "host: a.test",
	"Connection: close", "Connection: keep-alive", "Connection: Content-Length", "Connection: Host", "Connection: X-Forwarded-For", "Connection: Transfer-Encoding, close", "Connection: upgrade",
	"Connection: a b", "Connection: ,,,", "Upgrade: websocket", "Upgrade: h2c", "Upgrade: h2c, websocket", "Upgrade: websocket\r\nUpgrade: tls", "Upgrade: /", "HTTP2-Settings: AAMAAABk",
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Key: short", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
	"Expect: 100-continue", "Expect: 200-ok", "Expect: 100-continue, x", "TE: trailers", "TE: chunked", "Trailer: Content-Length", "X-Forwarded-For: 6.6.6.6", "X_Forwarded_For: 6.6.6.6",
	"X-Forwarded_Host: b", "X-Forwarded-Prefix: /x", "X-Original-Host: b", "X-Request-Id: 1", "X-Real-IP: 6.6.6.6", "Forwarded: for=6.6.6.6", "Proxy-Connection: keep-alive", "Keep-Alive: 5",
	": x", "x", "X y: z", "X(y): z", "\"X\": z", "X: \x7f", "X: \x1b[31m", "X:\ty\t", "X: \xe9\xff", "X: " + strings.Repeat("y", 40_000), strings.Repeat("X: y\r\n", 140) + "X: y",
}

// firstLines are request lines, the path left open, and status lines.
var firstLines = []string{
	"GET  /%s HTTP/1.1", "GET /%s  HTTP/1.1", "GET /%s HTTP/1.1 ", " GET /%s HTTP/1.1", "GET\t/%s HTTP/1.1", "get /%s HTTP/1.1", "GET /%s", "GET /%s HTTP/0.9", "GET /%s HTTP/1.2",
	"GET /%s HTTP/2.0", "GET /%s http/1.1", "GET /%s HTTP/1.10", "GET /%s HTTP/1", "GET /%s#x HTTP/1.1", "GET /%s\\..\\x HTTP/1.1", "GET /a/../%s HTTP/1.1", "GET /%%2e%%2e/%s HTTP/1.1",
	"GET /a%%2f..%%2f%s HTTP/1.1", "GET /%%00%s HTTP/1.1", "GET /%%zz%s HTTP/1.1", "GET //a//%s HTTP/1.1", "GET a.test:80/%s HTTP/1.1", "GET ftp://a.test/%s HTTP/1.1", "GET * HTTP/1.1",
	"CONNECT a.test:80 HTTP/1.1", "CONNECT /%s HTTP/1.1", "TRACE /%s HTTP/1.1", "PRI * HTTP/2.0", "OPTIONS * HTTP/1.1", "M-SEARCH /%s HTTP/1.1", "GE(T /%s HTTP/1.1", "GET /%s\xc3\xa9 HTTP/1.1",
	"POST http://b.test/%s HTTP/1.1", "POST HTTPS://A.test?%s HTTP/1.1", "HTTP/1.1 200 OK", "HTTP/1.1 099 X", "HTTP/1.1 600 X", "HTTP/1.1 99999 X", "HTTP/1.1 200", "HTTP/1.1  200 OK",
	"HTTP/2.0 200 OK", "HTTP/1.1 200OK", "HTTP/1.1 +20 OK", "ICY 200 OK", "HTTP/1.1 101 Switching Protocols", "HTTP/1.1 100 Continue", "HTTP/1.1 204 No Content", "HTTP/1.1 408 Request Timeout",
}

// chunks stand in front of a body.
var chunks = []string{"0x3\r\n", "+3\r\n", "-3\r\n", "3 \r\n", " 3\r\n", "3\n", "3\r", "3;\r\n", "3;a\n", "3;a=\"\n\"\r\n", "3;a=\"\r\n", "\r\n", "_3\r\n", "3_\r\n", "3\x00\r\n", "003\r\n", "fffffffffffffffff\r\n",
	"10000000000000003\r\n", "3;" + strings.Repeat("a", 2000) + "\r\n", "0\r\nHost: b\r\n\r\n", "0\r\nA: b\n\r\n", "0\r\n\r\n", "0\n\n", "00\r\n\r\n", "g\r\n", "3,\r\n", "3\r\r\n"}

var ends = []string{"\n", "\r", "\r\r\n", "\n\r", "\r\n\r\n", "\r\n ", "\r\n\t", "\x00", "\x0b", "", "\n\n", "\u2028", "\x85"}

var octets = []string{"\x00", "\t", "\n", "\v", "\f", "\r", "\x1b", " ", "#", "%", ",", ":", ";", "\\", "_", "\x7f", "\x80", "\xa0", "\xad", "\xff", "0", "a"}

// request is a request for a path: one in four as it should be.
func (m mutator) request(path string) []byte {
	b := fmt.Appendf(nil, pick(m, requestSeeds), path)
	if m.IntN(4) == 0 {
		return b
	}
	return m.mutate(b, path)
}

// answer is an answer that carries an id of eight octets: one in four as it should be.
func (m mutator) answer(id string) []byte {
	b := fmt.Appendf(nil, pick(m, answerSeeds), id)
	if m.IntN(4) == 0 {
		return b
	}
	return m.mutate(b, id)
}

func (m mutator) mutate(b []byte, path string) []byte {
	for range 1 + m.IntN(2)*m.IntN(3) {
		b = m.once(b, path)
	}
	return b
}

// once changes one thing.
func (m mutator) once(b []byte, path string) []byte {
	head := bytes.Index(b, []byte("\r\n\r\n")) + 2
	if head < 2 {
		head = len(b)
	}
	lines := bytes.SplitAfter(b[:head], []byte("\r\n"))
	at := m.IntN(len(lines))
	switch m.IntN(10) {
	case 0, 1, 2: // a line more
		at = 1 + m.IntN(max(1, len(lines)-1))
		at = min(at, len(lines))
		gadget := append([]byte(pick(m, gadgets)), "\r\n"...)
		lines = append(lines[:at:at], append([][]byte{gadget}, lines[at:]...)...)
	case 3: // another first line
		first := pick(m, firstLines)
		if strings.Contains(first, "%") {
			first = fmt.Sprintf(first, path)
		}
		lines[0] = append([]byte(first), "\r\n"...)
	case 4: // another end of a line
		lines[at] = append(bytes.TrimSuffix(lines[at], []byte("\r\n")), pick(m, ends)...)
	case 5: // a line less, or twice
		lines[at] = bytes.Repeat(lines[at], 2*m.IntN(2))
	case 6: // two lines change places
		to := m.IntN(len(lines))
		lines[at], lines[to] = lines[to], lines[at]
	case 7: // another beginning of the body
		return append(append(bytes.Clone(b[:min(len(b), head+2)]), pick(m, chunks)...), b[min(len(b), head+2):]...)
	case 8: // another end of the message
		to := m.IntN(len(b) + 1)
		return append(bytes.Clone(b[:to]), b[min(len(b), to+m.IntN(4)):]...)
	default:
		return m.octet(b)
	}
	return append(bytes.Join(lines, nil), b[head:]...)
}

// octet changes an octet anywhere.
func (m mutator) octet(b []byte) []byte {
	if len(b) == 0 {
		return b
	}
	at := m.IntN(len(b))
	switch m.IntN(3) {
	case 0:
		b = bytes.Clone(b)
		b[at] ^= 1 << m.IntN(8)
		return b
	case 1:
		return append(bytes.Clone(b[:at]), b[at+1:]...)
	}
	return append(append(bytes.Clone(b[:at]), pick(m, octets)...), b[at:]...)
}

package http1

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parse reads one head the way a caller does: first its end, then its meaning.
func parse(r *Request, raw string, lim Limits) *Error {
	end, _, err := HeadEnd([]byte(raw), 0)
	if err != nil {
		return err
	}
	if end == 0 {
		return Refusal(ReasonIncompleteHead)
	}
	return r.Parse([]byte(raw)[:end], lim)
}

// refusal is a head without its empty line and how it is refused.
type refusal struct {
	name, head string
	want       Reason
	status     int
}

// refusedRequests has a row for each rule, named after the section or the bug class of other gateways.
func refusedRequests() []refusal {
	const get, host = "GET / HTTP/1.1\r\n", "Host: a.test\r\n"
	const post = "POST / HTTP/1.1\r\n" + host
	const handshake = get + host + "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	const key, version = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "Sec-WebSocket-Version: 13\r\n"
	return []refusal{
		{"9112 2.2 bare LF ends a line", "GET / HTTP/1.1\n" + host, ReasonBareLF, 400},
		{"9112 2.2 bare LF ends the head", get + host + "\n", ReasonBareLF, 400},
		{"9112 2.2 bare LF in a value", get + host + "A: b\nc", ReasonBareLF, 400},
		{"9112 2.2 bare CR in a value", get + host + "A: b\rc\r\n", ReasonBareCR, 400},
		{"9112 2.2 bare CR in the request line", "GET /\rX HTTP/1.1\r\n" + host, ReasonBareCR, 400},
		{"class 8 CR CR LF", get + host + "A: b\r\r\n", ReasonBareCR, 400},
		{"class 8 NUL in a value", get + host + "A: b\x00c\r\n", ReasonNUL, 400},
		{"class 8 NUL in a name", get + host + "A\x00: b\r\n", ReasonNUL, 400},
		{"class 8 NUL in the target", "GET /\x00 HTTP/1.1\r\n" + host, ReasonNUL, 400},
		{"9110 5.5 escape in a value", get + host + "A: \x1b[31m\r\n", ReasonControlCharacter, 400},
		{"9110 5.5 DEL in a value", get + host + "A: b\x7f\r\n", ReasonControlCharacter, 400},
		{"9110 5.5 vertical tab before chunked", post + "Transfer-Encoding: \x0bchunked\r\n", ReasonControlCharacter, 400},
		{"9112 2.2 empty line first", "\r\n" + get + host, ReasonEmptyStartLine, 400},

		{"9112 3 nothing but a word", "GET\r\n" + host, ReasonBadRequestLine, 400},
		{"9112 3 space first", " GET / HTTP/1.1\r\n" + host, ReasonBadRequestLine, 400},
		{"9112 3 two spaces before the target", "GET  / HTTP/1.1\r\n" + host, ReasonBadRequestLine, 400},
		{"9112 3 two spaces before the version", "GET /  HTTP/1.1\r\n" + host, ReasonBadVersion, 400},
		{"9112 3 tab for space", "GET\t/ HTTP/1.1\r\n" + host, ReasonBadMethod, 400},
		{"9112 3 space in the target", "GET /a b HTTP/1.1\r\n" + host, ReasonBadVersion, 400},
		{"9112 3 space behind the version", "GET / HTTP/1.1 \r\n" + host, ReasonBadVersion, 400},
		{"9112 3.1 method no token", "GE(T / HTTP/1.1\r\n" + host, ReasonBadMethod, 400},
		{"9112 3.1 method in lower case", "get / HTTP/1.1\r\n" + host, ReasonBadMethod, 400},
		{"class 16 CONNECT", "CONNECT a.test:80 HTTP/1.1\r\n" + host, ReasonMethodNotAllowed, 405},
		{"class 16 CONNECT with a path", "CONNECT / HTTP/1.1\r\n" + host, ReasonMethodNotAllowed, 405},
		{"9110 9.3.8 TRACE", "TRACE / HTTP/1.1\r\n" + host, ReasonMethodNotAllowed, 405},
		{"class 6 fragment", "GET /a#b HTTP/1.1\r\n" + host, ReasonFragment, 400},
		{"class 6 fragment in absolute-form", "GET http://a.test/#b HTTP/1.1\r\n" + host, ReasonFragment, 400},
		{"9112 3.2 octet above ASCII", "GET /\xc3\xa9 HTTP/1.1\r\n" + host, ReasonBadTarget, 400},
		{"class 25 backslash in the path", "GET /a\\..\\b HTTP/1.1\r\n" + host, ReasonBadTarget, 400},
		{"9112 3.2.3 authority-form", "GET a.test:80 HTTP/1.1\r\n" + host, ReasonBadTargetForm, 400},
		{"9112 3.2 relative path", "GET a/b HTTP/1.1\r\n" + host, ReasonBadTargetForm, 400},
		{"9112 3.2 query alone", "GET ?a HTTP/1.1\r\n" + host, ReasonBadTargetForm, 400},
		{"9112 3.2.4 asterisk without OPTIONS", "GET * HTTP/1.1\r\n" + host, ReasonBadTargetForm, 400},
		{"9112 3.2.4 asterisk with more", "OPTIONS *a HTTP/1.1\r\n" + host, ReasonBadTargetForm, 400},
		{"9112 3.2.2 another scheme", "GET ftp://a.test/ HTTP/1.1\r\n" + host, ReasonBadTargetForm, 400},
		{"9112 3.2.2 no authority", "GET http:///a HTTP/1.1\r\n" + host, ReasonHostMismatch, 400},
		{"HTTP/0.9", "GET /\r\n" + host, ReasonHTTP09, 400},
		{"the HTTP/2 preface", "PRI * HTTP/2.0\r\n", ReasonHTTP2Preface, 505},
		{"the HTTP/2 preface as HTTP/1.1", "PRI * HTTP/1.1\r\n" + host, ReasonHTTP2Preface, 505},
		{"9112 2.3 HTTP/2.0", "GET / HTTP/2.0\r\n" + host, ReasonUnsupportedVersion, 505},
		{"9112 2.3 HTTP/1.2", "GET / HTTP/1.2\r\n" + host, ReasonUnsupportedVersion, 505},
		{"9112 2.3 HTTP/0.9 named", "GET / HTTP/0.9\r\n" + host, ReasonUnsupportedVersion, 505},
		{"9112 2.3 two digits", "GET / HTTP/1.10\r\n" + host, ReasonBadVersion, 400},
		{"9112 2.3 no minor", "GET / HTTP/1\r\n" + host, ReasonBadVersion, 400},
		{"9112 2.3 lower case", "GET / http/1.1\r\n" + host, ReasonBadVersion, 400},

		{"9112 5 no colon", get + host + "Abc\r\n", ReasonMissingColon, 400},
		{"9112 5.1 space before the colon", get + host + "Content-Length : 5\r\n", ReasonSpaceBeforeColon, 400},
		{"9112 5.1 tab before the colon", get + host + "Host\t: b.test\r\n", ReasonSpaceBeforeColon, 400},
		{"9112 5.2 folded line", get + host + "A: b\r\n c\r\n", ReasonObsFold, 400},
		{"9112 5.2 folded with a tab", get + host + "A: b\r\n\tc: d\r\n", ReasonObsFold, 400},
		{"9112 2.2 whitespace before the first field", get + " " + host, ReasonObsFold, 400},
		{"class 3 empty name", get + host + ": b\r\n", ReasonEmptyFieldName, 400},
		{"9110 5.1 name no token", get + host + "A(b): c\r\n", ReasonBadFieldName, 400},
		{"9110 5.1 name above ASCII", get + host + "\xe9: c\r\n", ReasonBadFieldName, 400},
		{"9110 5.1 space in the name", get + host + "A b: c\r\n", ReasonBadFieldName, 400},
		{"9110 5.1 quoted name", get + host + "\"A\": c\r\n", ReasonBadFieldName, 400},
		{"class 24 X_Forwarded_For", get + host + "X_Forwarded_For: 1.2.3.4\r\n", ReasonUnderscoreName, 400},
		{"class 24 one underscore", get + host + "X-Forwarded_Host: b.test\r\n", ReasonUnderscoreName, 400},
		{"class 24 unknown X_Forwarded", get + host + "x_forwarded_client_certificate_chain: b\r\n", ReasonUnderscoreName, 400},
		{"class 24 Content_Length", get + host + "Content_Length: 5\r\n", ReasonUnderscoreName, 400},
		{"class 24 Transfer_Encoding", get + host + "Transfer_Encoding: chunked\r\n", ReasonUnderscoreName, 400},

		{"9112 3.2 no Host", get, ReasonMissingHost, 400},
		{"9112 3.2 no Host in absolute-form", "GET http://a.test/ HTTP/1.1\r\n", ReasonMissingHost, 400},
		{"class 26 host with a port of letters", get + "Host: g:w.test\r\n", ReasonBadHost, 400},
		{"class 26 Host empty", get + "Host:\r\n", ReasonBadHost, 400},
		{"class 26 Host list", get + "Host: a.test, b.test\r\n", ReasonBadHost, 400},
		{"9112 3.2 two Hosts", get + host + "host: b.test\r\n", ReasonDuplicateHost, 400},
		{"9112 3.2 two equal Hosts", get + host + host, ReasonDuplicateHost, 400},
		{"9112 3.2.2 absolute-form differs", "GET http://b.test/ HTTP/1.1\r\n" + host, ReasonHostMismatch, 400},
		{"9112 3.2.2 absolute-form differs by port", "GET http://a.test:80/ HTTP/1.1\r\n" + host, ReasonHostMismatch, 400},
		{"9110 4.2.4 userinfo", "GET http://u@a.test/ HTTP/1.1\r\n" + host, ReasonHostMismatch, 400},
		{"9110 4.2.4 userinfo in HTTP/1.0", "GET http://u@a.test/ HTTP/1.0\r\n", ReasonBadHost, 400},

		{"class 1 CL and TE", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", ReasonLengthAndTransferEncoding, 400},
		{"class 1 TE and CL", post + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", ReasonLengthAndTransferEncoding, 400},
		{"9112 6.1 TE twice", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", ReasonDuplicateTransferEncoding, 400},
		{"9112 6.1 chunked, chunked", post + "Transfer-Encoding: chunked, chunked\r\n", ReasonBadTransferEncoding, 501},
		{"9112 6.1 gzip, chunked", post + "Transfer-Encoding: gzip, chunked\r\n", ReasonBadTransferEncoding, 501},
		{"9112 6.1 identity", post + "Transfer-Encoding: identity\r\n", ReasonBadTransferEncoding, 501},
		{"class 1 TE with a parameter", post + "Transfer-Encoding: chunked;q=1\r\n", ReasonBadTransferEncoding, 501},
		{"class 1 TE quoted", post + "Transfer-Encoding: \"chunked\"\r\n", ReasonBadTransferEncoding, 501},
		{"class 1 TE with a comma", post + "Transfer-Encoding: ,chunked\r\n", ReasonBadTransferEncoding, 501},
		{"class 1 TE empty", post + "Transfer-Encoding:\r\n", ReasonBadTransferEncoding, 501},
		{"class 1 TE misspelt", post + "Transfer-Encoding: xchunked\r\n", ReasonBadTransferEncoding, 501},
		{"class 7 TE in HTTP/1.0", "POST / HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n", ReasonTransferEncodingHTTP10, 400},
		{"class 1 two CL", post + "Content-Length: 5\r\nContent-Length: 6\r\n", ReasonDuplicateContentLength, 400},
		{"9112 6.3 two equal CL", post + "Content-Length: 5\r\nContent-Length: 5\r\n", ReasonDuplicateContentLength, 400},
		{"9112 6.3 CL list", post + "Content-Length: 5, 5\r\n", ReasonBadContentLength, 400},
		{"class 2 CL empty", post + "Content-Length:\r\n", ReasonBadContentLength, 400},
		{"class 5 CL with a sign", post + "Content-Length: +5\r\n", ReasonBadContentLength, 400},
		{"class 5 CL negative", post + "Content-Length: -5\r\n", ReasonBadContentLength, 400},
		{"class 5 CL in hex", post + "Content-Length: 0x5\r\n", ReasonBadContentLength, 400},
		{"class 5 CL with underscore", post + "Content-Length: 1_0\r\n", ReasonBadContentLength, 400},
		{"class 5 CL with a leading zero", post + "Content-Length: 010\r\n", ReasonBadContentLength, 400},
		{"class 5 CL overflows", post + "Content-Length: 18446744073709551621\r\n", ReasonBadContentLength, 400},
		{"class 5 CL with a space", post + "Content-Length: 1 0\r\n", ReasonBadContentLength, 400},

		{"9110 7.6.1 option no token", get + host + "Connection: a b\r\n", ReasonBadConnection, 400},
		{"class 22 nominates X-Forwarded-For", get + host + "Connection: close, X-Forwarded-For\r\n", ReasonEssentialNominated, 400},
		{"class 22 nominates any X-Forwarded", get + host + "Connection: x-forwarded-tls-client-cert\r\n", ReasonEssentialNominated, 400},
		{"class 22 nominates X_Forwarded_For", get + host + "Connection: X_Forwarded_For\r\n", ReasonEssentialNominated, 400},
		{"class 22 nominates Host", get + host + "Connection: Host\r\n", ReasonEssentialNominated, 400},
		{"class 22 nominates Content-Length", post + "Connection: content-length\r\nContent-Length: 5\r\n", ReasonEssentialNominated, 400},
		{"class 22 nominates Authorization", get + host + "Connection: keep-alive\r\nConnection: authorization\r\n", ReasonEssentialNominated, 400},
		{"class 22 nominates Sec-WebSocket-Key", handshake + "Connection: sec-websocket-key\r\n" + key + version, ReasonEssentialNominated, 400},
		{"options without bound", get + host + "Connection: " + strings.Repeat("a,", 33) + "\r\n", ReasonTooManyConnectionOptions, 400},
		{"9110 10.1.1 other expectation", post + "Content-Length: 1\r\nExpect: 200-ok\r\n", ReasonBadExpect, 417},
		{"9110 10.1.1 expectation twice", post + "Content-Length: 1\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n", ReasonBadExpect, 417},

		{"9110 7.8 Upgrade malformed behind the slash", get + host + "Upgrade: a/b/c\r\n", ReasonBadUpgrade, 400},
		{"9110 7.8 Upgrade malformed", get + host + "Upgrade: web socket\r\n", ReasonBadUpgrade, 400},
		{"class 15 websocket beside h2c", get + host + "Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n" + key + version, ReasonUpgradeAmbiguous, 400},
		{"6455 4.2.1 not a GET", post + "Connection: Upgrade\r\nUpgrade: websocket\r\n" + key + version, ReasonUpgradeMethod, 400},
		{"6455 4.2.1 HTTP/1.0", "GET / HTTP/1.0\r\n" + host + "Connection: Upgrade\r\nUpgrade: websocket\r\n" + key + version, ReasonUpgradeHTTP10, 400},
		{"class 14 with Content-Length", handshake + key + version + "Content-Length: 5\r\n", ReasonUpgradeBody, 400},
		{"class 14 with chunked", handshake + key + version + "Transfer-Encoding: chunked\r\n", ReasonUpgradeBody, 400},
		{"6455 4.2.1 no key", handshake + version, ReasonBadWebSocketKey, 400},
		{"6455 4.2.1 short key", handshake + "Sec-WebSocket-Key: SGVsbG8sIHdvcmxkIQ==\r\n" + version, ReasonBadWebSocketKey, 400},
		{"6455 4.2.1 key no base64", handshake + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j*Q==\r\n" + version, ReasonBadWebSocketKey, 400},
		{"6455 4.2.1 two keys", handshake + key + key + version, ReasonBadWebSocketKey, 400},
		{"6455 4.2.2 no version", handshake + key, ReasonBadWebSocketVersion, 426},
		{"6455 4.2.2 version 8", handshake + key + "Sec-WebSocket-Version: 8\r\n", ReasonBadWebSocketVersion, 426},
		{"6455 4.2.2 version twice", handshake + key + version + version, ReasonBadWebSocketVersion, 426},
		{"6455 4.2.2 version list", handshake + key + "Sec-WebSocket-Version: 13, 8\r\n", ReasonBadWebSocketVersion, 426},
	}
}

func TestRequestRefused(t *testing.T) {
	var r Request
	for _, tt := range refusedRequests() {
		t.Run(tt.name, func(t *testing.T) {
			err := parse(&r, tt.head+"\r\n", Limits{})
			if err == nil {
				t.Fatalf("accepted %q, want %v", tt.head, tt.want)
			}
			if err.Reason != tt.want || err.Status != tt.status {
				t.Errorf("got %d %v, want %d %v for %q", err.Status, err.Reason, tt.status, tt.want, tt.head)
			}
		})
	}
}

func TestRequestLimits(t *testing.T) {
	fields := strings.Repeat("A: b\r\n", 8)
	tests := []struct {
		name string
		lim  Limits
		want Reason
	}{
		{"all fit", Limits{HeadBytes: 82, TargetBytes: 8, Fields: 9}, 0},
		{"head", Limits{HeadBytes: 81, TargetBytes: 8, Fields: 9}, ReasonHeadTooLarge},
		{"target", Limits{HeadBytes: 82, TargetBytes: 7, Fields: 9}, ReasonTargetTooLong},
		{"fields", Limits{HeadBytes: 82, TargetBytes: 8, Fields: 8}, ReasonTooManyFields},
	}
	for _, tt := range tests {
		var r Request
		got := Reason(0)
		if err := parse(&r, "GET /1234567 HTTP/1.1\r\nHost: a\r\n"+fields+"\r\n", tt.lim); err != nil {
			got = err.Reason
		}
		if got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// said is what a request says, as strings; dropped lists the names of the fields that must not be forwarded.
type said struct {
	Method, Authority, Host string
	Port                    uint16
	Scheme, Path, Query     string
	HasQuery                bool
	Body                    BodyKind
	Length                  int64
	Close, Expect, Upgrade  bool
	Dropped                 string
}

func says(r *Request) said {
	var dropped []string
	for i, f := range r.Fields {
		if r.Drop(i) {
			dropped = append(dropped, string(f.Name))
		}
	}
	return said{string(r.Method), string(r.Authority), string(r.Host), r.Port, string(r.Scheme), string(r.Path),
		string(r.Query), r.HasQuery, r.Body, r.Length, !r.KeepAlive, r.Expect100, r.Upgrade, strings.Join(dropped, " ")}
}

func TestRequestAccepted(t *testing.T) {
	const host = "Host: a.test\r\n"
	const handshake = "GET /chat HTTP/1.1\r\n" + host +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
	at := func(path string) said { return said{Method: "GET", Authority: "a.test", Host: "a.test", Path: path} }
	with := func(s said, change func(*said)) said { change(&s); return s }
	tests := []struct {
		name, head string
		want       said
	}{
		{"origin-form", "GET /a HTTP/1.1\r\n" + host, at("/a")},
		{"query", "GET /a?b=c?d HTTP/1.1\r\n" + host, with(at("/a"), func(s *said) { s.Query, s.HasQuery = "b=c?d", true })},
		{"empty query", "GET /a? HTTP/1.1\r\n" + host, with(at("/a"), func(s *said) { s.HasQuery = true })},
		{"browsers send these raw", "GET /a|[]?{}|\\^` HTTP/1.1\r\n" + host,
			with(at("/a|[]"), func(s *said) { s.Query, s.HasQuery = "{}|\\^`", true })},
		{"absolute-form", "GET HTTP://A.test:8080/b?c HTTP/1.1\r\nHost: a.Test:8080\r\n",
			said{Method: "GET", Authority: "a.Test:8080", Host: "a.Test", Port: 8080, Scheme: "HTTP", Path: "/b", Query: "c", HasQuery: true}},
		{"absolute-form without path", "GET https://a.test?c HTTP/1.1\r\n" + host,
			with(at("/"), func(s *said) { s.Scheme, s.Query, s.HasQuery = "https", "c", true })},
		{"OPTIONS for all", "OPTIONS * HTTP/1.1\r\n" + host, with(at("*"), func(s *said) { s.Method = "OPTIONS" })},
		{"OPTIONS for all in absolute-form", "OPTIONS http://a.test HTTP/1.1\r\n" + host,
			with(at("*"), func(s *said) { s.Method, s.Scheme = "OPTIONS", "http" })},
		{"extension method", "M-SEARCH / HTTP/1.1\r\n" + host, with(at("/"), func(s *said) { s.Method = "M-SEARCH" })},
		{"IPv6 host", "GET / HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n",
			said{Method: "GET", Authority: "[2001:db8::1]:443", Host: "[2001:db8::1]", Port: 443, Path: "/"}},
		{"name in any case, value trimmed", "GET / HTTP/1.1\r\nhOsT:\t a.test \t\r\n", at("/")},
		{"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n", said{Method: "GET", Path: "/", Close: true}},
		{"HTTP/1.0 kept", "GET / HTTP/1.0\r\n" + host + "Connection: Keep-Alive\r\n",
			with(at("/"), func(s *said) { s.Dropped = "Connection" })},
		{"close wins", "GET / HTTP/1.1\r\n" + host + "Connection: keep-alive, CLOSE\r\n",
			with(at("/"), func(s *said) { s.Close, s.Dropped = true, "Connection" })},
		{"Content-Length", "GET / HTTP/1.1\r\n" + host + "Content-Length: 123456789012345678\r\n",
			with(at("/"), func(s *said) { s.Body, s.Length = BodyLength, 123456789012345678 })},
		{"Content-Length zero", "GET / HTTP/1.1\r\n" + host + "Content-Length: 0\r\n", at("/")},
		{"chunked", "GET / HTTP/1.1\r\n" + host + "Transfer-Encoding: Chunked\r\nTrailer: A\r\n",
			with(at("/"), func(s *said) { s.Body, s.Dropped = BodyChunked, "Transfer-Encoding" })},
		{"expectation", "GET / HTTP/1.1\r\n" + host + "Expect: 100-Continue\r\nContent-Length: 1\r\n",
			with(at("/"), func(s *said) { s.Body, s.Length, s.Expect = BodyLength, 1, true })},
		{"class 34 expectation without body", "GET / HTTP/1.1\r\n" + host + "Expect: 100-continue\r\n",
			with(at("/"), func(s *said) { s.Dropped = "Expect" })},
		{"class 34 expectation in HTTP/1.0", "GET / HTTP/1.0\r\n" + host + "Expect: 100-continue\r\nContent-Length: 1\r\n",
			with(at("/"), func(s *said) { s.Close, s.Body, s.Length, s.Dropped = true, BodyLength, 1, "Expect" })},
		{"9110 7.6.1 nominated", "GET / HTTP/1.1\r\nMine: 1\r\n" + host + "Connection: mine, , TE,Transfer-Encoding\r\nTE: trailers\r\nMINE: 2\r\n",
			with(at("/"), func(s *said) { s.Dropped = "Mine Connection TE MINE" })},
		{"hop by hop", "GET / HTTP/1.1\r\n" + host + "Proxy-Connection: a\r\nKeep-Alive: b\r\nProxy-Authorization: c\r\nTrailer: d\r\n",
			with(at("/"), func(s *said) { s.Dropped = "Proxy-Connection Keep-Alive Proxy-Authorization" })},
		{"9110 6.6.2 trailers that are dropped are not announced", "GET / HTTP/1.1\r\n" + host + "Trailer: a, Content-Length\r\nTrailer: b c\r\nTrailer: , d\r\n",
			with(at("/"), func(s *said) { s.Dropped = "Trailer Trailer" })},
		{"class 15 h2c is no upgrade", "GET / HTTP/1.1\r\n" + host + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
			with(at("/"), func(s *said) { s.Dropped = "Connection Upgrade HTTP2-Settings" })},
		{"9110 7.8 versions of protocols", "GET / HTTP/1.1\r\n" + host + "Connection: Upgrade\r\nUpgrade: HTTP/2.0, IRC/6.9\r\n",
			with(at("/"), func(s *said) { s.Dropped = "Connection Upgrade" })},
		{"harmless underscores", "GET / HTTP/1.1\r\n" + host + "my_id: 1\r\n", at("/")},
		{"octets above ASCII in a value", "GET / HTTP/1.1\r\n" + host + "A: \xc3\xa9\r\n", at("/")},
		{"websocket", handshake + "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n",
			with(at("/chat"), func(s *said) { s.Upgrade, s.Dropped = true, "Connection Upgrade" })},
		{"websocket with a length of zero", handshake + "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n",
			with(at("/chat"), func(s *said) { s.Upgrade, s.Dropped = true, "Connection Upgrade Content-Length" })},
		{"9110 7.8 Upgrade without Connection", handshake + "Upgrade: websocket\r\n",
			with(at("/chat"), func(s *said) { s.Dropped = "Upgrade" })},
	}
	var r Request
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := parse(&r, tt.head+"\r\n", Limits{}); err != nil {
				t.Fatalf("refused %q: %v", tt.head, err.Reason)
			}
			if diff := cmp.Diff(tt.want, says(&r)); diff != "" {
				t.Errorf("%q (-want +got):\n%s", tt.head, diff)
			}
		})
	}
}

func TestRequestKind(t *testing.T) {
	tests := []struct {
		method     string
		kind       RequestKind
		idempotent bool
	}{
		{"GET", RequestOrdinary, true}, {"HEAD", RequestHead, true}, {"POST", RequestOrdinary, false},
		{"PUT", RequestOrdinary, true}, {"DELETE", RequestOrdinary, true}, {"OPTIONS", RequestOrdinary, true},
		{"PATCH", RequestOrdinary, false}, {"PROPFIND", RequestOrdinary, false},
	}
	for _, tt := range tests {
		r := Request{Method: []byte(tt.method)}
		if r.Kind() != tt.kind || r.Idempotent() != tt.idempotent {
			t.Errorf("%s: kind %d, idempotent %v", tt.method, r.Kind(), r.Idempotent())
		}
	}
}

func TestAcceptKey(t *testing.T) {
	// RFC 6455 1.3
	if got := AcceptKey([]byte("dGhlIHNhbXBsZSBub25jZQ==")); string(got[:]) != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("got %s", got[:])
	}
}

func TestRequestReset(t *testing.T) {
	var r Request
	if err := parse(&r, "GET / HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n", Limits{}); err != nil {
		t.Fatal(err)
	}
	room := cap(r.Fields)
	r.Reset()
	if cap(r.Fields) != room || r.Method != nil || r.Fields[:2][1].Name != nil {
		t.Errorf("after Reset: %+v", r)
	}
}

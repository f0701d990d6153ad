package http1

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// forwarded writes a request the way a gateway forwards it: what is dropped is gone, the rest is as it came.
func forwarded(r *Request) []byte {
	b := fmt.Appendf(nil, "%s %s HTTP/1.%d\r\n", r.Method, r.Target, r.Minor)
	for i, f := range r.Fields {
		if !r.Drop(i) {
			b = AppendField(b, f.Name, f.Value)
		}
	}
	switch {
	case r.Upgrade:
		b = append(b, "Connection: Upgrade\r\nUpgrade: websocket\r\n"...)
	case r.KeepAlive && r.Minor == 0:
		b = append(b, "Connection: keep-alive\r\n"...)
	case !r.KeepAlive && r.Minor == 1:
		b = append(b, "Connection: close\r\n"...)
	}
	if r.Upgrade && !r.KeepAlive {
		b = append(b, "Connection: close\r\n"...)
	}
	if r.Body == BodyChunked {
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	return append(b, "\r\n"...)
}

func FuzzRequest(f *testing.F) {
	for _, s := range requestSeeds {
		f.Add([]byte(s), uint16(len(s)/2))
	}
	for _, s := range refusedRequests() {
		f.Add([]byte(s.head+"\r\n"), uint16(len(s.head)))
	}
	f.Fuzz(func(t *testing.T, raw []byte, at uint16) {
		end, err := headEndByOctet(raw)
		for _, cut := range []int{len(raw), min(int(at), len(raw))} {
			e, next, first := HeadEnd(raw[:cut], 0)
			if e == 0 && first == nil && cut < len(raw) {
				e, _, first = HeadEnd(raw, next)
			}
			if e != end || first != err {
				t.Fatalf("cut at %d: %d %v, octet by octet %d %v", cut, e, first, end, err)
			}
		}
		var r Request
		if end == 0 || r.Parse(raw[:end], Limits{}) != nil {
			return
		}
		if !bytes.HasSuffix(raw[:end], []byte("\r\n\r\n")) || bytes.Count(raw[:end], []byte("\r\n\r\n")) != 1 {
			t.Fatalf("the head does not end with its only empty line: %q", raw[:end])
		}
		agreeWithNetHTTP(t, raw[:end], &r)
		var again Request
		second := forwarded(&r)
		if e := parse(&again, string(second), Limits{HeadBytes: 1 << 20, Fields: 1000}); e != nil {
			t.Fatalf("%q forwarded as %q is refused: %v", raw[:end], second, e.Reason)
		}
		want, got := says(&r), says(&again)
		want.Dropped, got.Dropped = "", ""
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q forwarded as %q (-want +got):\n%s", raw[:end], second, diff)
		}
	})
}

// agreeWithNetHTTP checks that another parser takes from an accepted head the same message: it must accept it and see
// the same framing. It is more liberal, so what it accepts says nothing about what is refused here.
func agreeWithNetHTTP(t *testing.T, head []byte, r *Request) {
	t.Helper()
	theirs, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		// Its URL parser checks escapes, which gatewayd/table does for us; a Trailer that it refuses is dropped. Nothing else
		// may divide us.
		if s := err.Error(); strings.Contains(s, "bad trailer key") || strings.Contains(s, "invalid URL escape") || strings.Contains(s, "invalid URI") ||
			strings.Contains(s, "parse \"") {
			return
		}
		t.Fatalf("net/http refuses %q: %v", head, err)
	}
	length := r.Length
	if r.Body == BodyChunked {
		length = -1
	}
	if theirs.ContentLength != length {
		t.Fatalf("length %d, net/http %d in %q", length, theirs.ContentLength, head)
	}
	if theirs.Method != string(r.Method) || theirs.ProtoMinor != r.Minor {
		t.Fatalf("%s HTTP/1.%d, net/http %s %s in %q", r.Method, r.Minor, theirs.Method, theirs.Proto, head)
	}
	if !strings.EqualFold(theirs.Host, string(r.Authority)) {
		t.Fatalf("host %q, net/http %q in %q", r.Authority, theirs.Host, head)
	}
}

var requestSeeds = []string{
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n", browserHead, handshakeHead,
	"POST http://a:80/b?c HTTP/1.1\r\nHost: A:80\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\nTE: trailers\r\n\r\n5\r\n",
	"PUT /x HTTP/1.0\r\nContent-Length: 12\r\nConnection: keep-alive, x-y\r\nX-Y: 1\r\nExpect: 100-continue\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: [::1]:8080\r\nX_Forwarded_For: a\r\n\r\n",
	"GET / HTTP/1.1\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n", "\r\nGET / HTTP/1.1\r\n\r\n",
	"GET /a#b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}

func FuzzResponse(f *testing.F) {
	for _, s := range []string{
		responseHead, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: x\r\nX: y\r\n\r\n", "HTTP/1.0 404\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
		"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", "HTTP/1.1 99999 X\r\n\r\n",
	} {
		f.Add([]byte(s), uint8(0))
		f.Add([]byte(s), uint8(RequestUpgrade))
	}
	f.Fuzz(func(t *testing.T, raw []byte, kind uint8) {
		k := RequestKind(kind % 3)
		end, err := headEndByOctet(raw)
		if whole, _, e := HeadEnd(raw, 0); whole != end || e != err {
			t.Fatalf("whole %d %v, octet by octet %d %v", whole, e, end, err)
		}
		var r Response
		if end == 0 {
			return
		}
		if e := r.Parse(raw[:end], k, Limits{}); e != nil {
			if e.Status != 502 {
				t.Fatalf("status %d", e.Status)
			}
			return
		}
		b := fmt.Appendf(nil, "HTTP/1.%d %03d %s\r\n", r.Minor, r.Status, r.Reason)
		for i, f := range r.Fields {
			if !r.Drop(i) {
				b = AppendField(b, f.Name, f.Value)
			}
		}
		switch {
		case r.Upgrade:
			b = append(b, "Connection: Upgrade\r\nUpgrade: websocket\r\n"...)
		case !r.KeepAlive:
			b = append(b, "Connection: close\r\n"...)
		case r.Minor == 0:
			b = append(b, "Connection: keep-alive\r\n"...)
		}
		if r.Body == BodyChunked {
			b = append(b, "Transfer-Encoding: chunked\r\n"...)
		}
		var again Response
		if e := again.Parse(append(b, "\r\n"...), k, Limits{HeadBytes: 1 << 20, Fields: 1000}); e != nil {
			t.Fatalf("%q forwarded as %q is refused: %v", raw[:end], b, e.Reason)
		}
		want, got := answers(&r), answers(&again)
		want.Dropped, got.Dropped = "", ""
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q forwarded as %q (-want +got):\n%s", raw[:end], b, diff)
		}
	})
}

func FuzzBody(f *testing.F) {
	for _, s := range []string{
		"5\r\nhello\r\n0\r\n\r\nGET", "5;a=b;c=\"d\\\"\"\r\nhello\r\n0\r\nSum: 1\r\n\r\n", "0000a\r\n0123456789\r\n0\r\n\r\n",
		"0x5\r\nhello", "5\nhello", "5\r\nhelloo\r\n", "10000000000000005\r\nhello", "1 ;a\r\nb\r\n0\r\n\r\n",
	} {
		f.Add([]byte(s), uint16(3))
	}
	f.Fuzz(func(t *testing.T, raw []byte, piece uint16) {
		payload, used, trailer, err := follow(BodyChunked, 0, raw, len(raw)+1)
		for _, size := range []int{1, int(piece%1024) + 1} {
			p, u, tr, e := follow(BodyChunked, 0, raw, size)
			if !bytes.Equal(p, payload) || e != err || e == nil && u != used {
				t.Fatalf("by %d: %q %d %v, whole %q %d %v", size, p, u, e, payload, used, err)
			}
			if (tr == nil) != (trailer == nil) || tr != nil && len(tr.Fields) != len(trailer.Fields) {
				t.Fatalf("by %d: another trailer", size)
			}
		}
		if err != nil {
			return
		}
		// Another reader must take the same payload from what is complete, and read as many octets up to the trailer.
		rest := bufio.NewReader(bytes.NewReader(raw))
		theirs, e := io.ReadAll(httputil.NewChunkedReader(rest))
		if e != nil && !errors.Is(e, io.ErrUnexpectedEOF) || !bytes.Equal(theirs, payload) {
			t.Fatalf("%q: payload %q, net/http %q %v", raw, payload, theirs, e)
		}
		// What is framed again must say the same.
		again := AppendLastChunk(append(AppendChunkHead(nil, max(1, len(payload))), append(bytes.Clone(payload), ChunkEnd...)...), trailer)
		if len(payload) == 0 {
			again = AppendLastChunk(nil, trailer)
		}
		p, u, _, e2 := follow(BodyChunked, 0, again, len(again))
		if e2 != nil || u != len(again) || !bytes.Equal(p, payload) {
			t.Fatalf("framed again: %q %d of %d, %v", p, u, len(again), e2)
		}
	})
}

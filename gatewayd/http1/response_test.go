package http1

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parseResponse(r *Response, raw string, kind RequestKind) *Error {
	end, _, err := HeadEnd([]byte(raw), 0)
	if err != nil {
		return err.Upstream()
	}
	if end == 0 {
		return Refusal(ReasonIncompleteHead).Upstream()
	}
	return r.Parse([]byte(raw)[:end], kind, Limits{})
}

func TestResponseRefused(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	const to101 = "HTTP/1.1 101 Switching Protocols\r\n"
	const both = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	const accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	tests := []struct {
		name, head string
		kind       RequestKind
		want       Reason
	}{
		{"class 10 TLS alert in clear", "\x15\x03\x01\x00\x02\x02\x0a", 0, ReasonNUL},
		{"class 10 another protocol", "220 mail.test ESMTP\r\n", 0, ReasonBadStatusLine},
		{"class 11 status of five digits", "HTTP/1.1 99999 OK\r\n", 0, ReasonBadStatus},
		{"class 11 status of four digits", "HTTP/1.1 2000\r\n", 0, ReasonBadStatus},
		{"class 11 status of two digits", "HTTP/1.1 20 OK\r\n", 0, ReasonBadStatusLine},
		{"9110 15 status below 100", "HTTP/1.1 099 OK\r\n", 0, ReasonBadStatus},
		{"9110 15 status above 599", "HTTP/1.1 600 OK\r\n", 0, ReasonBadStatus},
		{"9112 4 status with a sign", "HTTP/1.1 +20 OK\r\n", 0, ReasonBadStatus},
		{"9112 4 letters behind the status", "HTTP/1.1 200OK\r\n", 0, ReasonBadStatusLine},
		{"9112 4 tab", "HTTP/1.1\t200 OK\r\n", 0, ReasonBadStatusLine},
		{"9112 4 no status", "HTTP/1.1\r\n", 0, ReasonBadStatusLine},
		{"9112 4 control character in the reason", "HTTP/1.1 200 \x01\r\n", 0, ReasonControlCharacter},
		{"9112 2.3 another version", "HTTP/2.0 200 OK\r\n", 0, ReasonUnsupportedVersion},
		{"9112 2.3 ICY", "ICY/1.10 200 OK\r\n", 0, ReasonBadVersion},
		{"class 8 NUL", ok + "A: b\x00\r\n", 0, ReasonNUL},
		{"class 8 bare LF", ok + "A: b\n", 0, ReasonBareLF},
		{"9112 5.2 folded line", ok + "A: b\r\n c\r\n", 0, ReasonObsFold},
		{"9112 5.1 space before the colon", ok + "A : b\r\n", 0, ReasonSpaceBeforeColon},
		{"class 11 two CL", ok + "Content-Length: 5\r\nContent-Length: 6\r\n", 0, ReasonDuplicateContentLength},
		{"class 11 two equal CL", ok + "Content-Length: 5\r\nContent-Length: 5\r\n", 0, ReasonDuplicateContentLength},
		{"class 11 CL list", ok + "Content-Length: 5,5\r\n", 0, ReasonBadContentLength},
		{"class 11 two CL for HEAD", ok + "Content-Length: 5\r\nContent-Length: 6\r\n", RequestHead, ReasonDuplicateContentLength},
		{"class 1 CL and TE", ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 0, ReasonLengthAndTransferEncoding},
		{"9112 6.1 gzip, chunked", ok + "Transfer-Encoding: gzip, chunked\r\n", 0, ReasonBadTransferEncoding},
		{"class 7 TE in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n", 0, ReasonTransferEncodingHTTP10},
		{"class 22 nominates Set-Cookie", ok + "Connection: Set-Cookie\r\n", 0, ReasonEssentialNominated},
		{"101 nobody asked for", to101 + both + accept, RequestOrdinary, ReasonUnaskedUpgrade},
		{"101 for HEAD", to101 + both + accept, RequestHead, ReasonUnaskedUpgrade},
		{"class 12 101 without Upgrade", to101 + "Connection: Upgrade\r\n" + accept, RequestUpgrade, ReasonBadSwitch},
		{"class 12 101 without Connection", to101 + "Upgrade: websocket\r\n" + accept, RequestUpgrade, ReasonBadSwitch},
		{"class 12 101 without Accept", to101 + both, RequestUpgrade, ReasonBadSwitch},
		{"class 12 101 with two Accepts", to101 + both + accept + accept, RequestUpgrade, ReasonBadSwitch},
		{"class 15 101 to h2c", to101 + "Connection: Upgrade\r\nUpgrade: h2c\r\n" + accept, RequestUpgrade, ReasonBadSwitch},
		{"class 15 101 to websocket and h2c", to101 + both + "Upgrade: h2c\r\n" + accept, RequestUpgrade, ReasonBadSwitch},
		{"101 with a length", to101 + both + accept + "Content-Length: 5\r\n", RequestUpgrade, ReasonBadSwitch},
		{"101 with chunked", to101 + both + accept + "Transfer-Encoding: chunked\r\n", RequestUpgrade, ReasonBadSwitch},
		{"101 in HTTP/1.0", "HTTP/1.0 101 Switching\r\n" + both + accept, RequestUpgrade, ReasonBadSwitch},
	}
	var r Response
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := parseResponse(&r, tt.head+"\r\n", tt.kind)
			if err == nil {
				t.Fatalf("accepted %q, want %v", tt.head, tt.want)
			}
			if err.Reason != tt.want || err.Status != 502 {
				t.Errorf("got %d %v, want 502 %v for %q", err.Status, err.Reason, tt.want, tt.head)
			}
		})
	}
}

// answered is what a response says, as strings.
type answered struct {
	Status          int
	Reason          string
	Body            BodyKind
	Length          int64
	Close           bool
	Upgrade         bool
	Interim         bool
	Accept, Dropped string
}

func answers(r *Response) answered {
	var dropped []string
	for i, f := range r.Fields {
		if r.Drop(i) {
			dropped = append(dropped, string(f.Name))
		}
	}
	return answered{r.Status, string(r.Reason), r.Body, r.Length, !r.KeepAlive, r.Upgrade, r.Interim(),
		string(r.Accept), strings.Join(dropped, " ")}
}

func TestResponseAccepted(t *testing.T) {
	tests := []struct {
		name, head string
		kind       RequestKind
		want       answered
	}{
		{"Content-Length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", 0, answered{Status: 200, Reason: "OK", Body: BodyLength, Length: 5}},
		{"empty", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n", 0, answered{Status: 404, Reason: "Not Found"}},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", 0, answered{Status: 200, Reason: "OK", Body: BodyChunked, Dropped: "Transfer-Encoding"}},
		{"until close", "HTTP/1.1 200 OK\r\n", 0, answered{Status: 200, Reason: "OK", Body: BodyUntilClose, Close: true}},
		{"HTTP/1.0 kept", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n", 0,
			answered{Status: 200, Reason: "OK", Body: BodyLength, Length: 1, Dropped: "Connection"}},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n", 0, answered{Status: 200, Reason: "OK", Body: BodyLength, Length: 1, Close: true}},
		{"HTTP/1.0 kept until close", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", 0,
			answered{Status: 200, Reason: "OK", Body: BodyUntilClose, Close: true, Dropped: "Connection"}},
		{"close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n", 0,
			answered{Status: 200, Reason: "OK", Body: BodyLength, Length: 1, Close: true, Dropped: "Connection"}},
		{"reason empty", "HTTP/1.1 200 \r\nContent-Length: 0\r\n", 0, answered{Status: 200}},
		{"reason missing", "HTTP/1.1 200\r\nContent-Length: 0\r\n", 0, answered{Status: 200}},
		{"HEAD keeps its length field", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", RequestHead, answered{Status: 200, Reason: "OK"}},
		{"HEAD chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", RequestHead, answered{Status: 200, Reason: "OK", Dropped: "Transfer-Encoding"}},
		{"HEAD without framing", "HTTP/1.1 200 OK\r\n", RequestHead, answered{Status: 200, Reason: "OK"}},
		{"304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n", 0, answered{Status: 304, Reason: "Not Modified"}},
		{"204", "HTTP/1.1 204 No Content\r\n", 0, answered{Status: 204, Reason: "No Content"}},
		{"204 with a length of zero", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n", 0, answered{Status: 204, Reason: "No Content", Dropped: "Content-Length"}},
		{"class 10 204 that promises a body", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n", 0,
			answered{Status: 204, Reason: "No Content", Close: true, Dropped: "Content-Length"}},
		{"class 10 204 chunked", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n", 0,
			answered{Status: 204, Reason: "No Content", Close: true, Dropped: "Transfer-Encoding"}},
		{"100", "HTTP/1.1 100 Continue\r\n", 0, answered{Status: 100, Reason: "Continue", Interim: true}},
		{"103", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n", 0, answered{Status: 103, Reason: "Early Hints", Interim: true}},
		{"Connection names Transfer-Encoding", "HTTP/1.1 200 OK\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n", 0,
			answered{Status: 200, Reason: "OK", Body: BodyChunked, Dropped: "Connection Transfer-Encoding"}},
		{"offer of h2", "HTTP/1.1 200 OK\r\nConnection: Upgrade\r\nUpgrade: h2,h2c\r\nContent-Length: 0\r\n", 0,
			answered{Status: 200, Reason: "OK", Dropped: "Connection Upgrade"}},
		{"underscores are the backend's affair", "HTTP/1.1 200 OK\r\nX_Request_Id: 1\r\nContent-Length: 0\r\n", 0, answered{Status: 200, Reason: "OK"}},
		{"101", "HTTP/1.1 101 Switching Protocols\r\nUPGRADE: WebSocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: x\r\nContent-Length: 0\r\n",
			RequestUpgrade, answered{Status: 101, Reason: "Switching Protocols", Close: true, Upgrade: true, Accept: "x", Dropped: "UPGRADE Connection Content-Length"}},
		{"class 19 refused upgrade", "HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n", RequestUpgrade,
			answered{Status: 403, Reason: "Forbidden", Body: BodyLength, Length: 3}},
		{"class 12 200 for an upgrade", "HTTP/1.1 200 OK\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", RequestUpgrade,
			answered{Status: 200, Reason: "OK", Body: BodyUntilClose, Close: true, Dropped: "Connection Upgrade"}},
	}
	var r Response
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := parseResponse(&r, tt.head+"\r\n", tt.kind); err != nil {
				t.Fatalf("refused %q: %v", tt.head, err.Reason)
			}
			if diff := cmp.Diff(tt.want, answers(&r)); diff != "" {
				t.Errorf("%q (-want +got):\n%s", tt.head, diff)
			}
		})
	}
}

func TestResponseLimits(t *testing.T) {
	var r Response
	for want, lim := range map[Reason]Limits{
		0:                   {HeadBytes: len(responseHead), Fields: 7},
		ReasonHeadTooLarge:  {HeadBytes: len(responseHead) - 1},
		ReasonTooManyFields: {Fields: 6},
	} {
		if err := r.Parse([]byte(responseHead), RequestOrdinary, lim); reasonOf(err) != want || err != nil && err.Status != 502 {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	r.Reset()
	if r.Status != 0 || len(r.Fields) != 0 || r.Fields[:1][0].Name != nil {
		t.Errorf("after Reset: %+v", r)
	}
}

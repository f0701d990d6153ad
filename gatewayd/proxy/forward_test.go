package proxy

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var requestID = regexp.MustCompile(`X-Request-Id: [0-9a-f]{32}\r\n`)

// own is what the gateway adds to a request of "Host: a.test", with its random and changing parts settled.
const own = "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 80\r\n" +
	"X-Forwarded-Host: a.test\r\nX-Original-Host: a.test\r\nX-Request-Id: ID\r\nCDN-Loop: gatewayd\r\n"

func settled(s string) string { return requestID.ReplaceAllString(s, "X-Request-Id: ID\r\n") }

// inHTTP is a head as it is where the client does not speak TLS.
func inHTTP(s string) string {
	if overTLS {
		s = strings.ReplaceAll(s, "X-Forwarded-Proto: https\r\n", "X-Forwarded-Proto: http\r\n")
	}
	return s
}

// Each case is one connection: what the client sends, what the backend gets and answers, what the client gets.
func TestForms(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for _, c := range []struct {
		name, send, got, answer, want string
	}{
		{
			"plain", "GET /p/Q?a=%41 HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\n\r\n",
			"GET /p/Q?a=%41 HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\n" + own + "\r\n",
			"HTTP/1.1 200 Fine\r\nServer: s\r\nContent-Length: 2\r\n\r\nhi",
			"HTTP/1.1 200 Fine\r\nServer: s\r\nContent-Length: 2\r\n\r\nhi",
		},
		{
			"hop-by-hop and forged fields",
			"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: x-mine, keep-alive\r\nKeep-Alive: 5\r\nX-Mine: 1\r\nTE: gzip\r\nProxy-Authorization: p\r\n" +
				"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Prefix: /evil\r\nX-Real-IP: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Request-Id: forged\r\nX-Original-Host: evil\r\nUpgrade: h2c\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: a.test\r\n" + own + "\r\n",
			"HTTP/1.1 200 OK\r\nConnection: x-b\r\nX-B: 1\r\nKeep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n",
			"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		},
		{
			"absolute form and dot-segments", "GET http://a.test/a/../b/./c?q=/../ HTTP/1.1\r\nHost: a.test\r\n\r\n",
			"GET /b/c?q=/../ HTTP/1.1\r\nHost: a.test\r\n" + own + "\r\n", ok("x"), ok("x"),
		},
		{
			"the whole server", "OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n",
			"OPTIONS * HTTP/1.1\r\nHost: a.test\r\n" + own + "\r\n", ok("x"), ok("x"),
		},
		{
			"empty line before a request", "\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: a.test\r\n" + own + "\r\n", ok("x"), ok("x"),
		},
		{
			"length both ways", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5000\r\n\r\n" + long,
			"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5000\r\n" + own + "\r\n" + long, ok(long), ok(long),
		},
		{
			"chunks are framed anew and trailers pass both ways",
			"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\nConnection: TE\r\nTrailer: X-Sum\r\n\r\n" +
				"0003;ext=1\r\nabc\r\n1\r\nd\r\n000\r\nX-Sum: 7\r\nContent-Length: 9\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: a.test\r\nTrailer: X-Sum\r\n" + own + "Transfer-Encoding: chunked\r\nConnection: TE\r\nTE: trailers\r\n\r\n" +
				"3\r\nabc\r\n1\r\nd\r\n0\r\nX-Sum: 7\r\n\r\n",
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n02;x\r\nhi\r\n0\r\nX-T: 1\r\nHost: evil\r\n\r\n",
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-T: 1\r\n\r\n",
		},
		{
			"empty chunked bodies", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: a.test\r\n" + own + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		},
		{
			"an answer until close becomes chunks", "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET / HTTP/1.1\r\nHost: a.test\r\n" + own + "\r\n",
			"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nuntil\r\n0\r\n\r\n",
		},
		{
			"HEAD", "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n", "HEAD / HTTP/1.1\r\nHost: a.test\r\n" + own + "\r\n",
			"HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n",
		},
		{
			"204 and 304", "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET / HTTP/1.1\r\nHost: a.test\r\n" + own + "\r\n",
			"HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n", "HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n",
		},
		{
			"304 with a length", "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET / HTTP/1.1\r\nHost: a.test\r\n" + own + "\r\n",
			"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
		},
		{
			"interim heads pass", "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET / HTTP/1.1\r\nHost: a.test\r\n" + own + "\r\n",
			"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + ok("x"),
			"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + ok("x"),
		},
		{
			"HTTP/1.0 gets no chunks", "GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: a.test\r\n" + own + "\r\n",
			"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\nX-T: 1\r\n\r\n",
			"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhi!",
		},
		{
			"HTTP/1.0 keeps alive when asked", "GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: a.test\r\n" + own + "\r\n", ok("x"),
			"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\nx",
		},
		{
			"426 keeps its offer", "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET / HTTP/1.1\r\nHost: a.test\r\n" + own + "\r\n",
			"HTTP/1.1 426 Upgrade Required\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n",
			"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := answering(t, c.answer)
			r := newRig(t, nil, s.addr)
			head := strings.Index(c.send, "\r\n\r\n") + 4
			for _, step := range []int{head, 1} { // whole, and byte by byte
				p := r.dial()
				for i := 0; i < head; i += step {
					p.send(c.send[i : i+step])
				}
				p.send(c.send[head:])
				if d := cmp.Diff(c.want, p.bytes(len(c.want))); d != "" {
					t.Errorf("the client got (-want +got):\n%s", d)
				}
				p.Close()
			}
			for _, head := range s.got() {
				if d := cmp.Diff(c.got, inHTTP(settled(head))); d != "" {
					t.Errorf("the backend got (-want +got):\n%s", d)
				}
			}
		})
	}
}

// A head may be as long as its listener allows: over a new connection, over a kept one, and on another target.
func TestLongestHead(t *testing.T) {
	for _, fromTarget := range []bool{false, true} {
		dead := newServer(t, func(p *peer) { p.message() })
		good := answering(t, ok("x"))
		r := newRig(t, func(r *rig) {
			r.listener.MaxHeaderBytes = 65536
			r.setting.HostFromTarget = fromTarget
		}, good.addr, dead.addr)
		head := func(size int) string {
			h := "GET / HTTP/1.1\r\nHost: a\r\nX: "
			return h + strings.Repeat("x", size-len(h)-4) + "\r\n\r\n"
		}
		p := r.dial()
		for range 4 {
			p.send(head(65536))
			p.expect(200, "x")
		}
		for _, got := range good.got() {
			host := "Host: a\r\n"
			if fromTarget {
				host = "Host: " + good.addr.String() + "\r\n"
			}
			if strings.Count(got, "x") < 65500 || !strings.Contains(got, host) || !strings.Contains(got, "\r\nX-Request-Id: ") {
				t.Errorf("the backend got %d bytes: %.100q ... %q", len(got), got, got[len(got)-300:])
			}
		}
		if s := r.stats(); s.Retries == 0 {
			t.Errorf("the dead target was never picked")
		}
		p.send(head(65537))
		if h := p.expect(431, "*"); h.Get("Gatewayd-Reason") != "head_too_large" {
			t.Errorf("a longer head got %v", h)
		}
	}
}

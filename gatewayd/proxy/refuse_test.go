package proxy

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
	"golang.org/x/sys/unix"
)

// nobody is an address that refuses connections.
func nobody(t *testing.T) netip.AddrPort {
	s := newServer(t, func(*peer) {})
	s.ln.Close()
	return s.addr
}

// What the gateway answers itself: status, reason, and whether the connection goes on.
func TestRefusals(t *testing.T) {
	closing := answering(t, "")
	for _, c := range []struct {
		name, send string
		status     int
		reason     string
		keep       bool
		change     func(*rig)
		target     netip.AddrPort
	}{
		{name: "bare LF", send: "GET / HTTP/1.1\nHost: a\n\n", status: 400, reason: "bare_lf"},
		{name: "no host", send: "GET / HTTP/1.1\r\n\r\n", status: 400, reason: "missing_host"},
		{name: "both lengths", send: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", status: 400, reason: "length_and_transfer_encoding"},
		{name: "unknown coding", send: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", status: 501, reason: "bad_transfer_encoding"},
		{name: "CONNECT", send: "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", status: 405, reason: "method_not_allowed"},
		{name: "expectation", send: "POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 1\r\n\r\nx", status: 417, reason: "bad_expect"},
		{name: "target", send: "GET /" + strings.Repeat("x", 33000) + " HTTP/1.1\r\nHost: a\r\n\r\n", status: 414, reason: "target_too_long",
			change: func(r *rig) { r.listener.MaxHeaderBytes = 65536 }},
		{name: "target above the limit", send: "GET /" + strings.Repeat("x", 999) + "?" + strings.Repeat("y", 24) + " HTTP/1.1\r\nHost: a\r\n\r\n", status: 414, reason: "target_too_long",
			change: func(r *rig) { r.listener.MaxURLBytes = 1024 }},
		{name: "body above the limit", send: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world", status: 413, reason: "body_too_large", keep: true,
			change: func(r *rig) { r.listener.MaxBodyBytes = 10 }},
		{name: "body above the limit that is waited for", send: "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n", status: 413, reason: "body_too_large",
			change: func(r *rig) { r.listener.MaxBodyBytes = 10 }},
		{name: "body far above the limit", send: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999999\r\n\r\n", status: 413, reason: "body_too_large",
			change: func(r *rig) { r.listener.MaxBodyBytes = 10 }},
		{name: "chunks above the limit at once", send: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n", status: 413, reason: "body_too_large",
			change: func(r *rig) { r.listener.MaxBodyBytes = 10 }},
		{name: "head", send: "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 33000), status: 431, reason: "head_too_large"},
		{name: "fields", send: "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: 1\r\n", 200) + "\r\n", status: 431, reason: "too_many_fields"},
		{name: "version", send: "GET / HTTP/2.0\r\nHost: a\r\n\r\n", status: 505, reason: "unsupported_version"},
		{name: "websocket version", send: "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", status: 426, reason: "bad_websocket_version"},
		{name: "path", send: "GET /%2e%2e/x HTTP/1.1\r\nHost: a\r\n\r\n", status: 400, reason: "bad_path", keep: true},
		{name: "listener", send: "GET / HTTP/1.1\r\nHost: b\r\n\r\n", status: 404, reason: "no_listener", keep: true,
			change: func(r *rig) { r.listener.Hostnames = []string{"a"} }},
		{name: "rule", send: "GET /b HTTP/1.1\r\nHost: a\r\n\r\n", status: 404, reason: "no_rule", keep: true,
			change: func(r *rig) { r.rules[0].Match = &spec.Match{Paths: []string{"/a"}} }},
		{name: "rule, with a body that is thrown away", send: "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", status: 404, reason: "no_rule", keep: true,
			change: func(r *rig) { r.rules[0].Match = &spec.Match{Paths: []string{"/a"}} }},
		{name: "too many gateways", send: "GET / HTTP/1.1\r\nHost: a\r\nCDN-Loop: gatewayd, other,gatewayd;a=b , gatewayd\r\n" + strings.Repeat("cdn-loop: gatewayd\r\n", maxHops-3) + "\r\n",
			status: 508, reason: "request_loop", keep: true},
		{name: "empty pool", send: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", status: 502, reason: "no_backend", keep: true,
			change: func(r *rig) { r.targets() }},
		{name: "nobody there", send: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", status: 502, reason: "connect_failed", keep: true, target: nobody(t)},
		{name: "no answer", send: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", status: 502, reason: "backend_closed", keep: true, target: closing.addr},
		{name: "no answer to HEAD", send: "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", status: 502, reason: "backend_closed", keep: true, target: closing.addr},
		{name: "broken chunk", send: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\n", status: 400, reason: "bad_chunk_size"},
		{name: "body cut short", send: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabFIN", status: 400, reason: "truncated_body"},
		{name: "slow head", send: "GET / HT", status: 408, reason: "slow_request",
			change: func(r *rig) { r.listener.HeaderTimeout = "100ms" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := c.target
			if !target.IsValid() {
				target = answering(t, ok("unreached")).addr
			}
			r := newRig(t, c.change, target)
			p := r.dial()
			send, fin := strings.CutSuffix(c.send, "FIN")
			p.send(send)
			if fin {
				p.CloseWrite()
			}
			method, _, _ := strings.Cut(c.send, " ")
			status, header, body := p.answer(method)
			if status != c.status || header.Get("Gatewayd-Reason") != c.reason {
				t.Fatalf("got %d for %s, want %d for %s", status, header.Get("Gatewayd-Reason"), c.status, c.reason)
			}
			if want := fmt.Sprint(c.status, " "); method != "HEAD" && !strings.HasPrefix(body, want) {
				t.Errorf("the body is %q, want it to begin with %q", body, want)
			}
			if c.keep != (header.Get("Connection") != "close") {
				t.Errorf("Connection is %q", header.Get("Connection"))
			}
			if !c.keep {
				if rest := p.rest(); rest != "" {
					t.Errorf("behind the answer came %q", rest)
				}
				return
			}
			p.send("GET /%5c HTTP/1.1\r\nHost: a\r\n\r\n")
			if h := p.expect(400, "*"); h.Get("Gatewayd-Reason") != "bad_path" {
				t.Errorf("the next request got %v", h)
			}
		})
	}
}

// What a backend may not answer.
func TestBadAnswers(t *testing.T) {
	for _, c := range []struct{ name, answer, reason string }{
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", "duplicate_content_length"},
		{"status", "HTTP/1.1 99999 OK\r\n\r\n", "bad_status"},
		{"NUL", "HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n", "nul"},
		{"not HTTP", "SSH-2.0-OpenSSH\r\n\r\n", "bad_status_line"},
		{"101 for nothing", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "unasked_upgrade"},
		{"interims without end", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 20), "too_many_interims"},
		{"head without end", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 70000), "head_too_large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := answering(t, c.answer)
			r := newRig(t, nil, s.addr)
			p := r.dial()
			p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			for {
				status, header, _ := p.answer("GET")
				if status == 103 {
					continue
				}
				if status != 502 || header.Get("Gatewayd-Reason") != c.reason {
					t.Fatalf("got %d for %s, want 502 for %s", status, header.Get("Gatewayd-Reason"), c.reason)
				}
				break
			}
			p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			p.head()
			if n := s.conns.Load(); n != 2 {
				t.Errorf("the backend saw %d connections, want a new one behind a bad answer", n)
			}
		})
	}
}

// An answer that breaks off must not look whole.
func TestAnswerCutShort(t *testing.T) {
	for _, c := range []struct{ name, request, answer string }{
		{"length", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"},
		{"chunks", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n"},
		{"broken chunks", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\n"},
		{"chunks to HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t, func(p *peer) {
				p.message()
				p.send(c.answer)
			})
			r := newRig(t, nil, s.addr)
			p := r.dial()
			p.send(c.request)
			status, _, err := p.tryAnswer()
			if status != 0 && err == nil {
				t.Errorf("the client took it for a whole answer")
			}
			until(t, "the exchange is over", func() bool { return r.stats().Open == 0 })
			if n := r.stats().Aborted; n != 1 {
				t.Errorf("%d answers were counted as cut short", n)
			}
		})
	}
}

// Whatever stands behind an answer belongs to no request.
func TestBytesBehindAnAnswer(t *testing.T) {
	s := answering(t, ok("one")+ok("two"))
	r := newRig(t, nil, s.addr)
	p := r.dial()
	for range 3 {
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		p.expect(200, "one")
	}
	if n := s.conns.Load(); n != 3 {
		t.Errorf("the backend saw %d connections, want 3", n)
	}
}

// An idle connection that is sent bytes is not a request's any more.
func TestUnaskedAnswer(t *testing.T) {
	sent := make(chan bool, 1)
	s := newServer(t, func(p *peer) {
		if _, _, ok := p.message(); !ok {
			return
		}
		p.send(ok("one"))
		p.send("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		sent <- true
		p.gone()
	})
	r := newRig(t, nil, s.addr)
	for range 2 {
		p := r.dial()
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		p.expect(200, "one")
		<-sent
		until(t, "the connection is closed", func() bool { return r.stats().Idle == 0 })
	}
}

// full is an address that answers no connect: its backlog is full.
func full(t *testing.T) netip.AddrPort {
	t.Helper()
	socket := func() int {
		fd, err := loop.Socket(unix.AF_INET)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	fd := socket()
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		unix.Connect(socket(), at)
	}
	in := at.(*unix.SockaddrInet4)
	return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), uint16(in.Port))
}

func TestConnectTimeout(t *testing.T) {
	short := func(r *rig) { r.setting.ConnectTimeout = "50ms" }
	r := newRig(t, short, full(t))
	p := r.dial()
	p.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab")
	if h := p.expect(502, "*"); h.Get("Gatewayd-Reason") != "connect_timeout" {
		t.Errorf("got %v", h)
	}
	if n := r.stats().Failures; n != 1 {
		t.Errorf("%d failures of a target, want 1", n)
	}
	if outTLS {
		return // The other target's handshake may take as long.
	}
	// Nothing has reached a backend, so another one may have it, whatever the method.
	r = newRig(t, short, full(t), answering(t, ok("good")).addr)
	for range 3 {
		p = r.dial()
		p.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab")
		p.expect(200, "good")
	}
}

func TestRequestTimeout(t *testing.T) {
	s := newServer(t, func(p *peer) { p.message(); p.gone() })
	r := newRig(t, func(r *rig) { r.setting.RequestTimeout = "1s" }, s.addr)
	begin := time.Now()
	p := r.dial()
	p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if h := p.expect(504, "*"); h.Get("Gatewayd-Reason") != "request_timeout" {
		t.Errorf("got %v", h)
	}
	if time.Since(begin) < time.Second {
		t.Errorf("the answer came before its time")
	}
}

func TestSlowBodies(t *testing.T) {
	s := newServer(t, func(p *peer) {
		head, _, _ := p.message()
		if strings.HasPrefix(head, "GET") {
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
			p.gone()
		}
	})
	r := newRig(t, func(r *rig) { r.setting.StreamIdleTimeout = "200ms" }, s.addr)
	p := r.dial()
	p.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
	if h := p.expect(408, "*"); h.Get("Gatewayd-Reason") != "slow_body" {
		t.Errorf("a slow upload got %v", h)
	}
	p = r.dial()
	p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if got := p.rest(); !strings.HasSuffix(got, "\r\n\r\nab") {
		t.Errorf("a slow answer ended as %q", got)
	}
}

func TestKeepAliveTimeouts(t *testing.T) {
	s := answering(t, ok("x"))
	r := newRig(t, func(r *rig) { r.listener.KeepAliveTimeout = "1s"; r.setting.KeepAlive.IdleTimeout = "100ms" }, s.addr)
	silent, p := r.dial(), r.dial()
	p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	p.expect(200, "x")
	until(t, "the idle connection to the backend is closed", func() bool {
		stocks := 0
		r.on(func() { stocks = len(r.w.stocks) })
		return r.stats().Idle == 0 && stocks == 0
	})
	if got := p.rest(); got != "" {
		t.Errorf("an idle connection was sent %q", got)
	}
	if got := silent.rest(); got != "" {
		t.Errorf("a silent connection was sent %q", got)
	}
}

// assign bridges what systems differ in: a limit has a sign or none.
func assign[T ~int64 | ~uint64](to *T, n int) { *to = T(n) }

// Descriptors that have run out are the gateway's fault and not the target's, and soon there again.
func TestNoDescriptorIsLeft(t *testing.T) {
	r := newRig(t, nil, answering(t, ok("x")).addr)
	p := r.dial()
	until(t, "it is accepted", func() bool { return r.stats().Clients == 1 })
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	next, err := unix.Dup(0) // the lowest that is free
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(next)
	lowered := limit
	assign(&lowered.Cur, next)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &lowered); err != nil {
		t.Fatal(err)
	}
	restore := func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Error(err)
		}
	}
	defer restore()
	p.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
	if h := p.expect(503, "*"); h.Get("Gatewayd-Reason") != "no_descriptor" || h.Get("Retry-After") == "" {
		t.Errorf("got %v", h)
	}
	if n := r.stats().Failures; n != 0 {
		t.Errorf("%d failures of a target", n)
	}
	restore()
	p.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
	p.expect(200, "x")
}

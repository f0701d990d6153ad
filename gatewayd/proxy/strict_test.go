package proxy

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
)

// A breach is a message that breaks a rule of HTTP: a request, or the answer to one that is right.
type breach struct {
	class        string // of reliability, or what the rule is about
	send, answer string // FIN at the end of send ends the client's side
	status       int    // of what the client gets; 0 for no answer, or one that is cut short
	reason       string
}

const (
	posted   = "POST / HTTP/1.1\r\nHost: a\r\n"
	inChunks = posted + "Transfer-Encoding: chunked\r\n\r\n"
	asked    = "GET / HTTP/1.1\r\nHost: a\r\n"
	begun    = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	fine     = "HTTP/1.1 200 OK\r\n"
	shake    = asked + "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	wsRest   = "Sec-WebSocket-Key: " + wsKey + "\r\nSec-WebSocket-Version: 13\r\n"
)

var breaches = []breach{
	{"1: both lengths", posted + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", 400, "length_and_transfer_encoding"},
	{"1: Transfer-Encoding twice", posted + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", "", 400, "duplicate_transfer_encoding"},
	{"1: Transfer-Encoding misspelt", posted + "Transfer-Encoding: xchunked\r\n\r\n", "", 501, "bad_transfer_encoding"},
	{"1: Transfer-Encoding with another", posted + "Transfer-Encoding: gzip, chunked\r\n\r\n", "", 501, "bad_transfer_encoding"},
	{"1: Transfer-Encoding behind a vertical tab", posted + "Transfer-Encoding: \vchunked\r\n\r\n", "", 400, "control_character"},
	{"1: two lengths", posted + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", "", 400, "duplicate_content_length"},
	{"1: two equal lengths", posted + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", "", 400, "duplicate_content_length"},
	{"2: an empty length", posted + "Content-Length:\r\n\r\n", "", 400, "bad_content_length"},
	{"5: a length with a sign", posted + "Content-Length: +5\r\n\r\n", "", 400, "bad_content_length"},
	{"5: a length that overflows", posted + "Content-Length: 18446744073709551621\r\n\r\n", "", 400, "bad_content_length"},
	{"3: an empty name", asked + ": b\r\n\r\n", "", 400, "empty_field_name"},
	{"4: bare LF in a chunk head", inChunks + "1;a\nx\r\n0\r\n\r\n", "", 400, "bare_lf"},
	{"4: bare LF behind a chunk", inChunks + "1\r\nx\n0\r\n\r\n", "", 400, "bad_chunk_end"},
	{"4: CR alone in a chunk head", inChunks + "1\rx\r\n", "", 400, "bare_cr"},
	{"4: a malformed extension", inChunks + "1;\"\r\nx\r\n", "", 400, "bad_chunk_extension"},
	{"4: an extension without end", inChunks + "1;" + strings.Repeat("a", 2000), "", 400, "bad_chunk_extension"},
	{"5: a chunk size in C", inChunks + "0x1\r\nx\r\n", "", 400, "bad_chunk_size"},
	{"5: a chunk size that overflows", inChunks + "10000000000000001\r\nx\r\n", "", 400, "bad_chunk_size"},
	{"5: a chunk longer than its size", inChunks + "1\r\nxy\r\n", "", 400, "bad_chunk_end"},
	{"5: hardly anything but framing", inChunks + strings.Repeat("1;"+strings.Repeat("a", 900)+"\r\nx\r\n", 30), "", 400, "chunk_overhead"},
	{"6: a fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", "", 400, "fragment"},
	{"7: Transfer-Encoding in HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "", 400, "transfer_encoding_http_1_0"},
	{"8: NUL", asked + "A: b\x00c\r\n\r\n", "", 400, "nul"},
	{"8: bare CR", asked + "A: b\rc\r\n\r\n", "", 400, "bare_cr"},
	{"8: bare LF", asked + "A: b\nc: d\r\n\r\n", "", 400, "bare_lf"},
	{"8: a folded line", asked + "A: b\r\n c\r\n\r\n", "", 400, "obs_fold"},
	{"8: space before the colon", posted + "Content-Length : 5\r\n\r\n", "", 400, "space_before_colon"},
	{"8: no colon", asked + "Abc\r\n\r\n", "", 400, "missing_colon"},
	{"8: a name that is none", asked + "A(b): c\r\n\r\n", "", 400, "bad_field_name"},
	{"8: two empty lines first", "\r\n\r\n" + asked + "\r\n", "", 400, "empty_start_line"},
	{"14: a handshake with a length", shake + wsRest + "Content-Length: 5\r\n\r\nhello", "", 400, "upgrade_body"},
	{"14: a handshake in chunks", shake + wsRest + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", 400, "upgrade_body"},
	{"15: websocket or h2c", asked + "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n" + wsRest + "\r\n", "", 400, "upgrade_ambiguous"},
	{"15: no list of protocols", asked + "Connection: Upgrade\r\nUpgrade: a/b/c\r\n\r\n", "", 400, "bad_upgrade"},
	{"12: a handshake in HTTP/1.0", strings.Replace(shake, "1.1", "1.0", 1) + wsRest + "\r\n", "", 400, "upgrade_http_1_0"},
	{"12: a handshake by POST", strings.Replace(shake, "GET", "POST", 1) + wsRest + "\r\n", "", 400, "upgrade_method"},
	{"12: a handshake without key", shake + "Sec-WebSocket-Version: 13\r\n\r\n", "", 400, "bad_websocket_key"},
	{"12: a handshake of version 8", shake + "Sec-WebSocket-Key: " + wsKey + "\r\nSec-WebSocket-Version: 8\r\n\r\n", "", 426, "bad_websocket_version"},
	{"16: CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", "", 405, "method_not_allowed"},
	{"16: TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", "", 405, "method_not_allowed"},
	{"22: Connection nominates X-Forwarded-For", asked + "Connection: close, X-Forwarded-For\r\n\r\n", "", 400, "essential_nominated"},
	{"22: a Connection that is none", asked + "Connection: a b\r\n\r\n", "", 400, "bad_connection"},
	{"22: Connection without end", asked + "Connection: " + strings.Repeat("a,", 33) + "\r\n\r\n", "", 400, "too_many_connection_options"},
	{"24: X_Forwarded_For", asked + "X_Forwarded_For: 6.6.6.6\r\n\r\n", "", 400, "underscore_name"},
	{"24: X-Forwarded_Proto", asked + "X-Forwarded_Proto: https\r\n\r\n", "", 400, "underscore_name"},
	{"25: a backslash", "GET /a\\..\\b HTTP/1.1\r\nHost: a\r\n\r\n", "", 400, "bad_target"},
	{"26: no Host", "GET / HTTP/1.1\r\n\r\n", "", 400, "missing_host"},
	{"26: two Hosts", asked + "Host: b\r\n\r\n", "", 400, "duplicate_host"},
	{"26: a port of letters", "GET / HTTP/1.1\r\nHost: g:w.test\r\n\r\n", "", 400, "bad_host"},
	{"26: another host in absolute-form", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", "", 400, "host_mismatch"},
	{"26: authority-form", "GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", "", 400, "bad_target_form"},
	{"30: a body cut short", posted + "Content-Length: 5\r\n\r\nabFIN", "", 400, "truncated_body"},
	{"32: a head cut short", asked + "FIN", "", 400, "incomplete_head"},
	{"34: another expectation", posted + "Expect: tea\r\nContent-Length: 1\r\n\r\nx", "", 417, "bad_expect"},
	{"request line: a word", "GET\r\nHost: a\r\n\r\n", "", 400, "bad_request_line"},
	{"request line: lower case", "get / HTTP/1.1\r\nHost: a\r\n\r\n", "", 400, "bad_method"},
	{"request line: HTTP/0.9", "GET /\r\n\r\n", "", 400, "http_0_9"},
	{"request line: no version", "GET / HTTP/one\r\nHost: a\r\n\r\n", "", 400, "bad_version"},
	{"request line: HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", "", 505, "unsupported_version"},
	{"9: the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "", 505, "http2_preface"},
	{"limits: head", asked + "X: " + strings.Repeat("x", 33000), "", 431, "head_too_large"},
	{"limits: fields", asked + strings.Repeat("X: 1\r\n", 200) + "\r\n", "", 431, "too_many_fields"},
	{"limits: target", "GET /" + strings.Repeat("x", 33000) + " HTTP/1.1\r\nHost: a\r\n\r\n", "", 414, "target_too_long"},

	{"10: TLS in clear", asked + "\r\n", "\x15\x03\x01\x00\x02\x02\x0a", 502, "nul"},
	{"10: another protocol", asked + "\r\n", "SSH-2.0-OpenSSH\r\n\r\n", 502, "bad_status_line"},
	{"10: more than the answer", asked + "\r\n", ok("x") + ok("y"), 200, "bytes_behind_answer"},
	{"10: chunks cut short by a bare LF", asked + "\r\n", begun + "1\r\nx\n", 0, "bad_chunk_end"},
	{"10: chunk size in C", asked + "\r\n", begun + "0x1\r\nx\r\n", 0, "bad_chunk_size"},
	{"10: a trailer that is none", asked + "\r\n", begun + "0\r\nA b: c\r\n\r\n", 0, "bad_field_name"},
	{"10: a trailer without end", asked + "\r\n", begun + "0\r\nA: " + strings.Repeat("x", 33000), 0, "head_too_large"},
	{"11: two lengths", asked + "\r\n", fine + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", 502, "duplicate_content_length"},
	{"11: both lengths", asked + "\r\n", fine + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx", 502, "length_and_transfer_encoding"},
	{"11: a length with a sign", asked + "\r\n", fine + "Content-Length: +1\r\n\r\nx", 502, "bad_content_length"},
	{"11: another coding", asked + "\r\n", fine + "Transfer-Encoding: gzip, chunked\r\n\r\n", 502, "bad_transfer_encoding"},
	{"11: Transfer-Encoding in HTTP/1.0", asked + "\r\n", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 502, "transfer_encoding_http_1_0"},
	{"11: a status of five digits", asked + "\r\n", "HTTP/1.1 99999 OK\r\n\r\n", 502, "bad_status"},
	{"11: NUL", asked + "\r\n", fine + "X: \x00\r\n\r\n", 502, "nul"},
	{"11: bare LF", asked + "\r\n", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", 502, "bare_lf"},
	{"11: a folded line", asked + "\r\n", fine + "X: a\r\n b\r\n\r\n", 502, "obs_fold"},
	{"11: space before the colon", asked + "\r\n", fine + "Content-Length : 1\r\n\r\nx", 502, "space_before_colon"},
	{"11: an empty name", asked + "\r\n", fine + ": x\r\n\r\n", 502, "empty_field_name"},
	{"11: HTTP/2 without being asked", asked + "\r\n", "HTTP/2.0 200 OK\r\n\r\n", 502, "unsupported_version"},
	{"12: a 101 that is no handshake", shake + wsRest + "\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n", 502, "bad_switch"},
	{"12: a 101 with a body", shake + wsRest + "\r\n", strings.Replace(switching, "\r\n\r\n", "\r\nContent-Length: 5\r\n\r\nhello", 1), 502, "bad_switch"},
	{"12: a 101 to another handshake", shake + wsRest + "\r\n", strings.Replace(switching, "s3pPL", "XXXXX", 1), 502, "bad_accept"},
	{"15: a 101 to h2c", shake + wsRest + "\r\n", strings.Replace(switching, "websocket", "h2c", 1), 502, "bad_switch"},
	{"12: a 101 nobody asked for", asked + "\r\n", switching, 502, "unasked_upgrade"},
	{"15: a 101 to h2c that never was asked for", asked + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 502, "unasked_upgrade"},
	{"31: a flood of 1xx", asked + "\r\n", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 20) + ok("x"), 502, "too_many_interims"},
	{"limits: head of an answer", asked + "\r\n", fine + "X: " + strings.Repeat("x", 33000), 502, "head_too_large"},
	{"limits: fields of an answer", asked + "\r\n", fine + strings.Repeat("X: 1\r\n", 200) + "\r\n", 502, "too_many_fields"},
}

// provoke sends the breach through a gateway of its own and returns what the client got of the final answer.
func (b *breach) provoke(t *testing.T) (r *rig, status int, reason string) {
	s := newServer(t, func(p *peer) {
		if b.answer == "" {
			if m, _, err := readRequest(p.r); err == nil && m.body(p.r, 0) == nil && !strings.Contains(b.send, "POST") {
				t.Errorf("%q came to the backend", m.first)
			}
			p.gone()
			return
		}
		p.head()
		io.WriteString(p.Conn, b.answer)
		p.gone()
	})
	r = newRig(t, func(r *rig) {
		r.setting.Retries = 0
		if strings.HasPrefix(b.class, "limits: target") {
			r.listener.MaxHeaderBytes = 65536
		}
	}, s.addr)
	p := r.dial()
	send, fin := strings.CutSuffix(b.send, "FIN")
	p.send(send)
	if fin {
		p.CloseWrite()
	}
	m, err := readAnswer(p.r, "")
	for err == nil && m.status < 200 {
		m, err = readAnswer(p.r, "")
	}
	if err != nil {
		return r, 0, ""
	}
	if b.answer == "" {
		if rest := p.rest(); rest != "" || !strings.HasPrefix(m.get("connection"), "close") {
			t.Errorf("the connection goes on: %v, then %q", m.lines, rest)
		}
	}
	return r, m.status, m.get("gatewayd-reason")
}

// Each rule is broken once, on sockets: what is refused is counted by its reason, and every reason that http1 knows comes
// up.
func TestBreaches(t *testing.T) {
	provoked := map[string]bool{
		"none":              true,
		"bytes_behind_head": true, // only of a caller that hands over more than a head
	}
	for _, b := range breaches {
		provoked[b.reason] = true
		t.Run(b.class, func(t *testing.T) {
			r, status, reason := b.provoke(t)
			if status != b.status || status >= 400 && reason != b.reason {
				t.Errorf("got %d for %q, want %d for %q", status, reason, b.status, b.reason)
			}
			until(t, "it is over", func() bool { return r.stats().Open == 0 })
			for i, n := range r.stats().Refused {
				if want := Reason(i).String() == b.reason; (n == 1) != want || n > 1 {
					t.Errorf("%d were counted as %v", n, Reason(i))
				}
			}
		})
	}
	for i := range http1.Reasons {
		if word := http1.Reason(i).String(); !provoked[word] {
			t.Errorf("nothing provokes %s", word)
		}
	}
}

// Offers of other protocols than websocket are no handshake: nothing of them comes to a backend, and no tunnel opens. They
// are not refused, for Java's client offers h2c and Apache's TLS/1.2 with every request that it sends in clear.
func TestOffersOfOtherProtocols(t *testing.T) {
	for _, offer := range []string{
		"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
		"Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n", "Connection: Upgrade\r\nUpgrade: HTTP/2.0, IRC/6.9\r\n", "Upgrade: websocket\r\n" + wsRest,
	} {
		s := answering(t, ok("plain"))
		r := newRig(t, nil, s.addr)
		p := r.dial()
		p.send(posted + offer + "Content-Length: 3\r\n\r\nabc" + asked + "\r\n")
		p.expect(200, "plain")
		p.expect(200, "plain")
		for _, got := range s.got() {
			if lower := strings.ToLower(got); strings.Contains(lower, "\r\nconnection:") || strings.Contains(lower, "\r\nupgrade:") || strings.Contains(lower, "http2-settings") {
				t.Errorf("the backend got %q", got)
			}
		}
		if n := r.stats().Tunnels.Opened; n != 0 {
			t.Errorf("%d tunnels are open", n)
		}
	}
}

// A bad answer that another target makes up for is counted all the same.
func TestBadAnswerIsCountedBehindARetry(t *testing.T) {
	bad := answering(t, "HTTP/1.1 99999 X\r\n\r\n")
	r := newRig(t, nil, answering(t, ok("good")).addr, bad.addr)
	p := r.dial()
	for bad.conns.Load() == 0 {
		p.send(get)
		p.expect(200, "good")
	}
	if n := r.stats().Refused[http1.ReasonBadStatus]; n != uint64(bad.conns.Load()) {
		t.Errorf("%d bad answers were counted", n)
	}
}

// What comes on an idle connection is counted, too.
func TestUnaskedBytesAreCounted(t *testing.T) {
	idle := make(chan bool)
	s := newServer(t, func(p *peer) {
		p.head()
		p.send(ok("one"))
		<-idle
		p.send("HTTP/1.1 200 OK\r\n\r\n")
		p.gone()
	})
	r := newRig(t, nil, s.addr)
	p := r.dial()
	p.send(get)
	p.expect(200, "one")
	until(t, "the connection is idle", func() bool { return r.stats().Idle == 1 })
	close(idle)
	until(t, "the bytes are counted", func() bool { return r.stats().Refused[ReasonUnaskedBytes] == 1 })
}

// An interim answer that promises a body leaves the connection to nobody else.
func TestInterimThatPromisesABody(t *testing.T) {
	s := answering(t, "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n"+ok("x"))
	r := newRig(t, nil, s.addr)
	p := r.dial()
	for range 2 {
		p.send(get)
		if got := p.head(); got != "HTTP/1.1 103 Early Hints\r\n\r\n" {
			t.Errorf("got %q", got)
		}
		p.expect(200, "x")
	}
	if n := s.conns.Load(); n != 2 {
		t.Errorf("the backend saw %d connections, want 2", n)
	}
}

// However a host is spelt, it is one host, and none of many others.
func TestSpellingsOfAHost(t *testing.T) {
	s := answering(t, ok("x"))
	r := newRig(t, func(r *rig) {
		for i := range 300 {
			r.listener.Hostnames = append(r.listener.Hostnames, fmt.Sprintf("h%d.test", i))
		}
	}, s.addr)
	p := r.dial()
	for _, c := range []struct {
		line, host string
		status     int
	}{
		{"GET / ", "h299.test", 200}, {"GET / ", "H299.TeSt", 200}, {"GET / ", "h299.test.", 200}, {"GET / ", "h299.test:80", 200}, {"GET / ", "h299.test.:8080", 200},
		{"GET http://H299.test/ ", "h299.TEST", 200}, {"GET https://h299.test:80/ ", "h299.test:80", 200},
		{"GET / ", "h300.test", 404}, {"GET / ", "xh299.test", 404}, {"GET / ", "h299.testx", 404}, {"GET / ", "h299_test", 404}, {"GET http://h300.test/ ", "h300.test", 404},
	} {
		p.send(c.line + "HTTP/1.1\r\nHost: " + c.host + "\r\n\r\n")
		p.expect(c.status, "*")
	}
}

// Tunnels that break off, on either side and at any moment, leave nothing.
func TestAbortedTunnels(t *testing.T) {
	const n = 500
	s := newServer(t, func(p *peer) {
		head, err := p.tryHead()
		if err != nil {
			return
		}
		if strings.Contains(head, "/never") {
			p.reset()
			return
		}
		io.WriteString(p.Conn, switching+"\x82\x05early")
		if strings.Contains(head, "/backend") {
			p.reset()
			return
		}
		p.gone()
	})
	r := newRig(t, func(r *rig) { r.setting.Retries = 0 }, s.addr)
	var all sync.WaitGroup
	for _, path := range []string{"/never", "/backend", "/client", "/ends"} {
		all.Go(func() {
			for range n {
				p := r.dial()
				io.WriteString(p.Conn, strings.Replace(wsRequest, "/chat", path, 1)+"\x82\x80abcd")
				switch path {
				case "/client":
					p.reset()
				case "/ends":
					p.CloseWrite()
					p.gone()
				default:
					p.gone()
				}
				p.Close()
			}
		})
	}
	all.Wait()
	until(t, "nothing is left", func() bool {
		s := r.stats()
		return s.Tunnels.Open == 0 && s.Open == 0 && s.Clients == 0 && r.l.Stats().Conns == 0
	})
}

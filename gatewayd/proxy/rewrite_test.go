package proxy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// rewriting gives the rig a rewrite, which its first rule names.
func (r *rig) rewriting(name, steps string) *spec.Rewrite {
	r.t.Helper()
	o, ps := spec.Decode(spec.Rewrites, fmt.Appendf(nil, `{"name":%q,"steps":[%s]}`, name, steps))
	if ps == nil {
		ps = spec.Check(o)
	}
	if ps != nil {
		r.t.Fatalf("%s: %v", steps, ps)
	}
	w := o.(*spec.Rewrite)
	r.more = append(r.more, w)
	r.rules[0].Rewrite = &w.Name
	return w
}

// leading is a rule of some paths with a rewrite.
func (r *rig) leading(path, rewrite string) {
	rule := &spec.Rule{Name: "to" + strings.ReplaceAll(path, "/", "-"), Listener: "web", Pool: new("apps"), Setting: new("plain"), Match: &spec.Match{Paths: []string{path}}}
	if rewrite != "" {
		rule.Rewrite = &rewrite
	}
	r.rules = append(r.rules, rule)
}

// Each case is two requests of one connection: what the client sends, what the backend gets and answers, what the client
// gets.
func TestRewrittenForms(t *testing.T) {
	mine := strings.Replace(own, "X-Request-Id: ID\r\n", "", 1)
	for _, c := range []struct{ name, steps, send, got, answer, want string }{
		{
			"fields, path and query",
			`{"when":[{"variable":"var_uri_path","pattern":"^/old/(.*)"}],"request_headers":{"X-Path":{"value":"{var_uri_path_1} of {var_host}"},"accept":{"delete":true},"x-request-id":{"delete":true}},
				"url":{"path":"/new/{var_uri_path_1}","query":"q=1&{var_query_string}"}}`,
			"GET /old/a%20b?c HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\nX-B: 2\r\n\r\n",
			"GET /new/a%20b?q=1&c HTTP/1.1\r\nHost: a.test\r\nX-B: 2\r\n" + mine + "X-Path: a%20b of a.test\r\n\r\n", ok("x"), ok("x"),
		},
		{
			"the gateway's own fields", `{"request_headers":{"X-Forwarded-For":{"value":"{var_add_x_forwarded_for_proxy}"},"X-Original-Host":{"delete":true},"X-Forwarded-Port":{"value":"443"},"x-request-id":{"value":"fixed"}}}`,
			"GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 10.0.0.9\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 443\r\nX-Forwarded-Host: a.test\r\nx-request-id: fixed\r\nCDN-Loop: gatewayd\r\n\r\n",
			ok("x"), ok("x"),
		},
		{
			"no query", `{"url":{"clear_query":true},"request_headers":{"X-Request-Id":{"delete":true}}}`, "GET /p?a=1 HTTP/1.1\r\nHost: a.test\r\n\r\n",
			"GET /p HTTP/1.1\r\nHost: a.test\r\n" + mine + "\r\n", ok("x"), ok("x"),
		},
		{
			"a body passes", `{"request_headers":{"X-Request-Id":{"delete":true},"Content-Type":{"value":"text/x"}}}`,
			"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Type: text/x\r\n" + mine + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", ok("x"), ok("x"),
		},
		{
			"the final head of the answer alone", `{"when":[{"variable":"http_req_X-Q","pattern":"(.+)"}],"response_headers":{"Server":{"delete":true},"X-Q":{"value":"{http_req_X-Q_1}{var_http_status}"},
				"Set-Cookie":{"value":"{http_resp_Set-Cookie}; Secure","match":{"pattern":"^s="}}}},{"request_headers":{"X-Request-Id":{"delete":true}}}`,
			"GET / HTTP/1.1\r\nHost: a.test\r\nX-Q: q\r\n\r\n", "GET / HTTP/1.1\r\nHost: a.test\r\nX-Q: q\r\n" + mine + "\r\n",
			"HTTP/1.1 103 Early Hints\r\nServer: s\r\n\r\nHTTP/1.1 404 No\r\nServer: s\r\nSet-Cookie: a=1\r\nSet-Cookie: s=2\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
			"HTTP/1.1 103 Early Hints\r\nServer: s\r\n\r\nHTTP/1.1 404 No\r\nSet-Cookie: a=1\r\nSet-Cookie: s=2; Secure\r\nX-Q: q404\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
		},
		{
			"the whole server", `{"request_headers":{"X-Request-Id":{"delete":true},"X-Path":{"value":"{var_uri_path}"}}}`, "OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n",
			"OPTIONS * HTTP/1.1\r\nHost: a.test\r\n" + mine + "X-Path: *\r\n\r\n", ok("x"), ok("x"),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := answering(t, c.answer)
			r := newRig(t, func(r *rig) { r.rewriting("w", c.steps) }, s.addr)
			p := r.dial()
			for range 2 { // over a new connection to the backend, and over a kept one
				p.send(c.send)
				if d := cmp.Diff(c.want, p.bytes(len(c.want))); d != "" {
					t.Errorf("the client got (-want +got):\n%s", d)
				}
			}
			got := s.got()
			if len(got) != 2 {
				t.Errorf("the backend got %d requests", len(got))
			}
			for _, head := range got {
				if d := cmp.Diff(c.got, inHTTP(head)); d != "" {
					t.Errorf("the backend got (-want +got):\n%s", d)
				}
			}
		})
	}
}

// A rewritten Host stands for every target, whatever the setting says, also on another target than the first.
func TestRewrittenHost(t *testing.T) {
	for _, steps := range []string{
		`{"request_headers":{"Host":{"value":"inner.test:81"}}}`,
		`{"when":[{"variable":"http_req_Host","pattern":"^(\\w+)\\."}],"request_headers":{"host":{"value":"{http_req_Host_1}.test:81"},"X-Long-Name-That-Moves-What-Is-Behind":{"value":"1"}}}`,
	} {
		good := answering(t, ok("x"))
		r := newRig(t, func(r *rig) {
			r.rewriting("w", steps)
			r.setting.HostFromTarget = true
			r.setting.Retries = 2
		}, good.addr, nobody(t), nobody(t))
		p := r.dial()
		for range 6 {
			p.send("GET / HTTP/1.1\r\nHost: inner.example\r\n\r\n")
			p.expect(200, "x")
		}
		for _, got := range good.got() {
			if strings.Count(strings.ToLower(got), "\r\nhost: inner.test:81\r\n") != 1 || strings.Count(strings.ToLower(got), "\r\nhost:") != 1 {
				t.Errorf("the backend got %q", got)
			}
		}
		if r.stats().Retries == 0 {
			t.Error("no other target was tried")
		}
	}
}

// What a client can make of a rewrite is a valid request or none.
func TestRewritesThatMakeNoRequest(t *testing.T) {
	long := strings.Repeat("x", 12<<10)
	for _, c := range []struct {
		steps, field string
		status       int
		reason       string
	}{
		{`{"url":{"path":"/files/{http_req_X-V}"}}`, "../etc", 400, "bad_rewrite"},
		{`{"url":{"path":"/files/{http_req_X-V}"}}`, "%2e%2e/etc", 400, "bad_rewrite"},
		{`{"url":{"path":"/files/{http_req_X-V}"}}`, `a\b`, 400, "bad_rewrite"},
		{`{"url":{"path":"/files/{http_req_X-V}"}}`, "%00", 400, "bad_rewrite"},
		{`{"url":{"path":"{http_req_X-V}"}}`, "a", 400, "bad_rewrite"},
		{`{"url":{"path":"{http_req_X-V}"}}`, "*", 400, "bad_rewrite"},
		{`{"url":{"path":"{http_req_X-None}"}}`, "a", 400, "bad_rewrite"},
		{`{"request_headers":{"Host":{"value":"{http_req_X-V}"}}}`, "a b", 400, "bad_rewrite"},
		{`{"request_headers":{"Host":{"value":"{http_req_X-V}"}}}`, "a,b", 400, "bad_rewrite"},
		{`{"request_headers":{"Host":{"value":"{http_req_X-None}"}}}`, "a", 400, "bad_rewrite"},
		{`{"request_headers":{"X-W":{"value":"{http_req_X-V}{http_req_X-V}{http_req_X-V}"}}}`, long, 500, "rewrite_too_large"},
		{`{"when":[{"variable":"http_req_X-V","pattern":"(y?x|z){35}$"}],"url":{"path":"/"}}`, long + long, 431, "costly_match"},
		{`{"response_headers":{"X-W":{"value":"{http_req_X-V}{http_req_X-V}{http_req_X-V}"}}}`, long, 500, "rewrite_too_large"},
	} {
		s := answering(t, ok("x"))
		r := newRig(t, func(r *rig) { r.rewriting("w", c.steps) }, s.addr)
		p := r.dial()
		for range 2 { // The connection goes on.
			p.send("GET / HTTP/1.1\r\nHost: a\r\nX-V: " + c.field + "\r\n\r\n")
			if h := p.expect(c.status, "*"); h.Get("Gatewayd-Reason") != c.reason || h.Get("X-W") != "" {
				t.Errorf("%s with %.20q: %v", c.steps, c.field, h)
			}
		}
		if got := s.got(); len(got) > 0 && !strings.Contains(c.steps, "response") {
			t.Errorf("%s with %.20q: the backend got %q", c.steps, c.field, got)
		}
	}
}

// The limits of a listener are of what clients send. What a rewrite makes of it has one of its own, which is no client's
// fault.
func TestRewrittenURLsHaveTheirOwnLimit(t *testing.T) {
	s := answering(t, ok("x"))
	r := newRig(t, func(r *rig) {
		r.listener.MaxURLBytes, r.listener.MaxHeaderBytes = 128, 12<<10
		r.rewriting("w", `{"url":{"path":"/{http_req_X-V}{http_req_X-V}","query":"{http_req_X-V}"}}`)
	}, s.addr)
	p := r.dial()
	value := strings.Repeat("v", 10<<10)
	p.send("GET / HTTP/1.1\r\nHost: a\r\nX-V: " + value + "\r\n\r\n")
	p.expect(200, "x")
	if got := s.got()[0]; !strings.HasPrefix(got, "GET /"+value+value+"?"+value+" HTTP/1.1\r\n") {
		t.Errorf("the backend got %.99q", got)
	}
	p.send("GET / HTTP/1.1\r\nHost: a\r\nX-V: " + value + value[:1<<10] + "\r\n\r\n")
	if h := p.expect(500, "*"); h.Get("Gatewayd-Reason") != "rewrite_too_large" {
		t.Errorf("got %v", h)
	}
	p.send("GET /" + value[:128] + " HTTP/1.1\r\nHost: a\r\nX-V: v\r\n\r\n")
	if h := p.expect(414, "*"); h.Get("Gatewayd-Reason") != "target_too_long" {
		t.Errorf("got %v", h)
	}
}

// TestNoRequestIsSmuggledInByAValue: the name of a user is base64 and holds what no field can.
func TestNoRequestIsSmuggledInByAValue(t *testing.T) {
	s := answering(t, ok("x"))
	r := newRig(t, func(r *rig) {
		r.rewriting("w", `{"request_headers":{"X-User":{"value":"u{var_client_user}"}},"response_headers":{"X-User":{"value":"u{var_client_user}"}},"url":{"path":"/{var_client_user}","query":"{var_client_user}"}}`)
	}, s.addr)
	p := r.dial()
	// "\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n:"
	p.send("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic DQoNCkdFVCAvZXZpbCBIVFRQLzEuMQ0KSG9zdA==\r\n\r\n")
	p.expect(200, "x")
	p.send("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic DQoNCkdFVCAvZXZpbCBIVFRQLzEuMQ0KSG9zdDo=\r\n\r\n")
	if h := p.expect(200, "x"); h.Get("X-User") != "u    GET /evil HTTP/1.1  Host" {
		t.Errorf("%v", h)
	}
	got := s.got()
	if len(got) != 2 || !strings.HasPrefix(got[1], "GET /%0D%0A%0D%0AGET%20/evil%20HTTP/1.1%0D%0AHost?%0D%0A%0D%0AGET%20/evil%20HTTP/1.1%0D%0AHost HTTP/1.1\r\n") ||
		!strings.Contains(got[1], "\r\nX-User: u    GET /evil HTTP/1.1  Host\r\n") || r.stats().Requests != 2 {
		t.Errorf("the backend got %q", got)
	}
}

// A reroute looks for the rule by the new path and query, of the same listener; what was said of fields stays.
func TestReroute(t *testing.T) {
	s := answering(t, ok("x"))
	r := newRig(t, func(r *rig) {
		r.rewriting("first", `{"request_headers":{"X-One":{"value":"1"},"X-Both":{"value":"1"}},"response_headers":{"X-Answer":{"value":"first"}},"url":{"path":"/second{var_uri_path}","query":"v={var_host}","reroute":true}}`)
		r.rewriting("second", `{"request_headers":{"X-Both":{"value":"{var_uri_path} {var_query_string} {var_request_uri} {var_request_query}"}},"response_headers":{"X-Answer":{"value":"second {var_uri_path}"}}}`)
		r.rules[0].Rewrite = nil
		r.leading("/a/*", "first")
		r.leading("/second/*", "second")
		r.leading("/to-none", "none")
		r.rewriting("none", `{"url":{"path":"/nowhere","reroute":true}}`)
		r.rules[0].Rewrite, r.rules[0].Match = nil, &spec.Match{Paths: []string{"/else"}}
	}, s.addr)
	p := r.dial()
	p.send("GET /A/b?c HTTP/1.1\r\nHost: h\r\n\r\n")
	if h := p.expect(200, "x"); h.Get("X-Answer") != "second /second/A/b" {
		t.Errorf("the client got %v", h)
	}
	got := s.got()[0]
	if !strings.HasPrefix(got, "GET /second/A/b?v=h HTTP/1.1\r\n") || !strings.Contains(got, "\r\nX-One: 1\r\n") ||
		!strings.Contains(got, "\r\nX-Both: /second/A/b v=h /A/b?c c\r\n") {
		t.Errorf("the backend got %q", got)
	}
	p.send("GET /to-none HTTP/1.1\r\nHost: h\r\n\r\n")
	if h := p.expect(404, "*"); h.Get("Gatewayd-Reason") != "no_rule" {
		t.Errorf("a reroute to no rule: %v", h)
	}
}

// Four reroutes are made and no fifth, whether the rules change or the path grows.
func TestReroutesEnd(t *testing.T) {
	s := answering(t, ok("x"))
	r := newRig(t, func(r *rig) {
		r.rules[0].Match = &spec.Match{Paths: []string{"/end"}}
		for i := range 5 {
			name := fmt.Sprint("w", i)
			r.rewriting(name, fmt.Sprintf(`{"url":{"path":"/%d","reroute":true}}`, i+1))
			r.leading(fmt.Sprintf("/%d", i), name)
		}
		r.leading("/5", "")
		r.rewriting("ping", `{"url":{"path":"/pong","reroute":true}}`)
		r.rewriting("pong", `{"url":{"path":"/ping","reroute":true}}`)
		r.rewriting("grow", `{"url":{"path":"/grow{var_uri_path}","reroute":true}}`)
		r.leading("/ping", "ping")
		r.leading("/pong", "pong")
		r.leading("/grow*", "grow")
		r.rewriting("until", `{"when":[{"variable":"var_uri_path","pattern":"/x/x/x$","negate":true}],"url":{"path":"{var_uri_path}/x","reroute":true}}`)
		r.leading("/until*", "until")
		r.rules[0].Rewrite = nil
	}, s.addr)
	p := r.dial()
	for _, path := range []string{"/0", "/ping", "/grow"} {
		p.send("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n")
		if h := p.expect(500, "*"); h.Get("Gatewayd-Reason") != "rewrite_loop" {
			t.Errorf("%s: %v", path, h)
		}
	}
	for path, want := range map[string]string{"/1": "/5", "/until": "/until/x/x/x"} {
		p.send("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n")
		p.expect(200, "x")
		if got := s.got(); !strings.HasPrefix(got[len(got)-1], "GET "+want+" HTTP/1.1\r\n") {
			t.Errorf("%s: the backend got %q", path, got[len(got)-1])
		}
	}
	if n := r.stats().Refused[ReasonRewriteLoop]; n != 3 {
		t.Errorf("%d loops are counted", n)
	}
}

// The gateway's own answers stay as they are.
func TestOwnAnswersAreNotRewritten(t *testing.T) {
	r := newRig(t, func(r *rig) {
		r.rewriting("w", `{"response_headers":{"Gatewayd-Reason":{"delete":true},"X-A":{"value":"a"}}}`)
	}, nobody(t))
	p := r.dial()
	p.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if h := p.expect(502, "*"); h.Get("Gatewayd-Reason") != "connect_failed" || h.Get("X-A") != "" {
		t.Errorf("%v", h)
	}
}

// A handshake is rewritten as any request, and its 101 as any answer.
func TestWebSocketsAreRewritten(t *testing.T) {
	asked := make(chan string, 1)
	s := newServer(t, func(p *peer) {
		head, _, _ := p.message()
		asked <- head
		p.send(strings.Replace(switching, "\r\n", "\r\nX-Secret: s\r\n", 1) + "hi")
		p.gone()
	})
	r := newRig(t, func(r *rig) {
		r.rewriting("w", `{"when":[{"variable":"http_req_Sec-WebSocket-Protocol","pattern":"^(.*)$"}],"request_headers":{"X-Protocol":{"value":"{http_req_Sec-WebSocket-Protocol_1}"},"Sec-WebSocket-Protocol":{"delete":true}},
			"response_headers":{"X-Secret":{"delete":true},"X-Status":{"value":"{var_http_status} {http_req_Sec-WebSocket-Protocol_1}"}},"url":{"path":"/ws{var_uri_path}"}}`)
	}, s.addr)
	p := r.dial()
	p.send(wsRequest)
	want := "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nX-Status: 101 chat\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
	if d := cmp.Diff(want, p.head()); d != "" {
		t.Error(d)
	}
	if got := p.bytes(2); got != "hi" {
		t.Errorf("behind the 101 came %q", got)
	}
	head := <-asked
	if !strings.HasPrefix(head, "GET /ws/chat HTTP/1.1\r\n") || !strings.Contains(head, "\r\nX-Protocol: chat\r\n") || strings.Contains(head, "-Protocol: chat\r\nSec") ||
		strings.Contains(head, "\r\nSec-WebSocket-Protocol:") || !strings.Contains(head, "Connection: Upgrade\r\nUpgrade: websocket\r\n") {
		t.Errorf("the backend got %q", head)
	}
	p.Close()
	until(t, "the tunnel is gone", func() bool { return r.stats().Tunnels.Open == 0 })
}

// A setting's prefix stands before a path that a rewrite wrote: the rule's path took a part of another one.
func TestRewrittenPathsUnderAPrefix(t *testing.T) {
	s := answering(t, ok("x"))
	r := newRig(t, func(r *rig) {
		r.setting.PathPrefix = new("/v2/")
		r.rules[0].Match = &spec.Match{Paths: []string{"/a/*"}}
		r.rewriting("w", `{"when":[{"variable":"var_query_string","pattern":"^w"}],"url":{"path":"/new/{var_http_method}"}},{"when":[{"variable":"var_query_string","pattern":"^r"}],"url":{"path":"/b/c/d","clear_query":true,"reroute":true}}`)
		r.leading("/b/*", "")
	}, s.addr)
	p := r.dial()
	for target, want := range map[string]string{"/a/b": "/v2/b", "/a/b?w": "/v2/new/GET?w", "/a/b?r": "/v2/c/d"} {
		p.send("GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n")
		p.expect(200, "x")
		if got := s.got(); !strings.HasPrefix(got[len(got)-1], "GET "+want+" HTTP/1.1\r\n") {
			t.Errorf("%s: the backend got %q", target, got[len(got)-1])
		}
	}
}

// A reroute may lead to an answer of the gateway's own, which is not rewritten.
func TestRerouteToAnOwnAnswer(t *testing.T) {
	r := newRig(t, func(r *rig) {
		r.rules[0].Match = &spec.Match{Paths: []string{"/a"}}
		r.rewriting("w", `{"response_headers":{"X-A":{"value":"a"}},"url":{"path":"/closed","reroute":true}}`)
		r.rules = append(r.rules, &spec.Rule{Name: "closed", Listener: "web", Match: &spec.Match{Paths: []string{"/closed"}}, Respond: &spec.Respond{Status: 410}})
	}, nobody(t))
	p := r.dial()
	p.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
	if h := p.expect(410, "*"); h.Get("X-A") != "" {
		t.Errorf("%v", h)
	}
}

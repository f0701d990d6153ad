package proxy

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// respond turns the rig's rule into an answer.
func respond(o spec.Respond) func(*rig) {
	return func(r *rig) {
		r.rules[0].Pool, r.rules[0].Setting, r.rules[0].Respond = nil, nil, &o
	}
}

// What a rule answers by itself, to every sort of request, and that the connection goes on behind it wherever the next
// request can be found.
func TestRespond(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 4096)
	page := spec.Respond{Status: 503, Body: new("<p>Back soon."), ContentType: "text/html; charset=utf-8"}
	for _, c := range []struct {
		name, send string
		answer     spec.Respond
		body       string
		length     string // Content-Length; empty for none
		ends       bool
	}{
		{name: "GET", send: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer: page, body: "<p>Back soon.", length: "13"},
		{name: "HEAD", send: "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", answer: page, length: "13"},
		{name: "a body", send: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", answer: page, body: "<p>Back soon.", length: "13"},
		{name: "a body in chunks", send: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", answer: page, body: "<p>Back soon.", length: "13", ends: true},
		{name: "a body that waits", send: "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", answer: page, body: "<p>Back soon.", length: "13", ends: true},
		{name: "a large body that stays away", send: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n", answer: page, body: "<p>Back soon.", length: "13", ends: true},
		{name: "a handshake", send: wsRequest, answer: page, body: "<p>Back soon.", length: "13"},
		{name: "HTTP/1.0", send: "GET / HTTP/1.0\r\n\r\n", answer: page, body: "<p>Back soon.", length: "13", ends: true},
		{name: "close", send: "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", answer: page, body: "<p>Back soon.", length: "13", ends: true},
		{name: "OPTIONS of the server", send: "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", answer: page, body: "<p>Back soon.", length: "13"},
		{name: "nothing", send: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer: spec.Respond{Status: 200, ContentType: "text/plain"}, length: "0"},
		{name: "204", send: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer: spec.Respond{Status: 204, ContentType: "text/plain"}},
		{name: "204, stored with a body", send: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer: spec.Respond{Status: 204, Body: new("x"), ContentType: "text/plain"}},
		{name: "205", send: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer: spec.Respond{Status: 205, ContentType: "text/plain"}, length: "0"},
		{name: "304", send: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer: spec.Respond{Status: 304, ContentType: "text/plain"}},
		{name: "an odd status", send: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer: spec.Respond{Status: 599, Body: new("x"), ContentType: "text/plain"}, body: "x", length: "1"},
		{name: "large", send: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer: spec.Respond{Status: 200, Body: &large, ContentType: "text/plain"}, body: large, length: "65536"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := answering(t, ok("unreached"))
			r := newRig(t, respond(c.answer), s.addr)
			p := r.dial()
			p.send(c.send)
			method, _, _ := strings.Cut(c.send, " ")
			status, header, body := p.answer(method)
			if status != c.answer.Status || body != c.body || header.Get("Content-Length") != c.length {
				t.Errorf("got %d %.99q of length %q, want %d %.99q of %q", status, body, header.Get("Content-Length"), c.answer.Status, c.body, c.length)
			}
			want := ""
			if c.length != "" && c.length != "0" {
				want = c.answer.ContentType
			}
			if header.Get("Content-Type") != want || header.Get("Date") == "" || header.Get("Gatewayd-Reason") != "" {
				t.Errorf("got %v", header)
			}
			r.next(p, c.ends)
			if n := s.conns.Load(); n != 0 {
				t.Errorf("the pool was asked %d times", n)
			}
		})
	}
}

// next checks that the connection ends behind an answer, or that the one to the next request follows.
func (r *rig) next(p *peer, ends bool) {
	r.t.Helper()
	if ends {
		if rest := p.rest(); rest != "" {
			r.t.Errorf("behind the answer came %q", rest)
		}
		return
	}
	p.send("GET /%5c HTTP/1.1\r\nHost: a\r\n\r\n")
	if h := p.expect(400, "*"); h.Get("Gatewayd-Reason") != "bad_path" {
		r.t.Errorf("the next request got %v", h)
	}
}

// Answers to requests that came at once stand in their order, those of a rule among those of backends, and each by
// itself.
func TestRespondsInAPipeline(t *testing.T) {
	large := strings.Repeat("x", 20000)
	r := newRig(t, func(r *rig) {
		r.rules = append(r.rules, &spec.Rule{Name: "page", Listener: "web", Match: &spec.Match{Paths: []string{"/page"}},
			Respond: &spec.Respond{Status: 410, Body: &large, ContentType: "text/plain"}})
	}, answering(t, ok("served")).addr)
	p := r.dial()
	var all strings.Builder
	for i := range 30 {
		fmt.Fprintf(&all, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", []string{"/", "/page", "/page"}[i%3])
	}
	go p.Write([]byte(all.String()))
	for i := range 30 {
		if i%3 == 0 {
			p.expect(http.StatusOK, "served")
		} else {
			p.expect(http.StatusGone, large)
		}
	}
}

// A rule that nobody checked, and that says nothing to do, answers as one whose pool is gone.
func TestARuleWithoutAction(t *testing.T) {
	for name, change := range map[string]func(*spec.Rule){
		"no pool":       func(o *spec.Rule) { o.Pool = nil },
		"no setting":    func(o *spec.Rule) { o.Setting = nil },
		"an odd status": func(o *spec.Rule) { o.Pool, o.Setting, o.Respond = nil, nil, &spec.Respond{Status: 99} },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(r *rig) { change(r.rules[0]) }, answering(t, ok("unreached")).addr)
			p := r.dial()
			p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			if h := p.expect(502, "*"); h.Get("Gatewayd-Reason") != "no_pool" {
				t.Errorf("got %v", h)
			}
		})
	}
}

// redirect turns the rig's rule into a redirect.
func redirect(o spec.Redirect) func(*rig) {
	return func(r *rig) {
		inClear(r) // The scheme is that of the listener.
		r.rules[0].Pool, r.rules[0].Setting, r.rules[0].Redirect = nil, nil, &o
	}
}

// Where clients are sent, as their own parsers read the answer; and that the connection goes on.
func TestRedirect(t *testing.T) {
	own := spec.Redirect{Status: 308, Listener: new("web"), IncludePath: true, IncludeQuery: true}
	other := spec.Redirect{Status: 301, URL: new("https://b.example/new?k=v"), IncludePath: true, IncludeQuery: true}
	for _, c := range []struct {
		name, send string
		to         spec.Redirect
		want       string // Location; empty for a refusal
		ends       bool
	}{
		{name: "own host", send: "GET /x?y HTTP/1.1\r\nHost: A.example:81\r\n\r\n", to: own, want: "http://A.example/x?y"},
		{name: "IPv6", send: "GET /x HTTP/1.1\r\nHost: [::1]:81\r\n\r\n", to: own, want: "http://[::1]/x"},
		{name: "without a host", send: "GET /x HTTP/1.0\r\n\r\n", to: own, want: "http://127.0.0.1/x", ends: true},
		{name: "absolute", send: "GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n", to: own, want: "http://a.example/x"},
		{name: "OPTIONS of the server", send: "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", to: own, want: "http://a/"},
		{name: "HEAD", send: "HEAD /x?y HTTP/1.1\r\nHost: a\r\n\r\n", to: other, want: "https://b.example/new/x?k=v&y"},
		{name: "a body", send: "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", to: other, want: "https://b.example/new/x?k=v"},
		{name: "a handshake", send: wsRequest, to: other, want: "https://b.example/new/chat?k=v"},
		{name: "two slashes", send: "GET //evil.example HTTP/1.1\r\nHost: a\r\n\r\n", to: own, want: "http://a//evil.example"},
		{name: "dots", send: "GET /../../evil HTTP/1.1\r\nHost: a\r\n\r\n", to: other, want: "https://b.example/new/evil?k=v"},
		{name: "a backslash", send: "GET /\\evil.example HTTP/1.1\r\nHost: a\r\n\r\n", to: own, ends: true},
		{name: "an escaped backslash", send: "GET /%5cevil.example HTTP/1.1\r\nHost: a\r\n\r\n", to: own},
		{name: "escaped line ends", send: "GET /%0d%0aX:%20y?%0d%0aX:y HTTP/1.1\r\nHost: a\r\n\r\n", to: own, want: "http://a/%0d%0aX:%20y?%0d%0aX:y"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, redirect(c.to), answering(t, ok("unreached")).addr)
			p := r.dial()
			p.send(c.send)
			method, _, _ := strings.Cut(c.send, " ")
			status, header, body := p.answer(method)
			if c.want == "" {
				if status != 400 || header.Get("Location") != "" {
					t.Fatalf("got %d %v", status, header)
				}
				r.next(p, c.ends)
				return
			}
			if status != c.to.Status || header.Get("Location") != c.want || len(header.Values("Location")) != 1 || header.Get("X") != "" {
				t.Errorf("got %d %v, want %d to %s", status, header, c.to.Status, c.want)
			}
			if length := fmt.Sprint(len(elsewhere)); header.Get("Content-Length") != length || (body == "") != (method == "HEAD") {
				t.Errorf("the body is %q, its length %q", body, header.Get("Content-Length"))
			}
			r.next(p, c.ends)
		})
	}
}

// A long target makes a long Location, whole and in one piece.
func TestRedirectOfALongTarget(t *testing.T) {
	r := newRig(t, redirect(spec.Redirect{Status: 307, Listener: new("web"), IncludePath: true, IncludeQuery: true}), answering(t, ok("unreached")).addr)
	p := r.dial()
	query := strings.Repeat("<", 20000)
	for range 2 {
		p.send("GET /x?" + query + " HTTP/1.1\r\nHost: a\r\n\r\n")
		if h := p.expect(307, "*"); h.Get("Location") != "http://a/x?"+strings.Repeat("%3C", 20000) {
			t.Fatalf("got a Location of %d bytes", len(h.Get("Location")))
		}
	}
}

// A split sends each request by its weights, a share without weight gets none, and a retry stays in its pool.
func TestSplit(t *testing.T) {
	blue, green := answering(t, ok("blue")), answering(t, ok("green"))
	change := func(weight int) func(*rig) {
		return func(r *rig) {
			o := r.rules[0]
			o.Pool, o.Setting = nil, nil
			o.Split = map[string]spec.Share{"a": {Pool: "apps", Setting: "plain", Weight: 1}, "b": {Pool: "canary", Setting: "plain", Weight: weight}}
			port := int(green.addr.Port())
			other := spec.Pools.New().(*spec.Pool)
			other.Name, other.Targets = "canary", map[string]spec.PoolTarget{"t": {Address: "127.0.0.1", Port: &port, Weight: 1}}
			r.more = append(r.more, other)
		}
	}
	for _, c := range []struct {
		name   string
		weight int
		first  string
		both   bool
	}{{"one share", 0, "blue", false}, {"two shares", 1, "", true}} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, change(c.weight), blue.addr)
			p := r.dial()
			seen := map[string]int{}
			for range 200 { // All on one side of two is chance less than once in 10^60.
				p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				_, _, body := p.answer("GET")
				seen[body]++
			}
			if both := seen["blue"] > 0 && seen["green"] > 0; both != c.both || seen["blue"]+seen["green"] != 200 {
				t.Errorf("got %v", seen)
			}
		})
	}
	t.Run("retries", func(t *testing.T) {
		r := newRig(t, change(1), nobody(t))
		p := r.dial()
		refused := 0
		for range 200 {
			p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			if status, _, _ := p.answer("GET"); status == 502 {
				refused++
			}
		}
		if refused == 0 || refused == 200 {
			t.Errorf("%d of 200 requests were refused, want those of one share", refused)
		}
	})
	t.Run("no weights", func(t *testing.T) {
		r := newRig(t, func(r *rig) {
			change(0)(r)
			r.rules[0].Split["a"] = spec.Share{Pool: "apps", Setting: "plain"}
		}, blue.addr)
		p := r.dial()
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if h := p.expect(502, "*"); h.Get("Gatewayd-Reason") != "no_pool" {
			t.Errorf("got %v", h)
		}
	})
}

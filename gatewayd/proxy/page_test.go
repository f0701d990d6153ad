package proxy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// paged is a listener with one page, which tells its name.
func paged(l *spec.Listener, status string) *spec.Listener {
	l.ErrorPages = map[string]spec.ErrorPage{status: {Body: "page of " + l.Name, ContentType: "text/html; charset=utf-8"}}
	return l
}

// Where listeners share a port each request is shown the page of its own; where the host is not known, that of the
// listener without names, if there is one.
func TestErrorPagesOfASharedPort(t *testing.T) {
	const malformed, ambiguous, unknown = "GET / HTTP/1.1\r\nHost: shop\r\nA b: c\r\n\r\n", "GET /%5c HTTP/1.1\r\nHost: HOST\r\n\r\n", "400 Bad Request: "
	for _, c := range []struct {
		basic      bool
		send, body string
	}{
		{true, malformed, "page of web"},
		{true, strings.Replace(ambiguous, "HOST", "shop", 1), "page of shop"},
		{true, strings.Replace(ambiguous, "HOST", "SHOP:80", 1), "page of shop"},
		{true, strings.Replace(ambiguous, "HOST", "other", 1), "page of web"},
		{true, strings.Replace(ambiguous, "HOST", "none", 1), unknown},
		{false, malformed, unknown},
		{false, strings.Replace(ambiguous, "HOST", "shop", 1), "page of shop"},
		{false, strings.Replace(ambiguous, "HOST", "other", 1), unknown},
	} {
		r := newRig(t, func(r *rig) {
			paged(r.listener, "400")
			for _, name := range []string{"shop", "none"} {
				l := spec.Listeners.New().(*spec.Listener)
				l.Name, l.Port, l.Hostnames = name, 80, []string{name}
				if r.more = append(r.more, l); name == "shop" {
					paged(l, "400")
				}
			}
			if !c.basic {
				r.listener.Hostnames = []string{"a"}
			}
		})
		p := r.dial()
		p.send(c.send)
		if status, _, body := p.answer("GET"); status != 400 || body != c.body && (c.body != unknown || !strings.HasPrefix(body, unknown)) {
			t.Errorf("%q, a listener without names: %t: got %d %q, want %q", c.send, c.basic, status, body, c.body)
		}
	}
}

// A page has its length in an answer to HEAD, too, and nothing more.
func TestErrorPageOfHead(t *testing.T) {
	r := newRig(t, func(r *rig) { paged(r.listener, "502"); r.targets() })
	p := r.dial()
	for range 2 {
		p.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
		if status, h, _ := p.answer("HEAD"); status != 502 || h.Get("Content-Length") != "11" || h.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("got %d %v", status, h)
		}
	}
	r.next(p, false)
}

// Only the gateway's own answers are replaced: neither what a target answers, nor what a rule says.
func TestErrorPagesAreOfOwnAnswersOnly(t *testing.T) {
	s := answering(t, "HTTP/1.1 502 Bad Gateway\r\nGatewayd-Reason: no_backend\r\nContent-Length: 4\r\n\r\nmine")
	r := newRig(t, func(r *rig) {
		showing(r)
		r.rules = append(r.rules,
			&spec.Rule{Name: "page", Listener: "web", Match: &spec.Match{Paths: []string{"/page"}}, Respond: &spec.Respond{Status: 503, Body: new("later"), ContentType: "text/plain"}},
			&spec.Rule{Name: "empty", Listener: "web", Match: &spec.Match{Paths: []string{"/empty"}}, Respond: &spec.Respond{Status: 404, ContentType: "text/plain"}},
			&spec.Rule{Name: "moved", Listener: "web", Match: &spec.Match{Paths: []string{"/moved"}}, Redirect: &spec.Redirect{Status: 301, URL: new("https://b.example/")}})
	}, s.addr)
	p := r.dial()
	for path, want := range map[string]struct {
		status int
		body   string
	}{"/": {502, "mine"}, "/page": {503, "later"}, "/empty": {404, ""}, "/moved": {301, string(elsewhere)}} {
		p.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n")
		p.expect(want.status, want.body)
	}
}

// Large pages of requests that come at once stand in their order, each by itself, and are counted to the byte; a page
// that changes is shown with the next answer.
func TestErrorPagesInAPipeline(t *testing.T) {
	large := strings.Repeat("x", 65536)
	r := newRig(t, func(r *rig) {
		r.listener.ErrorPages = map[string]spec.ErrorPage{"502": {Body: large, ContentType: "text/plain"}}
		r.targets()
	})
	p := r.dial()
	var all strings.Builder
	for i := range 40 {
		fmt.Fprintf(&all, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", []string{"/", "/%5c"}[i%2])
	}
	go p.Write([]byte(all.String()))
	for i := range 40 {
		if i%2 == 0 {
			p.expect(502, large)
		} else {
			p.expect(400, "*")
		}
	}
	if n := r.traffic().Sent; n < 20*65536 || n > 20*(65536+400) {
		t.Errorf("%d bytes are counted as sent by the rule", n)
	}
	r.on(func() {
		changed := *r.listener
		r.listener = &changed
		r.listener.ErrorPages = map[string]spec.ErrorPage{"502": {Body: "new", ContentType: "text/plain"}}
		r.publish()
	})
	p.send(get)
	p.expect(502, "new")
}

// A page costs no memory of its own, however often it is shown.
func TestErrorPageAllocatesNothing(t *testing.T) {
	if overTLS {
		t.Skip("crypto/tls allocates a few bytes in each read, at the test's client too")
	}
	r := newRig(t, func(r *rig) { paged(r.listener, "502"); r.targets() })
	p := r.dial()
	p.send(get)
	head := p.head()
	size := len(head) + len(p.bytes(len("page of web")))
	once := exchanger(t, r, size, "")
	if n := mallocs(1000, once); n > 50 {
		t.Errorf("1000 pages made %d allocations", n)
	}
}

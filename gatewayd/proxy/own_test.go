package proxy

import (
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// An ownAnswer is an answer of the gateway's own and how it comes about.
type ownAnswer struct {
	status int
	reason Reason
	send   string // empty is a plain GET; FIN at the end ends the client's side
	change func(*rig)
	target func(*testing.T) netip.AddrPort // nil is one that answers
	before func(*rig, *peer)               // before the request is sent
	during func(*rig)                      // while it waits
	closes bool                            // the connection ends behind the answer
	clear  bool                            // the client does not speak TLS to an https listener
	shows  *certtest.Issue                 // the client's certificate, signed by the authority that the listener believes
	bare   bool                            // no listener is known, and so no page
}

// unanswered are the reasons for which nobody gets an answer.
var unanswered = []string{
	"none",
	"bytes_behind_head",   // only of a caller that hands over more than a head
	"bytes_behind_answer", // the client has the answer
	"unasked_bytes",       // nobody asked
	"untrusted_proxy",     // the connection is closed, as whoever speaks another protocol understands no answer
	"no_proxy_header",     // the same
	"bad_proxy_header",    // the same
}

func mute(t *testing.T) netip.AddrPort {
	return newServer(t, func(p *peer) { p.head(); p.gone() }).addr
}

// reachedThen does something as soon as the request is at its target.
func reachedThen(do func(*rig)) func(*rig) {
	return func(r *rig) {
		until(r.t, "the request is at the target", r.reached)
		do(r)
	}
}

// ownSigner is the authority of clients' certificates.
var ownSigner = sync.OnceValue(func() *certtest.Pair { return signer("own") })

// verifying has clients show certificates.
func verifying(r *rig) { r.wants(spec.AuthStrict, ownSigner()) }

var ownAnswers = []ownAnswer{
	{status: 404, reason: ReasonNoListener, send: "GET / HTTP/1.1\r\nHost: b\r\n\r\n", change: func(r *rig) { r.listener.Hostnames = []string{"a"} }, bare: true},
	{status: 404, reason: ReasonNoRule, change: func(r *rig) { r.rules[0].Match = &spec.Match{Paths: []string{"/a"}} }},
	{status: 400, reason: ReasonBadPath, send: "GET /%5c HTTP/1.1\r\nHost: a\r\n\r\n"},
	{status: 431, reason: ReasonCostlyMatch, send: asked + "X-V: " + strings.Repeat("x", 24<<10) + "\r\n\r\n",
		change: func(r *rig) {
			r.rewriting("w", `{"when":[{"variable":"http_req_X-V","pattern":"(y?x|z){35}$"}],"url":{"path":"/"}}`)
		}},
	{status: 413, reason: ReasonBodyTooLarge, send: posted + "Content-Length: 11\r\n\r\nhello world", change: func(r *rig) { r.listener.MaxBodyBytes = 10 }},
	{status: 408, reason: ReasonSlowRequest, send: "GET / HT", change: func(r *rig) { r.listener.HeaderTimeout = "100ms" }, closes: true},
	{status: 408, reason: ReasonSlowBody, send: posted + "Content-Length: 5\r\n\r\nab", change: func(r *rig) { r.setting.RequestTimeout = "24h" }, target: mute,
		during: reachedThen(func(r *rig) { r.age(time.Hour) }), closes: true},
	{status: 502, reason: ReasonNoPool, change: func(r *rig) { r.rules[0].Pool = nil }},
	{status: 502, reason: ReasonNoRedirect, change: redirect(spec.Redirect{Status: 301, Listener: new("gone")})},
	{status: 502, reason: ReasonNoBackend, change: func(r *rig) { r.targets() }},
	{status: 503, reason: ReasonMaxConnections, change: func(r *rig) { r.setting.MaxConnections = 1 }, target: mute,
		before: func(r *rig, _ *peer) {
			r.dial().send(get)
			until(r.t, "the target is full", r.reached)
		}},
	{status: 503, reason: ReasonTooManyConnections, change: func(r *rig) { r.listener.MaxConnections = 1 }, closes: true},
	{status: 503, reason: ReasonTooManyTunnels, send: wsRequest, change: func(r *rig) { r.listener.MaxTunnels = 1 }, target: mute,
		before: func(r *rig, _ *peer) {
			r.dial().send(wsRequest)
			until(r.t, "a handshake is at the target", r.reached)
		}},
	{status: 403, reason: ReasonOrigin, send: strings.Replace(wsRequest, "\r\n\r\n", "\r\nOrigin: https://b\r\n\r\n", 1), change: func(r *rig) { r.setting.WebSocket.AllowedOrigins = []string{"https://a"} }},
	{status: 400, reason: ReasonNotTLS, change: (*rig).https, clear: true, closes: true},
	{status: 421, reason: ReasonMisdirected, send: "GET / HTTP/1.1\r\nHost: b\r\n\r\n", change: func(r *rig) {
		r.wants(spec.AuthStrict, ownSigner())
		open := *r.listener
		open.Name, open.ClientAuth = "open", nil
		r.listener.Hostnames, r.more = []string{"b"}, append(r.more, &open)
	}},
	{status: 400, reason: ReasonNoCertificate, change: verifying, closes: true},
	{status: 400, reason: ReasonCertificateExpired, change: verifying, shows: &certtest.Issue{Until: time.Now().Add(-time.Minute)}, closes: true},
	{status: 400, reason: ReasonCertificateUntrusted, change: verifying, shows: &certtest.Issue{By: certtest.Sample(1)}, closes: true},
	{status: 400, reason: ReasonCertificateInvalid, change: verifying, shows: &certtest.Issue{Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, closes: true},
	{status: 502, reason: ReasonConnectFailed, target: nobody},
	{status: 503, reason: ReasonNoDescriptor, before: func(r *rig, _ *peer) { r.descriptors.Set(1) }},
	{status: 503, reason: ReasonNoPort, change: func(r *rig) { r.setting.SourceAddresses = []string{"203.0.113.1"} }},
	{status: 502, reason: ReasonNoRoute, target: func(*testing.T) netip.AddrPort { return netip.MustParseAddrPort("224.0.0.1:80") }},
	{status: 502, reason: ReasonTLSFailed, change: func(r *rig) { r.setting.Protocol = spec.HTTPS },
		target: func(t *testing.T) netip.AddrPort {
			return newClearServer(t, func(p *peer) { io.WriteString(p.Conn, ok("in clear")); p.gone() }).addr
		}},
	{status: 502, reason: ReasonConnectTimeout, change: func(r *rig) { r.setting.ConnectTimeout = "100ms" }, target: full},
	{status: 502, reason: ReasonBackendClosed, target: func(t *testing.T) netip.AddrPort { return answering(t, "").addr }},
	{status: 504, reason: ReasonRequestTimeout, target: mute, during: reachedThen(func(r *rig) { r.age(time.Hour) })},
	{status: 504, reason: ReasonDrained, target: mute, during: reachedThen(func(r *rig) {
		r.on(func() { r.w.Drain(tunnel.Subject{Rule: "rule:all"}, tunnel.Drain{}) })
	})},
	{status: 500, reason: ReasonRewriteLoop, change: func(r *rig) { r.rewriting("w", `{"url":{"path":"/","reroute":true}}`) }},
	{status: 400, reason: ReasonBadRewrite, send: asked + "X-V: ../etc\r\n\r\n", change: func(r *rig) { r.rewriting("w", `{"url":{"path":"/{http_req_X-V}"}}`) }},
	{status: 500, reason: ReasonRewriteTooLarge, send: asked + "X-V: " + strings.Repeat("x", 12<<10) + "\r\n\r\n",
		change: func(r *rig) {
			r.rewriting("w", `{"request_headers":{"X-W":{"value":"{http_req_X-V}{http_req_X-V}{http_req_X-V}"}}}`)
		}},
	{status: 508, reason: ReasonRequestLoop, send: asked + strings.Repeat(http1.Hop, maxHops) + "\r\n"},
	{status: 500, reason: ReasonInternal, send: wsRequest, change: func(r *rig) { r.panics = 1 },
		target: func(t *testing.T) netip.AddrPort {
			return newServer(t, func(p *peer) { p.head(); p.bytes(1); p.send(switching); p.gone() }).addr
		},
		during: reachedThen(func(r *rig) {
			r.on(func() {
				r.w.first.down = unswitched{r.w.first.down}
				r.w.first.up.stream.Write([]byte{0})
			})
		})},
}

// ofBreach is what the client gets of a message that breaks a rule of HTTP.
func ofBreach(b *breach) ownAnswer {
	o := ownAnswer{status: b.status, send: b.send, closes: b.answer == "", target: func(t *testing.T) netip.AddrPort {
		return newServer(t, func(p *peer) {
			if b.answer != "" {
				p.head()
				io.WriteString(p.Conn, b.answer)
			}
			p.gone()
		}).addr
	}}
	for int(o.reason) < Reasons && o.reason.String() != b.reason {
		o.reason++
	}
	o.change = func(r *rig) {
		if r.setting.Retries = 0; o.reason.Status() == 414 {
			r.listener.MaxHeaderBytes = 65536
		}
	}
	return o
}

// showing gives the listener a page for every status.
func showing(r *rig) {
	r.listener.ErrorPages = map[string]spec.ErrorPage{}
	for _, status := range spec.ErrorStatuses() {
		r.listener.ErrorPages[fmt.Sprint(status)] = spec.ErrorPage{Body: fmt.Sprintf("<p>%d of web", status), ContentType: fmt.Sprintf("text/x-%d", status)}
	}
}

// provoke brings the answer about, with or without pages, and checks all of it.
func (o *ownAnswer) provoke(t *testing.T, pages bool) {
	t.Helper()
	target := answering(t, ok("unreached")).addr
	if o.target != nil {
		target = o.target(t)
	}
	r := newRig(t, func(r *rig) {
		if o.change != nil {
			o.change(r)
		}
		if pages {
			showing(r)
		}
	}, target)
	if o.reason == ReasonTooManyConnections {
		r.dial()
		until(t, "the only place is taken", func() bool { return r.stats().Clients == 1 })
	}
	p := o.client(r)
	if o.before != nil {
		until(t, "it is accepted", func() bool { return r.stats().Clients == 1 })
		o.before(r, p)
	}
	if o.send == "" {
		o.send = get
	}
	send, fin := strings.CutSuffix(o.send, "FIN")
	p.send(send)
	if fin {
		p.CloseWrite()
	}
	if o.during != nil {
		o.during(r)
	}
	method, _, _ := strings.Cut(o.send, " ")
	status, header, body := p.answer(method)
	for status < 200 {
		status, header, body = p.answer(method)
	}
	if status != o.status || header.Get("Gatewayd-Reason") != o.reason.String() {
		t.Fatalf("got %d %v %q, want %d for %s", status, header, body, o.status, o.reason)
	}
	o.checkHeader(t, header)
	kind, text := "text/plain; charset=utf-8", fmt.Sprintf("%d %s: %s\n", status, http1.StatusText(status), o.reason.Sentence())
	if pages && !o.bare {
		kind, text = fmt.Sprintf("text/x-%d", status), fmt.Sprintf("<p>%d of web", status)
	}
	if body != text || header.Get("Content-Type") != kind || header.Get("Content-Length") != fmt.Sprint(len(text)) {
		t.Errorf("got %q as %v, want %q as %q", body, header, text, kind)
	}
	r.next(p, o.closes)
	if n := r.stats().Refused[o.reason]; n != 1 && o.reason != ReasonBadPath {
		t.Errorf("%d were counted", n)
	}
}

// client connects one.
func (o *ownAnswer) client(r *rig) *peer {
	r.t.Helper()
	if o.shows != nil {
		i := *o.shows
		if i.By == nil {
			i.By = ownSigner()
		}
		p, _ := r.as(certtest.New(i), "a.test", nil)
		return p
	}
	if !o.clear {
		return r.dial()
	}
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return newPeer(r.t, c)
}

// checkHeader: what each status must come with comes with it, and with no other.
func (o *ownAnswer) checkHeader(t *testing.T, h http.Header) {
	t.Helper()
	for name, of := range map[string]struct {
		value  string
		status int
	}{
		"Retry-After":           {"1", 503},
		"Allow":                 {"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS", 405},
		"Sec-Websocket-Version": {"13", 426},
		"Upgrade":               {"websocket", 426},
	} {
		if of.status != o.status {
			of.value = ""
		}
		if got := h.Get(name); got != of.value {
			t.Errorf("%s is %q, want %q", name, got, of.value)
		}
	}
	if closes := h.Get("Connection") == "close"; closes != o.closes || h.Get("Date") == "" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("got %v", h)
	}
}

// TestOwnAnswers provokes every answer that the gateway makes itself, by the list of its reasons: with its short text, and
// with the page of its listener.
func TestOwnAnswers(t *testing.T) {
	all := slices.Clone(ownAnswers)
	provoked, statuses := map[string]bool{}, map[int]bool{}
	for i := range breaches {
		b := &breaches[i]
		if key := fmt.Sprint(b.reason, b.status); b.status >= 400 && !provoked[key] {
			provoked[key] = true
			all = append(all, ofBreach(b))
		}
	}
	for i := range all {
		o := &all[i]
		provoked[o.reason.String()], statuses[o.status] = true, true
		for _, pages := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d %s, pages %t", o.status, o.reason, pages), func(t *testing.T) { o.provoke(t, pages) })
		}
	}
	for i := range Reasons {
		word := Reason(i).String()
		if provoked[word] == slices.Contains(unanswered, word) {
			t.Errorf("%s: it is provoked: %t, and listed as never answered: %t", word, provoked[word], !provoked[word])
		}
	}
	for _, status := range spec.ErrorStatuses() {
		if !statuses[status] {
			t.Errorf("spec.ErrorStatuses has %d, with which nothing is answered", status)
		}
		delete(statuses, status)
	}
	for status := range statuses {
		t.Errorf("spec.ErrorStatuses and the documentation of error_pages lack %d", status)
	}
}

// TestOwnAnswersAreDocumented: the guide lists every reason as the code has it, and no other.
func TestOwnAnswersAreDocumented(t *testing.T) {
	const guide = "../../docs/templates/guides/answers.md.tmpl"
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	var told, want []string
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(strings.TrimSpace(line), " | "); len(cells) >= 3 && strings.HasPrefix(cells[0], "| `") {
			told = append(told, strings.TrimSuffix(strings.Join(cells[:3], " | "), " |"))
		}
	}
	for i := 1; i < Reasons; i++ {
		r := Reason(i)
		want = append(want, fmt.Sprintf("| `%s` | %d | %s", r, r.Status(), r.Sentence()))
	}
	for _, row := range want {
		if !slices.Contains(told, row) {
			t.Errorf("%s lacks the row\n%s |", guide, row)
		}
	}
	for _, row := range told {
		if !slices.Contains(want, row) {
			t.Errorf("%s has a row that is not so:\n%s", guide, row)
		}
	}
}

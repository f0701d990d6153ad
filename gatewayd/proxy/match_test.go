package proxy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A mirror is a backend that tells, in the field Seen of its answer, the Host and the target of the request line.
func mirror(t testing.TB) *server {
	return newServer(t, func(p *peer) {
		for {
			head, err := p.tryHead()
			if err != nil {
				return
			}
			_, rest, _ := strings.Cut(head, " ")
			target, _, _ := strings.Cut(rest, " ")
			_, rest, _ = strings.Cut(head, "\r\nHost: ")
			host, _, _ := strings.Cut(rest, "\r\n")
			p.send("HTTP/1.1 200 OK\r\nSeen: " + host + " " + target + "\r\nContent-Length: 0\r\n\r\n")
		}
	})
}

// named replaces the rig's rules. Each has a setting of its own, which sends the rule's name as Host.
func (r *rig) named(rules map[string]*spec.Match) {
	r.rules = nil
	for name, m := range rules {
		s := spec.Settings.New().(*spec.Setting)
		s.Name, s.Host = name, &name
		r.more = append(r.more, s)
		r.rules = append(r.rules, &spec.Rule{Name: name, Listener: "web", Match: m, Pool: new("apps"), Setting: &name})
	}
}

// asks sends requests, each without its empty line and over a connection of its own, and compares what a mirror saw of each, or what
// the gateway refused it for.
func (r *rig) asks(want map[string]string) {
	r.t.Helper()
	for request, seen := range want {
		p := r.dial()
		p.send(request + "\r\n\r\n")
		method, _, _ := strings.Cut(request, " ")
		_, header, _ := p.answer(method)
		if got := header.Get("Seen") + header.Get("Gatewayd-Reason"); got != seen {
			r.t.Errorf("%q: got %q, want %q", request, got, seen)
		}
		p.Close()
	}
}

func TestMethodsChooseRules(t *testing.T) {
	r := newRig(t, func(r *rig) {
		r.named(map[string]*spec.Match{
			"read":  {Paths: []string{"/files/*"}, Methods: []string{"GET", "HEAD"}},
			"files": {Paths: []string{"/files/*"}},
			"post":  {Methods: []string{"POST"}},
		})
	}, mirror(t).addr)
	r.asks(map[string]string{
		"GET /files/a HTTP/1.1\r\nHost: a":                         "read /files/a",
		"HEAD /files/a HTTP/1.1\r\nHost: a":                        "read /files/a",
		"PUT /files/a HTTP/1.1\r\nHost: a\r\nContent-Length: 0":    "files /files/a",
		"POST /files/a HTTP/1.1\r\nHost: a\r\nContent-Length: 0":   "files /files/a",
		"POST /other HTTP/1.1\r\nHost: a\r\nContent-Length: 0":     "post /other",
		"DELETE /other HTTP/1.1\r\nHost: a\r\nContent-Length: 0":   "no_rule",
		"OPTIONS * HTTP/1.1\r\nHost: a":                            "no_rule",
		"BREW /files/pot HTTP/1.1\r\nHost: a\r\nContent-Length: 0": "files /files/pot",
	})
}

func TestHeadersAndQueryChooseRules(t *testing.T) {
	pattern := "(?i)^websocket$"
	r := newRig(t, func(r *rig) {
		r.named(map[string]*spec.Match{
			"all":    nil,
			"canary": {Headers: map[string]spec.ValueMatch{"X-Canary": {Equals: []string{"yes"}}}},
			"debug":  {Query: map[string]spec.ValueMatch{"de bug": {}}},
			"socket": {Headers: map[string]spec.ValueMatch{"Upgrade": {Pattern: &pattern}}},
		})
	}, mirror(t).addr)
	key := "\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
	r.asks(map[string]string{
		"GET / HTTP/1.1\r\nHost: a":                                              "all /",
		"GET / HTTP/1.1\r\nHost: a\r\nX-CANARY:  yes ":                           "canary /",
		"GET / HTTP/1.1\r\nHost: a\r\nX-Canary: no\r\nX-Canary: yes":             "canary /",
		"GET / HTTP/1.1\r\nHost: a\r\nX-Canary: yes\r\nConnection: x-canary":     "all /",
		"GET /?de+bug HTTP/1.1\r\nHost: a":                                       "debug /?de+bug",
		"GET /?x=1&%64e%20bug=0 HTTP/1.1\r\nHost: a":                             "debug /?x=1&%64e%20bug=0",
		"GET /?debug HTTP/1.1\r\nHost: a":                                        "all /?debug",
		"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade" + key:             "socket /chat",
		"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive" + key:          "all /chat", // no handshake
		"GET http://a/chat?de%20bug= HTTP/1.1\r\nHost: a\r\nX-Canary: yes,maybe": "debug /chat?de%20bug=",
	})
}

// TestACostlyMatchIsRefused: rules and a request that would hold the loop for long.
func TestACostlyMatchIsRefused(t *testing.T) {
	r := newRig(t, func(r *rig) {
		r.named(map[string]*spec.Match{"all": nil})
		for i := range 100 {
			pattern := fmt.Sprintf("(a|b?){1,20}%d$", i)
			r.rules = append(r.rules, &spec.Rule{Name: fmt.Sprint("costly-", i), Listener: "web", Pool: new("apps"), Setting: new("all"),
				Match: &spec.Match{Headers: map[string]spec.ValueMatch{"X-A": {Pattern: &pattern}}}})
		}
	}, mirror(t).addr)
	r.asks(map[string]string{
		"GET / HTTP/1.1\r\nHost: a\r\nX-A: a":                            "all /",
		"GET / HTTP/1.1\r\nHost: a\r\nX-A: " + strings.Repeat("a", 4000): "costly_match",
	})
}

// TestRulesGoByWhatTargetsSee: spec refuses conditions on the headers that end here or are written here, and no others.
func TestRulesGoByWhatTargetsSee(t *testing.T) {
	for _, name := range []string{
		"Connection", "HTTP2-Settings", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE", "Transfer-Encoding",
		"Host", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Forwarded-Prefix",
		"X-Original-Host", "X-Real-IP", "X-Request-ID", "Upgrade", "Trailer", "Cookie", "Authorization", "X-Team", "Content-Type", "Origin",
	} {
		id := http1.Lookup([]byte(name))
		want := (http1.HopByHop([]byte(name)) || ours(id)) && id != http1.FieldUpgrade
		m := &spec.Match{Headers: map[string]spec.ValueMatch{name: {}}}
		ps := spec.Check(&spec.Rule{Name: "r", Listener: "l", Pool: new("p"), Setting: new("s"), Match: m})
		if refused := len(ps) > 0; refused != want {
			t.Errorf("a condition on %s: %v, want it refused: %t", name, ps, want)
		}
	}
}

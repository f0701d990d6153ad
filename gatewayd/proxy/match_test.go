package proxy

import (
	"strings"
	"testing"

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
		r.rules = append(r.rules, &spec.Rule{Name: name, Listener: "web", Match: m, Pool: "apps", Setting: name})
	}
}

// asks sends requests, each without its empty line, over one connection, and compares what a mirror saw of each, or what
// the gateway refused it for.
func (r *rig) asks(want map[string]string) {
	r.t.Helper()
	p := r.dial()
	for request, seen := range want {
		p.send(request + "\r\n\r\n")
		method, _, _ := strings.Cut(request, " ")
		_, header, _ := p.answer(method)
		if got := header.Get("Seen") + header.Get("Gatewayd-Reason"); got != seen {
			r.t.Errorf("%q: got %q, want %q", request, got, seen)
		}
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

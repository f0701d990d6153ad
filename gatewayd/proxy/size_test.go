package proxy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A body in chunks tells its length only in the end. What is too much reaches no backend, which never takes the beginning
// for a whole request; and just as much as may be is fine.
func TestChunksAboveTheLimit(t *testing.T) {
	whole := make(chan string, 1)
	s := newServer(t, func(p *peer) {
		if _, body, ok := p.message(); ok {
			p.send(echoed(body))
			whole <- body
		} else {
			whole <- "broken off: " + body
		}
	})
	r := newRig(t, func(r *rig) { r.listener.MaxBodyBytes = 10 }, s.addr)
	p := r.dial()
	p.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n")
	until(t, "the beginning is at the backend", r.reached)
	p.send("4\r\nworl\r\n1\r\nd\r\n")
	if h := p.expect(413, "*"); h.Get("Gatewayd-Reason") != "body_too_large" || h.Get("Connection") != "close" {
		t.Errorf("got %v", h)
	}
	if got := p.rest(); got != "" {
		t.Errorf("behind the answer came %q", got)
	}
	if got := <-whole; !strings.HasPrefix(got, "broken off: ") || strings.Contains(got, "\r\nd") {
		t.Errorf("the backend got %q", got)
	}
	p = r.dial()
	p.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n4\r\nworl\r\n0\r\n\r\n")
	p.expect(200, "*")
	if got := <-whole; !strings.HasSuffix(got, "0\r\n\r\n") {
		t.Errorf("the backend got %q", got)
	}
}

// echoed is an answer as long as what was asked.
func echoed(body string) string { return ok(fmt.Sprint(len(body))) }

// An answer that has begun is cut where the request's body turns out to be too large.
func TestChunksAboveTheLimitBehindAnEarlyAnswer(t *testing.T) {
	s := newServer(t, func(p *peer) {
		p.head()
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
		p.gone()
	})
	r := newRig(t, func(r *rig) { r.listener.MaxBodyBytes = 10 }, s.addr)
	p := r.dial()
	p.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
	p.head()
	p.bytes(2)
	p.send("b\r\nhello world\r\n0\r\n\r\n")
	if got := p.rest(); got != "" {
		t.Errorf("the answer went on with %q", got)
	}
	if n := r.stats().Aborted; n != 1 {
		t.Errorf("%d answers were cut", n)
	}
}

// Until its host is known a request is under the limits of the listener without names; then under those of its own.
func TestLimitsOfASharedPort(t *testing.T) {
	s := answering(t, ok("x"))
	r := newRig(t, func(r *rig) {
		r.listener.MaxHeaderBytes, r.listener.MaxURLBytes, r.listener.HeaderTimeout = 4096, 2048, "1s"
		shared := spec.Listeners.New().(*spec.Listener)
		shared.Name, shared.Port, shared.Hostnames = "small", 80, []string{"small.test"}
		shared.MaxHeaderBytes, shared.MaxURLBytes, shared.MaxBodyBytes, shared.HeaderTimeout = 2048, 1024, 10, "1h"
		r.more = append(r.more, shared)
		large := *shared
		large.Name, large.Hostnames = "large", []string{"large.test"}
		large.MaxHeaderBytes, large.MaxURLBytes, large.MaxBodyBytes = 65536, 65536, 0
		r.more = append(r.more, &large)
		for _, l := range []string{"small", "large"} {
			r.rules = append(r.rules, &spec.Rule{Name: l, Listener: l, Pool: new("apps"), Setting: new("plain")})
		}
	}, s.addr)
	for _, c := range []struct {
		host         string
		target, head int // bytes
		length       int
		status       int
		reason       string
	}{
		{"basic.test", 2048, 0, 11, 200, ""},
		{"basic.test", 2049, 0, 0, 414, "target_too_long"},
		{"basic.test", 1, 4097, 0, 431, "head_too_large"},
		{"small.test", 1024, 0, 10, 200, ""},
		{"small.test", 1025, 0, 0, 414, "target_too_long"},
		{"small.test", 1, 2049, 0, 431, "head_too_large"},
		{"small.test", 1, 0, 11, 413, "body_too_large"},
		{"large.test", 2048, 4096, 11, 200, ""},
		{"large.test", 2049, 0, 0, 414, "target_too_long"},
		{"large.test", 1, 4097, 0, 431, "head_too_large"},
	} {
		head := fmt.Sprintf("POST /%s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", strings.Repeat("x", c.target-1), c.host, c.length)
		if n := c.head - len(head) - len("X: \r\n\r\n"); n > 0 {
			head += "X: " + strings.Repeat("y", n) + "\r\n"
		}
		p := r.dial()
		p.send(head + "\r\n" + strings.Repeat("z", c.length))
		if status, h, _ := p.answer("POST"); status != c.status || h.Get("Gatewayd-Reason") != c.reason {
			t.Errorf("%s, a target of %d, a head of %d and a body of %d bytes: got %d %s, want %d %s",
				c.host, c.target, len(head)+2, c.length, status, h.Get("Gatewayd-Reason"), c.status, c.reason)
		}
	}
	// So is the time of a head, whatever host a part of it names.
	p := r.dial()
	p.send("GET / HTTP/1.1\r\nHost: small.test\r\n")
	if h := p.expect(408, "*"); h.Get("Gatewayd-Reason") != "slow_request" {
		t.Errorf("got %v", h)
	}
}

package proxy

import (
	"net"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// An address and port has as many connections as it may, over all loops, WebSockets included. Whoever comes then is told,
// and whoever comes when a place is free is served.
func TestMaxConnectionsOfAListener(t *testing.T) {
	const limit = 6
	s := newCrowd(t, nil)
	r := newLoops(t, 3, func(r *rig) {
		r.listener.MaxConnections = limit
		// The listener without names decides, and not this one.
		other := spec.Listeners.New().(*spec.Listener)
		other.Name, other.Port, other.Hostnames, other.MaxConnections = "other", 80, []string{"a"}, 1
		r.more = append(r.more, other)
	}, s.addr)
	open := func() int64 { return r.connections.at(table.Place{Port: 80}).Load() }
	var all []*peer
	for range limit / 2 {
		p := r.dial()
		p.send(strings.Replace(wsRequest, "Host: a\r\n", "Host: b\r\n", 1))
		if status, _, _ := p.answer("GET"); status != 101 {
			t.Fatalf("a WebSocket got %d", status)
		}
		all = append(all, p)
	}
	for range limit / 2 {
		p := r.dial()
		p.send("GET /%5c HTTP/1.1\r\nHost: b\r\n\r\n")
		p.expect(400, "*")
		all = append(all, p)
	}
	for _, send := range []string{"GET / HTTP/1.1\r\nHost: b\r\n\r\n", wsRequest, "POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\n\r\nabc"} {
		p := r.dial()
		p.send(send)
		if h := p.expect(503, "*"); h.Get("Gatewayd-Reason") != "too_many_connections" || h.Get("Retry-After") == "" || h.Get("Connection") != "close" {
			t.Errorf("got %v", h)
		}
		if got := p.rest(); got != "" {
			t.Errorf("behind the answer came %q", got)
		}
	}
	if got := r.dial().rest(); got != "" { // It asks for nothing, and does not stay for keep_alive_timeout.
		t.Errorf("a silent connection was sent %q", got)
	}
	for _, p := range []*peer{all[0], all[limit-1]} {
		p.reset()
	}
	until(t, "two are gone", func() bool { return open() == limit-2 })
	for range 2 {
		p := r.dial()
		p.send("GET /%5c HTTP/1.1\r\nHost: b\r\n\r\n")
		p.expect(400, "*")
	}
	if n := open(); n != limit {
		t.Errorf("%d connections are counted, want %d", n, limit)
	}
}

// A flood is bounded: who is told is one of few, the others are closed at once. Then all is as before.
func TestFloodAboveMaxConnections(t *testing.T) {
	r := newRig(t, func(r *rig) { r.listener.MaxConnections = 1 }, answering(t, ok("x")).addr)
	first := r.dial()
	until(t, "it is accepted", func() bool { return r.stats().Clients == 1 })
	var flood []net.Conn
	for range 3 * excessMost {
		c, err := net.Dial("tcp", r.addr)
		if err == nil { // else it was turned away already
			defer c.Close()
			flood = append(flood, c)
		}
	}
	until(t, "many were turned away", func() bool { return r.stats().TurnedAway >= excessMost })
	if n := r.stats().Clients; n > 1+excessMost {
		t.Errorf("%d connections are held", n)
	}
	first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	first.expect(200, "x")
	first.Close()
	for _, c := range flood {
		c.Close()
	}
	until(t, "all are gone", func() bool { return r.stats().Clients == 0 })
	p := r.dial()
	p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	p.expect(200, "x")
}

// When descriptors become scarce, new clients are told so while there are some left for targets, and then a request that
// needs one is.
func TestDescriptorsBecomeScarce(t *testing.T) {
	r := newRig(t, nil, answering(t, ok("x")).addr)
	fds := &r.descriptors
	p := r.dial()
	until(t, "it is accepted", func() bool { return r.stats().Clients == 1 })
	for _, c := range []struct {
		most   int
		status int
	}{{1, 503}, {2, 200}} {
		fds.Set(c.most)
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		status, h, _ := p.answer("GET")
		if status != c.status || status == 503 && h.Get("Gatewayd-Reason") != "no_descriptor" {
			t.Errorf("with %d descriptors: got %d %v", c.most, status, h)
		}
	}
	fds.Set(2)
	q, err := net.Dial("tcp", r.addr)
	if err == nil {
		defer q.Close()
		_, err = q.Read(make([]byte, 1))
	}
	if err == nil {
		t.Error("a connection was served without a descriptor")
	}
	until(t, "it was turned away", func() bool { return r.stats().TurnedAway == 1 })
	fds.Set(16)
	p = r.dial()
	p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	p.expect(200, "x")
	until(t, "those of two clients and a target are counted", func() bool { _, used := fds.Share(); return used == 3 })
}

package proxy

import (
	"io"
	"testing"
	"time"
)

// trickle sends a head without end, a byte at a time, until the connection is gone.
func (p *peer) trickle() {
	io.WriteString(p.Conn, "GET / HTTP/1.1\r\nHost: a\r\nX: ")
	for {
		if _, err := io.WriteString(p.Conn, "x"); err != nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// The time of a head is one for all of it, counts from its first byte, and is the same for the next request on the
// connection. Who sent no byte is not told that it is late.
func TestHeadsThatTrickle(t *testing.T) {
	r := newRig(t, func(r *rig) { r.listener.HeaderTimeout, r.listener.KeepAliveTimeout = "200ms", "1s" }, answering(t, ok("x")).addr)
	for _, before := range []int{0, 1, 3} {
		p := r.dial()
		for range before {
			p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			p.expect(200, "x")
		}
		go p.trickle()
		if h := p.expect(408, "*"); h.Get("Gatewayd-Reason") != "slow_request" || h.Get("Connection") != "close" {
			t.Errorf("behind %d requests: got %v", before, h)
		}
		if got := p.rest(); got != "" {
			t.Errorf("behind %d requests: behind the answer came %q", before, got)
		}
	}
	p := r.dial()
	p.send("\r\n") // RFC 9112 2.2: an empty line before a request is none of it
	if got := p.rest(); got != "" {
		t.Errorf("who asked for nothing was sent %q", got)
	}
}

// A body may take as long as it likes while something of it comes in time, also that of a second request.
func TestBodiesThatTrickle(t *testing.T) {
	s := newServer(t, func(p *peer) {
		for {
			head, _, alive := p.message()
			if !alive {
				return
			}
			p.send(ok(head[:4]))
		}
	})
	r := newRig(t, func(r *rig) { r.listener.BodyTimeout, r.setting.StreamIdleTimeout = "1h", "0s" }, s.addr)
	p := r.dial()
	for _, c := range []struct{ head, unit, end string }{
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n", "x", ""},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n", "0\r\n\r\n"},
	} {
		p.send(c.head)
		until(t, "the request is at the backend", r.reached)
		received := func() (n int64) {
			r.on(func() { n = r.w.first.account.received })
			return n
		}
		for i := range 4 {
			r.age(59 * time.Minute)
			before := received()
			p.send(c.unit)
			if i < 3 {
				until(t, "the byte came", func() bool { return received() == before+1 })
			}
		}
		p.send(c.end)
		p.expect(200, "POST")
		p.send(c.head)
		until(t, "the request is at the backend", r.reached)
		p.send(c.unit)
		until(t, "the byte came", func() bool { return received() > int64(len(c.head)) })
		r.age(time.Hour)
		if h := p.expect(408, "*"); h.Get("Gatewayd-Reason") != "slow_body" {
			t.Errorf("got %v", h)
		}
		p = r.dial()
	}
}

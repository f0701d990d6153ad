package proxy

import (
	"bytes"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Requests that come at once are answered one after the other.
func TestPipelining(t *testing.T) {
	var n atomic.Int64
	s := newServer(t, func(p *peer) {
		for {
			head, _, alive := p.message()
			if !alive {
				return
			}
			if n.Add(1) > 1 && p.r.Buffered() > 0 {
				t.Errorf("two requests came at once")
			}
			p.send(ok(strings.Fields(head)[1]))
		}
	})
	r := newRig(t, nil, s.addr)
	p := r.dial()
	p.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /%5c HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\nGET /4 HT")
	p.expect(200, "/1")
	p.expect(200, "/2")
	p.expect(400, "*")
	p.expect(200, "/3")
	p.send("TP/1.1\r\nHost: a\r\n\r\n")
	p.expect(200, "/4")
}

// A client that asks and asks and never reads is not read from either.
func TestPipelinedRefusalsAreBounded(t *testing.T) {
	r := newRig(t, nil)
	p := r.dial()
	sent := flood(p)
	c := r.floods()
	r.on(func() {
		if n := c.stream.Queued(); n > 1<<20 {
			t.Errorf("%d bytes are queued", n)
		}
	})
	for n := range 100_000 {
		if n%1000 == 0 {
			p.SetDeadline(time.Now().Add(patience)) // So many take their time where others compute, too.
		}
		p.expect(400, "*")
	}
	<-sent
}

// What answers requests that come at once is gathered within the memory that is there for it.
func TestGatheredRefusalsAreBounded(t *testing.T) {
	r := newRig(t, nil)
	p := r.dial()
	until(t, "it is accepted", func() bool { return r.stats().Clients == 1 })
	const n = 2000
	r.on(func() { p.send(strings.Repeat("GET /%5c HTTP/1.1\r\nHost: a\r\n\r\n", n)) }) // one read for the loop
	for range n {
		p.expect(400, "*")
	}
	r.on(func() {
		if n := cap(r.w.out.buf); n > cap(r.l.Scratch()) {
			t.Errorf("%d bytes were gathered", n)
		}
	})
}

// flood asks 100 000 times for what is refused.
func flood(p *peer) (sent chan bool) {
	all := bytes.Repeat([]byte("GET /%5c HTTP/1.1\r\nHost: a\r\n\r\n"), 100_000)
	sent = make(chan bool)
	go func() { p.Write(all); close(sent) }()
	return sent
}

// floods waits until the only client's answers wait for it.
func (r *rig) floods() (only *client) {
	r.t.Helper()
	until(r.t, "the gateway stops reading", func() bool {
		r.on(func() {
			for _, d := range r.w.doors {
				if c := d.first; c != nil && c.flags&cAhead != 0 && c.stream.Queued() > 0 {
					only = c
				}
			}
		})
		return only != nil
	})
	return only
}

// A client whose answer is still on its way is not idle: it has time as long as it takes some of it.
func TestAnswerOutlastsKeepAlive(t *testing.T) {
	for _, reads := range []bool{true, false} {
		r := newRig(t, nil)
		p := r.dial()
		sent := flood(p)
		c := r.floods()
		r.on(func() { c.stream.SetDeadline(1) }) // keep_alive_timeout passes
		until(t, "the time was up", func() bool {
			up := false
			r.on(func() { up = c.stream == nil || c.untaken > 0 })
			return up
		})
		if reads {
			for range 100_000 {
				p.expect(400, "*")
			}
			<-sent
			p.send("GET /%5c HTTP/1.1\r\nHost: a\r\n\r\n")
			p.expect(400, "*")
			continue
		}
		r.on(func() { c.stream.SetDeadline(1) })
		<-sent
		until(t, "the connection is gone", func() bool { return r.stats().Clients == 0 })
	}
}

package proxy

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

func TestExpectContinue(t *testing.T) {
	s := newServer(t, func(p *peer) {
		for {
			head, err := p.tryHead()
			if err != nil {
				return
			}
			if !strings.Contains(head, "Expect: 100-continue\r\n") {
				t.Errorf("the backend got %q", head)
			}
			if strings.HasPrefix(head, "PUT") {
				p.send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")
				continue
			}
			p.send("HTTP/1.1 100 Continue\r\n\r\n")
			p.send(ok("got " + p.bytes(3)))
		}
	})
	r := newRig(t, nil, s.addr)
	p := r.dial()
	for range 2 {
		p.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
		if got := p.head(); got != "HTTP/1.1 100 Continue\r\n\r\n" {
			t.Fatalf("got %q", got)
		}
		p.send("abc")
		p.expect(200, "got abc")
	}
	// A final answer instead: nobody knows whether the body comes, so nothing may follow.
	p.send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
	if h := p.expect(417, ""); h.Get("Connection") != "close" {
		t.Errorf("the connection goes on: %v", h)
	}
}

// The answer comes while the request's body is still on its way.
func TestEarlyAnswers(t *testing.T) {
	s := newServer(t, func(p *peer) {
		for {
			head, err := p.tryHead()
			if err != nil {
				return
			}
			p.send(ok("early"))
			if strings.Contains(head, "X-Reset") {
				p.reset()
				return
			}
		}
	})
	r := newRig(t, nil, s.addr)
	small, large := strings.Repeat("x", 1000), strings.Repeat("x", 4<<20)

	p := r.dial()
	p.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
	p.expect(200, "early")
	p.send(small) // read and thrown away
	p.send("GET /%5c HTTP/1.1\r\nHost: a\r\n\r\n")
	p.expect(400, "*")

	p = r.dial()
	p.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4194304\r\n\r\n")
	if h := p.expect(200, "early"); h.Get("Connection") != "close" {
		t.Errorf("4 MiB are still to come, and the connection is to go on: %v", h)
	}
	go io.WriteString(p.Conn, large) // too much: the connection ends
	if got := p.rest(); got != "" {
		t.Errorf("behind the answer came %q", got)
	}

	p = r.dial()
	p.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
	if h := p.expect(200, "early"); h.Get("Connection") != "close" {
		t.Errorf("nobody knows how much is still to come, and the connection is to go on: %v", h)
	}
	p.CloseWrite()
	p.gone()

	until(t, "no connection with an unfinished request is kept", func() bool { return r.stats().Idle == 0 })
}

// An answer goes on while the request does: both directions at once, without a bound in between.
func TestFullDuplex(t *testing.T) {
	s := newServer(t, func(p *peer) {
		p.head()
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n")
		io.CopyN(p.Conn, p.r, 3000000)
	})
	r := newRig(t, nil, s.addr)
	p := r.dial()
	p.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n")
	go io.WriteString(p.Conn, strings.Repeat("x", 3000000))
	p.expect(200, strings.Repeat("x", 3000000))
}

// Whoever does not read stops whoever writes, in both directions, and costs at most a buffer.
func TestBackPressure(t *testing.T) {
	const size = 64 << 20
	read := make(chan bool)
	s := newServer(t, func(p *peer) {
		head := p.head()
		if strings.HasPrefix(head, "POST") {
			<-read
			n, _ := io.CopyN(io.Discard, p.r, size)
			p.send(ok(strings.Repeat("x", int(n>>20))))
			return
		}
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n")
		io.Copy(p.Conn, io.LimitReader(zeros{}, size))
	})
	r := newRig(t, nil, s.addr)
	stalled := func(what string) {
		t.Helper()
		until(t, what, func() bool {
			queued := 0
			r.on(func() {
				if x := r.w.first; x != nil && x.up != nil && x.up.stream != nil {
					queued = x.up.stream.Queued() + x.down.queued()
				}
			})
			return queued > 0
		})
		queued := 0
		r.on(func() { queued = r.w.first.up.stream.Queued() + r.w.first.down.queued() })
		if queued > loop.MaxBuffer+1024 {
			t.Errorf("%d bytes are queued", queued)
		}
	}

	p := r.dial()
	p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	stalled("the answer stands still")
	p.head()
	if n, _ := io.CopyN(io.Discard, p.r, size); n != size {
		t.Errorf("got %d bytes", n)
	}
	p.Close()
	until(t, "the exchange is over", func() bool { return r.stats().Open == 0 })

	p = r.dial()
	sent := make(chan error, 1)
	go func() {
		io.WriteString(p.Conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 67108864\r\n\r\n")
		_, err := io.Copy(p.Conn, io.LimitReader(zeros{}, size))
		sent <- err
	}()
	stalled("the request stands still")
	close(read)
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	p.expect(200, strings.Repeat("x", size>>20))
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// A client that ends its side still gets its answer; one that resets cancels.
func TestClientEnds(t *testing.T) {
	asked, answer := make(chan bool, 1), make(chan bool)
	canceled := make(chan bool, 1)
	s := newServer(t, func(p *peer) {
		head, _, alive := p.message()
		if !alive {
			return
		}
		asked <- true
		if strings.Contains(head, "/cancel") {
			p.gone()
			canceled <- true
			return
		}
		<-answer
		p.send(ok("late"))
	})
	r := newRig(t, nil, s.addr)
	p := r.dial()
	p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	p.CloseWrite()
	<-asked
	close(answer)
	p.expect(200, "late")
	if got := p.rest(); got != "" {
		t.Errorf("behind the answer came %q", got)
	}
	p = r.dial()
	p.send("GET /cancel HTTP/1.1\r\nHost: a\r\n\r\n")
	<-asked
	p.reset()
	<-canceled
	until(t, "the exchange is over", func() bool { return r.stats().Open == 0 })
}

// The setting decides what the backend sees as Host.
func TestHost(t *testing.T) {
	s := answering(t, ok("x"))
	name := "inner.test:81"
	for want, change := range map[string]func(*rig){
		"Host: inner.test:81\r\n":           func(r *rig) { r.setting.Host = &name },
		"Host: " + s.addr.String() + "\r\n": func(r *rig) { r.setting.HostFromTarget = true },
		"Host: a.test:90\r\n":               nil,
	} {
		r := newRig(t, change, s.addr)
		p := r.dial()
		p.send("GET / HTTP/1.1\r\nHost: a.test:90\r\n\r\n")
		p.expect(200, "x")
		got := s.got()
		head := got[len(got)-1]
		if !strings.Contains(head, "\r\n"+want) || !strings.Contains(head, "X-Forwarded-Host: a.test:90\r\n") {
			t.Errorf("want %q in %q", want, head)
		}
	}
}

var _ net.Conn = (*peer)(nil)

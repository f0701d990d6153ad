package proxy

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
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
	for range 100_000 {
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

// A kept connection serves the next request, of whichever client; the setting bounds how many wait.
func TestIdleConnections(t *testing.T) {
	s := answering(t, ok("x"))
	r := newRig(t, func(r *rig) { r.setting.KeepAlive.MaxIdle = 2 }, s.addr)
	for range 5 {
		p := r.dial()
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		p.expect(200, "x")
		p.Close()
	}
	if n := s.conns.Load(); n != 1 {
		t.Errorf("five requests took %d connections", n)
	}
	begun, let := make(chan bool), make(chan bool)
	slow := newServer(t, func(p *peer) {
		for {
			if _, _, alive := p.message(); !alive {
				return
			}
			begun <- true
			<-let
			p.send(ok("x"))
		}
	})
	r.on(func() { r.targets(slow.addr); r.publish() })
	var peers []*peer
	for range 4 {
		p := r.dial()
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		peers = append(peers, p)
		<-begun
	}
	close(let)
	for _, p := range peers {
		p.expect(200, "x")
	}
	if n := r.stats().Idle; n != 3 { // one is the first server's
		t.Errorf("%d connections are idle, want 2 of this target and 1 of the other", n)
	}
}

// Either side may want no further request on its connection.
func TestNoKeepAlive(t *testing.T) {
	s := answering(t, ok("x"))
	for name, change := range map[string]func(*rig){
		"no idle time":        func(r *rig) { r.setting.KeepAlive.IdleTimeout = "0s" },
		"no idle connections": func(r *rig) { r.setting.KeepAlive.MaxIdle = 0 },
	} {
		r := newRig(t, change, s.addr)
		p := r.dial()
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		p.expect(200, "x")
		p.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		if h := p.expect(200, "x"); h.Get("Connection") != "close" {
			t.Errorf("%s: the client got %v", name, h)
		}
		if got := p.rest(); got != "" {
			t.Errorf("%s: behind the answer came %q", name, got)
		}
		if n := r.stats().Idle; n != 0 {
			t.Errorf("%s: %d connections are idle", name, n)
		}
	}
	for _, head := range s.got() {
		if !strings.Contains(head, "\r\nConnection: close\r\n") {
			t.Errorf("the backend got %q", head)
		}
	}
}

// Idle connections to a backend that is gone are closed at once.
func TestIdleConnectionsOfAGoneBackend(t *testing.T) {
	ended := make(chan bool, 1)
	s := newServer(t, func(p *peer) { p.message(); p.send(ok("x")); p.gone(); ended <- true })
	r := newRig(t, func(r *rig) { r.setting.KeepAlive.IdleTimeout = "1h" }, s.addr)
	for _, subject := range []func() tunnel.Subject{
		func() tunnel.Subject { return tunnel.Subject{Backend: r.registry.Backends()[0]} },
		func() tunnel.Subject { return tunnel.Subject{Pool: "pool:apps"} },
	} {
		p := r.dial()
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		p.expect(200, "x")
		r.on(func() { r.w.Drain(subject(), tunnel.Drain{Timeout: time.Hour}) })
		<-ended
	}
}

// Of a backend with which nothing is idle any more nothing is kept, whoever ended what was.
func TestNoEmptyShelves(t *testing.T) {
	for name, s := range map[string]*server{
		"ended while idle": newServer(t, func(p *peer) { p.message(); p.send(ok("x")); p.CloseWrite(); p.gone() }),
		"ended in use": newServer(t, func(p *peer) {
			p.message()
			p.send(ok("x"))
			p.message()
			p.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx")
		}),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(r *rig) { r.setting.KeepAlive.IdleTimeout = "1h" }, s.addr)
			p := r.dial()
			for range 2 {
				p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				p.expect(200, "x")
			}
			until(t, "nothing is kept", func() bool {
				stocks := 0
				r.on(func() { stocks = len(r.w.stocks) })
				return stocks == 0
			})
		})
	}
}

// A request that outlives its backend does not put its connection aside.
func TestNothingIsKeptOfAGoneBackend(t *testing.T) {
	for _, pool := range []bool{false, true} {
		asked, answer := make(chan bool, 1), make(chan bool, 1)
		s := newServer(t, func(p *peer) { p.message(); asked <- true; <-answer; p.send(ok("x")); p.gone() })
		r := newRig(t, func(r *rig) { r.setting.KeepAlive.IdleTimeout = "1h" }, s.addr)
		p := r.dial()
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		<-asked
		r.on(func() {
			of := tunnel.Subject{Backend: r.registry.Backends()[0]}
			if pool {
				of = tunnel.Subject{Pool: "pool:apps"}
			}
			r.w.Drain(of, tunnel.Drain{Timeout: time.Hour})
		})
		answer <- true
		p.expect(200, "x")
		r.on(func() {
			if len(r.w.stocks) != 0 || r.w.stats.Idle != 0 {
				t.Errorf("pool %v: %d stocks, %d idle connections are kept", pool, len(r.w.stocks), r.w.stats.Idle)
			}
		})
	}
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

// A handler that panics costs its own connection and leaves nothing behind.
func TestPanicIsContained(t *testing.T) {
	s := answering(t, ok("x"))
	r := newRig(t, nil, s.addr)
	r.panics = 2
	busy := r.dial()
	busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	busy.expect(200, "x")
	p := r.dial()
	until(t, "both are accepted", func() bool { return r.stats().Clients == 2 })
	r.on(func() { r.w.cfg.Table.Store(nil) })
	p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	p.gone()
	r.on(func() { r.publish() })
	busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	busy.expect(200, "x")

	// Within an answer: the exchange is refused or cut, and everything counted is given back.
	release := make(chan bool)
	slow := newServer(t, func(p *peer) { p.message(); <-release; p.send(ok("x")); p.gone() })
	r.on(func() { r.targets(slow.addr); r.publish() })
	busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	until(t, "the request is at the backend", func() bool { return r.stats().Open == 1 })
	r.on(func() { r.w.first.down = brittle{r.w.first.down} })
	close(release)
	busy.gone()
	until(t, "everything is given back", func() bool { s := r.stats(); return s.Open == 0 && s.Clients == 0 })
}

// brittle is a downstream that breaks at the answer.
type brittle struct{ downstream }

func (brittle) answer(*http1.Response) { panic("meant by the test") }

var _ net.Conn = (*peer)(nil)

// A panic in a timer ends the connection of its request, and no byte that was gathered before goes anywhere.
func TestPanicInATimer(t *testing.T) {
	for name, down := range map[string]func(downstream) downstream{
		"before anything":       func(d downstream) downstream { return breaking{d, 0} },
		"within the answer":     func(d downstream) downstream { return breaking{d, 1} },
		"behind a whole answer": func(d downstream) downstream { return breaking{d, 2} },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, func(p *peer) { p.message(); p.gone() })
			r := newRig(t, nil, s.addr)
			r.panics = 1
			p, other := r.dial(), r.dial()
			until(t, "both are there", func() bool { return r.stats().Clients == 2 })
			p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			until(t, "the request is at the backend", func() bool { return r.stats().Open == 1 && s.conns.Load() == 1 })
			r.on(func() { r.w.first.down = down(r.w.first.down) })
			r.age(time.Hour)
			if got := p.rest(); got != "" {
				t.Errorf("the client got %q", got)
			}
			until(t, "the exchange is over", func() bool { s := r.stats(); return s.Open == 0 && s.Clients == 1 })
			other.send("GET /%5c HTTP/1.1\r\nHost: a\r\n\r\n")
			other.expect(400, "*")
		})
	}
}

// breaking is a downstream that breaks when it is refused, at one of three moments.
type breaking struct {
	downstream
	at int
}

func (d breaking) refuse(r refusal) {
	switch c := d.downstream.(*client); d.at {
	case 1:
		c.w.out.keep(append(c.w.out.open(c.stream), "HTTP/1.1 200 OK\r\n"...))
	case 2:
		d.downstream.refuse(r)
	}
	panic("meant by the test")
}

// What a panic left gathered is not sent by what the gateway does next on its own.
func TestNothingOfAPanicIsSent(t *testing.T) {
	for name, next := range map[string]func(*rig){
		"drain":    func(r *rig) { r.w.Drain(tunnel.Subject{Listener: "listener:web"}, tunnel.Drain{Timeout: time.Hour}) },
		"sweep":    func(r *rig) { r.w.Sweep() },
		"shutdown": func(r *rig) { r.w.Shutdown(time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			p := r.dial()
			until(t, "it is accepted", func() bool { return r.stats().Clients == 1 })
			r.on(func() {
				for _, d := range r.w.doors {
					r.w.out.keep(append(r.w.out.open(d.first.stream), "left by a panic"...))
				}
				if name != "shutdown" {
					r.listener = nil
					r.publish()
				}
				next(r)
			})
			if got := p.rest(); got != "" {
				t.Errorf("the client got %q", got)
			}
		})
	}
}

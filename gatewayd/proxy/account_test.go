package proxy

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// traffic is what was counted of the rig's only rule, and upstream of its pool.
func (r *rig) traffic() meter.TrafficFigures {
	return r.table.Load().Routes()[0].Traffic.Figures()
}

func (r *rig) upstream() meter.UpstreamFigures {
	return r.table.Load().Routes()[0].Upstream.Figures()
}

// counted is how many requests ended in each class, zeros left out.
func counted(f meter.TrafficFigures) string {
	var list []string
	for c, n := range f.Ended {
		for range n {
			list = append(list, meter.Class(c).String())
		}
	}
	return strings.Join(list, " ")
}

// exchange sends one request on a connection of its own, which the gateway closes, and is what came back.
func (r *rig) exchange(request string) string {
	p := r.dial()
	defer p.Close()
	p.send(request)
	return p.rest()
}

// Whoever has the answer finds it counted, to the byte, at the rule, the listener or nobody, and nowhere twice.
func TestRequestsAreCounted(t *testing.T) {
	backend := newServer(t, func(p *peer) {
		for {
			head, err := p.tryHead()
			switch {
			case err != nil:
				return
			case strings.Contains(head, "POST"):
				p.bytes(10)
				p.send("HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nyes")
			case strings.Contains(head, "/missing"):
				p.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
			default:
				p.send("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
			}
		}
	})
	strangers := meter.NewTraffic(1)
	r := newRig(t, func(r *rig) {
		r.rules[0].Match = &spec.Match{Paths: []string{"/app/*"}}
		r.w.cfg.Strangers = strangers
	}, backend.addr)
	listener := func() meter.TrafficFigures { return r.table.Load().Routes()[0].Listener.Traffic.Figures() }
	var received, sent int
	for _, c := range []struct{ request, rule string }{
		{"GET /app/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "2xx"},
		{"POST /app/b HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nConnection: close\r\n\r\n0123456789", "2xx 2xx"},
		{"GET /app/missing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "2xx 2xx 4xx"},
		{"HEAD /app/a HTTP/1.0\r\nHost: a\r\n\r\n", "2xx 2xx 2xx 4xx"},
	} {
		received += len(c.request)
		sent += len(r.exchange(c.request))
		f := r.traffic()
		if got := counted(f); got != c.rule || f.Received != uint64(received) || f.Sent != uint64(sent) {
			t.Fatalf("behind %.20q the rule has %q, %d bytes in, %d out; want %q, %d, %d", c.request, got, f.Received, f.Sent, c.rule, received, sent)
		}
	}
	request := "GET /elsewhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	answer := r.exchange(request)
	if f := listener(); counted(f) != "4xx" || f.Received != uint64(len(request)) || f.Sent != uint64(len(answer)) {
		t.Errorf("the listener has %q, %d bytes in, %d out; want 4xx, %d, %d", counted(f), f.Received, f.Sent, len(request), len(answer))
	}
	request = "GET /app/a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"
	answer = r.exchange(request)
	if f := strangers.Figures(); counted(f) != "4xx" || f.Received != uint64(len(request)) || f.Sent != uint64(len(answer)) {
		t.Errorf("nobody has %q, %d bytes in, %d out; want 4xx, %d, %d", counted(f), f.Received, f.Sent, len(request), len(answer))
	}
	up := r.upstream()
	if up.FirstByte.Count() != 4 || up.Total.Count() != 4 || up.Connect.Count() == 0 || up.Failed != [meter.Failures]uint64{} {
		t.Errorf("the upstream has %+v", up)
	}
	if f := r.traffic(); counted(f) != "2xx 2xx 2xx 4xx" || f.UsedTunnels {
		t.Errorf("in the end the rule has %q", counted(f))
	}
}

// Pipelined requests are each counted, with the bytes of their own answers.
func TestPipelinedRequestsAreCounted(t *testing.T) {
	r := newRig(t, func(r *rig) { r.rules[0].Pool = new("none") })
	one := "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	p := r.dial()
	p.send(strings.Repeat(one, 9) + strings.Replace(one, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1))
	answers := p.rest()
	f := r.traffic()
	if n := f.Ended[meter.ServerError]; n != 10 || f.Sent != uint64(len(answers)) {
		t.Errorf("%d answers of %d bytes were counted, want 10 of %d", n, f.Sent, len(answers))
	}
}

// What is asked on a connection that is one too many is counted as it was asked.
func TestRefusedConnectionsAreCounted(t *testing.T) {
	strangers := meter.NewTraffic(1)
	r := newRig(t, func(r *rig) {
		r.listener.MaxConnections = 1
		r.w.cfg.Strangers = strangers
	}, answering(t, ok("x")).addr)
	first := r.dial()
	first.send(get)
	first.expect(200, "x")
	answer := r.exchange(get)
	if f := strangers.Figures(); counted(f) != "5xx" || f.Received != uint64(len(get)) || f.Sent != uint64(len(answer)) {
		t.Errorf("nobody has %q, %d bytes in, %d out; want 5xx, %d, %d", counted(f), f.Received, f.Sent, len(get), len(answer))
	}
}

// An answer that breaks off has its status; a client that leaves before one has none. Neither has a latency.
func TestBrokenExchangesAreCounted(t *testing.T) {
	backend := newServer(t, func(p *peer) {
		// The client may have left before its request was here.
		if head, _ := p.tryHead(); strings.Contains(head, "/half") {
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
			return
		}
		io.Copy(io.Discard, p.r)
	})
	r := newRig(t, nil, backend.addr)
	r.exchange("GET /half HTTP/1.1\r\nHost: a\r\n\r\n")
	if got := counted(r.traffic()); got != "2xx" {
		t.Errorf("behind half an answer: %q", got)
	}
	// A client that ends its side may still wait; only a reset says that it left.
	p := r.dial()
	p.send("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n")
	until(t, "the backend has the connection", func() bool { return backend.conns.Load() == 2 })
	p.reset()
	until(t, "the client has left", func() bool { return r.traffic().Ended[meter.Unanswered] == 1 })
	if up := r.upstream(); up.FirstByte.Count() != 0 || up.Total.Count() != 0 {
		t.Errorf("the upstream has %+v", up)
	}
}

func TestFailuresAreCounted(t *testing.T) {
	good := answering(t, ok("good"))
	r := newRig(t, nil, nobody(t), good.addr)
	for range 6 {
		r.exchange("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	}
	stats, up := r.stats(), r.upstream()
	if stats.Failures == 0 || up.Failed[meter.ConnectFailed] != stats.Failures || up.Retries != stats.Retries || up.FirstByte.Count() != 6 {
		t.Errorf("the workers have %d failures and %d retries, the upstream %+v", stats.Failures, stats.Retries, up)
	}
	garbage := newServer(t, func(p *peer) { p.head(); p.send("220 smtp\r\n") })
	r = newRig(t, func(r *rig) { r.setting.Retries = 0 }, garbage.addr)
	r.exchange("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if up := r.upstream(); up.Failed[meter.BadAnswer] != 1 || counted(r.traffic()) != "5xx" || up.FirstByte.Count() != 0 {
		t.Errorf("behind garbage: %+v, %q", up, counted(r.traffic()))
	}
}

// A tunnel is counted by who ended it, and never as a request that took long.
func TestTunnelsAreCounted(t *testing.T) {
	r := newRig(t, nil, echo(t))
	c := r.websocket(nil)
	if got := counted(r.traffic()); got != "1xx" {
		t.Errorf("behind a handshake: %q", got)
	}
	if err := c.WriteMessage(1, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	r.on(r.w.Tunnels().Settle)
	f := r.traffic()
	if f.TunnelsOpened != 1 || f.TunnelsOpen() != 1 || f.TunnelsReceived != (meter.PassedFigures{Bytes: 11, Messages: 1}) || f.TunnelsSent != (meter.PassedFigures{Bytes: 7, Messages: 1}) {
		t.Errorf("with one tunnel open: %+v", f)
	}
	r.on(func() { r.w.Drain(tunnel.Subject{Rule: "rule:all"}, tunnel.Drain{Timeout: time.Millisecond}) })
	until(t, "the tunnel is gone", func() bool { f = r.traffic(); return f.TunnelsOpen() == 0 })
	if f.TunnelsEnded[meter.ByChange] != 1 {
		t.Errorf("the rule's tunnels ended by %v", f.TunnelsEnded)
	}
	if up := r.upstream(); up.FirstByte.Count() != 0 || up.Total.Count() != 0 || up.Connect.Count() != 1 {
		t.Errorf("a tunnel counts as %+v", up)
	}
}

// A long body is counted while it goes on.
func TestLongBodiesAreCountedOnTheWay(t *testing.T) {
	more := make(chan bool)
	backend := newServer(t, func(p *peer) {
		p.head()
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n" + strings.Repeat("x", 2<<20))
		<-more
		p.send(strings.Repeat("x", 2<<20))
	})
	r := newRig(t, nil, backend.addr)
	p := r.dial()
	p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	p.head()
	p.bytes(2 << 20)
	until(t, "half of the body is counted", func() bool { return r.traffic().Sent >= 1<<20 })
	if n := r.traffic().Ended[meter.Successful]; n != 0 {
		t.Error("an answer is counted before its end")
	}
	close(more)
	p.bytes(2 << 20)
	until(t, "all of it is", func() bool { return r.traffic().Ended[meter.Successful] == 1 })
}

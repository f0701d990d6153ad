package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop/looptest"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
	"github.com/gorilla/websocket"
)

const wsKey = "dGhlIHNhbXBsZSBub25jZQ=="

const wsRequest = "GET /chat HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Key: " + wsKey + "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\n\r\n"

const switching = "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

// echo is a real WebSocket backend that sends every message back.
func echo(t testing.TB) netip.AddrPort {
	t.Helper()
	hs := httptest.NewUnstartedServer(echoing())
	hs.Listener = secured(t, hs.Listener)
	hs.Start()
	t.Cleanup(hs.Close)
	return hs.Listener.Addr().(*net.TCPAddr).AddrPort()
}

func echoing() http.Handler {
	up := websocket.Upgrader{EnableCompression: true, Subprotocols: []string{"chat"}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r, http.Header{"X-Seen": {r.Host}})
		if err != nil {
			return
		}
		defer c.Close()
		for {
			kind, message, err := c.ReadMessage()
			if err != nil {
				return
			}
			if err := c.WriteMessage(kind, message); err != nil {
				return
			}
		}
	})
}

func (r *rig) websocket(d *websocket.Dialer) *websocket.Conn {
	r.t.Helper()
	if d == nil {
		d = &websocket.Dialer{Subprotocols: []string{"chat"}}
	}
	d.NetDial = func(_, _ string) (net.Conn, error) { return r.connect() }
	c, _, err := d.Dial("ws://"+r.addr+"/chat", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(patience))
	r.t.Cleanup(func() { c.Close() })
	return c
}

func TestWebSocket(t *testing.T) {
	r := newRig(t, nil, echo(t))
	for _, compressed := range []bool{false, true} {
		c := r.websocket(&websocket.Dialer{EnableCompression: compressed, Subprotocols: []string{"chat"}})
		if c.Subprotocol() != "chat" {
			t.Errorf("the subprotocol is %q", c.Subprotocol())
		}
		for _, size := range []int{0, 1, 125, 126, 70_000, 3 << 20} {
			message := bytes.Repeat([]byte{byte(size)}, size)
			sent := make(chan error)
			go func() { sent <- c.WriteMessage(websocket.BinaryMessage, message) }()
			_, got, err := c.ReadMessage()
			<-sent
			if err != nil || !bytes.Equal(got, message) {
				t.Fatalf("%d bytes came back as %d: %v", size, len(got), err)
			}
		}
		c.Close()
	}
	until(t, "the tunnels are gone", func() bool { s := r.stats(); return s.Tunnels.Open == 0 && s.Tunnels.Opened == 2 })
	for _, b := range r.registry.Backends() {
		if n := b.Open.Load(); n != 0 {
			t.Errorf("%v counts %d open", b, n)
		}
	}
}

// Bytes right behind the handshake belong to the tunnel, on both sides, however they arrive.
func TestBytesWithTheHandshake(t *testing.T) {
	early, late := "\x82\x05early", "\x82\x04late"
	s := newServer(t, func(p *peer) {
		head := p.head()
		if want := "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"; !strings.HasSuffix(head, want) {
			t.Errorf("the backend got %q", head)
		}
		p.send(switching + early)
		if got := p.bytes(len(late)); got != late {
			t.Errorf("the backend got %q", got)
		}
		p.send(late)
		p.CloseWrite()
		p.gone()
	})
	r := newRig(t, nil, s.addr)
	p := r.dial()
	p.send(wsRequest + late)
	if got := p.rest(); got != switching+early+late {
		t.Errorf("got %q", got)
	}
}

// What a client sends before its handshake is answered is held back, up to a bound.
func TestManyBytesBehindTheHandshake(t *testing.T) {
	const size = 3 << 20
	open := make(chan bool)
	s := newServer(t, func(p *peer) {
		p.head()
		<-open
		p.send(switching)
		if n, _ := io.CopyN(io.Discard, p.r, size); n != size {
			t.Errorf("the backend got %d bytes", n)
		}
		p.send("\x88\x00")
	})
	r := newRig(t, nil, s.addr)
	p := r.dial()
	sent := make(chan bool)
	go func() {
		io.WriteString(p.Conn, wsRequest)
		p.Write([]byte{0x82, 0xff, 0, 0, 0, 0, 0, 0x2f, 0xff, 0xf2, 0, 0, 0, 0})
		io.Copy(p.Conn, io.LimitReader(zeros{}, size-14))
		close(sent)
	}()
	until(t, "the handshake is at the backend", func() bool { return r.stats().Open == 1 })
	close(open)
	<-sent
	if got := p.rest(); got != switching+"\x88\x00" {
		t.Errorf("got %q", got)
	}
}

// Anything but a right 101 opens no tunnel.
func TestRefusedHandshakes(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		status       int
		reason       string
		behind       string
	}{
		{"refusal", "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 403, "", ""},
		{"refusal, with frames behind the handshake", "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 403, "", "\x82\x80abcd"},
		{"200 is no 101", ok("fine"), 200, "", ""},
		{"wrong accept", strings.Replace(switching, "s3pPL", "XXXXX", 1), 502, "bad_accept", ""},
		{"no upgrade", "HTTP/1.1 101 Switching Protocols\r\n\r\n", 502, "bad_switch", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, func(r *rig) { r.setting.Retries = 0 }, answering(t, c.answer).addr)
			p := r.dial()
			p.send(wsRequest + c.behind)
			status, header, _ := p.answer("GET")
			if status != c.status || header.Get("Gatewayd-Reason") != c.reason {
				t.Fatalf("got %d for %q, want %d for %q", status, header.Get("Gatewayd-Reason"), c.status, c.reason)
			}
			if c.behind != "" {
				if header.Get("Connection") != "close" || p.rest() != "" {
					t.Errorf("the connection goes on: %v", header)
				}
				return
			}
			p.send("GET /%5c HTTP/1.1\r\nHost: a\r\n\r\n")
			p.expect(400, "*")
			if n := r.stats().Tunnels.Opened; n != 0 {
				t.Errorf("%d tunnels were opened", n)
			}
		})
	}
}

// A client that ended its side before its handshake was answered has a tunnel that is closed in that direction.
func TestClientEndsBeforeTheTunnel(t *testing.T) {
	answer := make(chan bool)
	s := newServer(t, func(p *peer) {
		p.head()
		<-answer
		p.send(switching + "\x82\x02hi")
		if got := p.rest(); got != "" {
			t.Errorf("the backend got %q", got)
		}
		p.send("\x88\x00")
	})
	r := newRig(t, nil, s.addr)
	p := r.dial()
	p.send(wsRequest)
	p.CloseWrite()
	until(t, "the end is seen", func() bool {
		seen := false
		r.on(func() {
			for _, d := range r.w.doors {
				seen = d.first != nil && d.first.flags&cEOF != 0
			}
		})
		return seen
	})
	close(answer)
	if got := p.rest(); got != switching+"\x82\x02hi\x88\x00" {
		t.Errorf("got %q", got)
	}
}

// A handshake is retried like any other request that is safe to repeat.
func TestHandshakeIsRetried(t *testing.T) {
	dead := newServer(t, func(p *peer) { p.message() })
	r := newRig(t, nil, dead.addr, echo(t))
	for range 3 {
		c := r.websocket(nil)
		c.WriteMessage(websocket.TextMessage, []byte("x"))
		if _, got, err := c.ReadMessage(); err != nil || string(got) != "x" {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	if r.stats().Retries == 0 {
		t.Errorf("the dead target was never picked")
	}
}

// A tunnel belongs to its objects: a removed one ends it politely by its deadline, anything else leaves it alone.
func TestDrain(t *testing.T) {
	var clock looptest.Clock
	r := newClocked(t, &clock, nil, echo(t))
	var of []tunnel.Subject
	r.on(func() {
		of = []tunnel.Subject{
			{Listener: "listener:web"}, {Rule: "rule:all"}, {Backend: r.registry.Backends()[0]},
			{Health: r.registry.Healths()[0]},
		}
	})
	for i, subject := range of {
		c := r.websocket(nil)
		r.on(func() {
			if n := r.w.Open(map[tunnel.Subject]int{subject: 0})[0]; n != 1 {
				t.Errorf("%d: %d use it", i, n)
			}
			for range 100 {
				r.publish()
			}
			r.w.Drain(subject, tunnel.Drain{Timeout: time.Hour, Spread: time.Minute})
			r.w.Keep(subject)
			r.w.Drain(tunnel.Subject{Listener: "another"}, tunnel.Drain{})
		})
		c.WriteMessage(websocket.TextMessage, []byte("still"))
		if _, got, err := c.ReadMessage(); err != nil || string(got) != "still" {
			t.Fatalf("%d: got %q, %v", i, got, err)
		}
		r.on(func() { r.w.Drain(subject, tunnel.Drain{Timeout: time.Minute, Spread: time.Minute}) })
		clock.Advance(time.Minute - time.Second) // The last Close comes seconds earlier.
		r.on(func() {})
		_, _, err := c.ReadMessage() // answers the Close
		if !websocket.IsCloseError(err, websocket.CloseGoingAway) {
			t.Errorf("%d: the tunnel ended with %v", i, err)
		}
		c.Close()
		until(t, "the tunnel is gone", func() bool { return r.stats().Tunnels.Open == 0 })
		r.on(func() { r.w.Keep(subject) })
	}
	if n := r.stats().Tunnels.Cut; n != 0 {
		t.Errorf("%d tunnels were cut", n)
	}
}

// Requests in flight end with their drain's deadline, and not before.
func TestDrainOfRequests(t *testing.T) {
	for _, begun := range []bool{false, true} {
		t.Run(fmt.Sprint("answer begun: ", begun), func(t *testing.T) {
			s := newServer(t, func(p *peer) {
				p.message()
				if begun {
					p.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
				}
				p.gone()
			})
			r := newRig(t, nil, s.addr)
			p := r.dial()
			p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			until(t, "the request is at the backend", func() bool { return s.conns.Load() == 1 })
			if begun {
				p.head()
			}
			r.on(func() {
				r.w.Drain(tunnel.Subject{Rule: "rule:all"}, tunnel.Drain{Timeout: time.Hour})
				r.w.Drain(tunnel.Subject{Rule: "rule:all"}, tunnel.Drain{Timeout: 20 * time.Millisecond})
			})
			if begun {
				if got := p.rest(); got != "ab" {
					t.Errorf("got %q", got)
				}
				return
			}
			if h := p.expect(504, "*"); h.Get("Gatewayd-Reason") != "drained" {
				t.Errorf("got %v", h)
			}
		})
	}
}

func TestShutdown(t *testing.T) {
	release := make(chan bool)
	slow := newServer(t, func(p *peer) { p.message(); <-release; p.send(ok("last")); p.gone() })
	r := newRig(t, nil, echo(t))
	c := r.websocket(nil)
	r.on(func() { r.targets(slow.addr); r.publish() })
	idle, busy := r.dial(), r.dial()
	busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	until(t, "all are there", func() bool { s := r.stats(); return s.Open == 1 && s.Clients == 2 })
	r.on(func() { r.w.Shutdown(200 * time.Millisecond) })
	if got := idle.rest(); got != "" {
		t.Errorf("the idle connection got %q", got)
	}
	close(release)
	if h := busy.expect(200, "last"); h.Get("Connection") != "close" {
		t.Errorf("the busy connection got %v", h)
	}
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseServiceRestart) {
		t.Errorf("the tunnel ended with %v", err)
	}
	c.Close()
	until(t, "everything is gone", func() bool {
		s := r.stats()
		return s.Tunnels.Open == 0 && s.Clients == 0 && r.l.Stats().Conns == 0
	})
}

// An idle tunnel costs what its two connections and itself are, and no buffer.
func TestIdleTunnelHoldsNothing(t *testing.T) {
	r := newRig(t, nil, echo(t))
	for range 20 {
		c := r.websocket(nil)
		c.WriteMessage(websocket.TextMessage, make([]byte, 100_000))
		c.ReadMessage()
	}
	if s := r.l.Stats(); s.Buffers != 0 || s.Pipes != 0 {
		t.Errorf("20 idle tunnels hold %d buffers, %d pipes", s.Buffers, s.Pipes)
	}
	if s := r.stats(); s.Clients != 0 || s.Open != 0 || s.Tunnels.Open != 20 {
		t.Errorf("20 tunnels leave %d clients, %d exchanges, %d tunnels", s.Clients, s.Open, s.Tunnels.Open)
	}
}

var (
	_ loop.Handler = (*client)(nil)
	_ loop.Handler = (*upstream)(nil)
)

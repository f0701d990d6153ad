package proxy

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// TestWebSocketLimits: the limits of a setting reach the WebSockets that begin under it, and no others.
func TestWebSocketLimits(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*rig)
		send   int // bytes of a message; 0 sends none
		code   int
	}{
		"idle_timeout":      {func(r *rig) { r.setting.WebSocket.IdleTimeout = "50ms" }, 0, 1001},
		"max_lifetime":      {func(r *rig) { r.setting.WebSocket.MaxLifetime = "50ms" }, 0, 1001},
		"max_message_bytes": {func(r *rig) { r.setting.WebSocket.MaxMessageBytes = 100 }, 101, 1009},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil, echo(t))
			before := r.websocket(nil)
			r.on(func() { c.change(r); r.publish() })
			limited := r.websocket(nil)
			if c.send > 0 {
				if err := limited.WriteMessage(websocket.BinaryMessage, make([]byte, c.send-1)); err != nil {
					t.Fatal(err)
				}
				if _, got, err := limited.ReadMessage(); err != nil || len(got) != c.send-1 {
					t.Fatalf("%d bytes came back: %v", len(got), err)
				}
				if err := limited.WriteMessage(websocket.BinaryMessage, make([]byte, c.send)); err != nil {
					t.Fatal(err)
				}
			}
			if _, _, err := limited.ReadMessage(); !websocket.IsCloseError(err, c.code) {
				t.Errorf("it ended with %v, want %d", err, c.code)
			}
			if err := before.WriteMessage(websocket.TextMessage, make([]byte, c.send+1)); err != nil {
				t.Fatal(err)
			}
			if _, got, err := before.ReadMessage(); err != nil || len(got) != c.send+1 {
				t.Errorf("one that was open before: %d bytes came back: %v", len(got), err)
			}
		})
	}
}

// TestOrigin403: pages of other origins open no WebSocket, and nothing of their request reaches a target. What is no
// WebSocket, or of no page, is not asked.
func TestOrigin403(t *testing.T) {
	r := newRig(t, func(r *rig) { r.setting.WebSocket.AllowedOrigins = []string{"https://app.test", "https://*.wild.test"} },
		newServer(t, func(p *peer) { p.head(); p.send(switching); p.gone() }).addr)
	for origins, want := range map[string]int{
		"": 101, "https://app.test": 101, "https://a.wild.test": 101,
		"https://evil.test": 403, "http://app.test": 403, "null": 403, "https://app.test https://evil.test": 403, "https://app.test,https://app.test": 403,
	} {
		head := wsRequest[:len(wsRequest)-2]
		for _, origin := range strings.Split(origins, ",") {
			if origin != "" {
				head += "Origin: " + origin + "\r\n"
			}
		}
		p := r.dial()
		p.send(head + "\r\n")
		if head := p.head(); !strings.HasPrefix(head, fmt.Sprintf("HTTP/1.1 %d ", want)) {
			t.Errorf("Origin %q: got %q, want %d", origins, head, want)
		}
	}
	p := r.dial()
	p.send("GET / HTTP/1.1\r\nHost: a.test\r\nOrigin: https://evil.test\r\n\r\n")
	if head := p.head(); strings.HasPrefix(head, "HTTP/1.1 403 ") {
		t.Error("a request that opens no WebSocket is asked for its origin")
	}
}

// TestMaxTunnels: a listener has as many WebSockets as it may, whatever becomes of handshakes, through renames and changes,
// and where it is back while they go on; a place that is free again is taken.
func TestMaxTunnels(t *testing.T) {
	r := newRig(t, func(r *rig) { r.listener.MaxTunnels = 2 }, echo(t))
	count := func() (n int64) {
		r.on(func() { n = r.table.Load().Address("", 80).Listeners[0].Tunnels.Load() })
		return n
	}
	refused := func() {
		t.Helper()
		p := r.dial()
		p.send(wsRequest)
		if head := p.head(); !strings.HasPrefix(head, "HTTP/1.1 503 ") || !strings.Contains(head, "Gatewayd-Reason: too_many_tunnels") {
			t.Errorf("got %q", head)
		}
	}
	first, second := r.websocket(nil), r.websocket(nil)
	refused()
	// What is refused by its target, or given up, holds no place.
	p := r.dial()
	p.send(strings.Replace(wsRequest, "Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 13\r\nOrigin: https://evil.test", 1))
	p.head()
	until(t, "two are left", func() bool { return count() == 2 })
	r.on(func() { r.listener.HeaderTimeout = "11s"; r.publish() })
	refused()
	r.on(func() { // It is away, and back under its id.
		l := r.listener
		r.listener = nil
		r.publish()
		runtime.GC()
		r.listener = l
		r.publish()
	})
	refused()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "one is left", func() bool { return count() == 1 })
	third := r.websocket(nil)
	refused()
	for _, c := range []*websocket.Conn{second, third} {
		if err := c.WriteMessage(websocket.TextMessage, []byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.ReadMessage(); err != nil || string(got) != "x" {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

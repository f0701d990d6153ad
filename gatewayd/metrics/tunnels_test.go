package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

func (r *rig) websocket(path string) *gatewaytest.Socket {
	r.t.Helper()
	s, err := gatewaytest.Dial(r.t.Context(), gatewaytest.URL("ws", r.port, path), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { s.Close() })
	return s
}

func (r *rig) say(s *gatewaytest.Socket) {
	r.t.Helper()
	if _, err := s.Say("hello"); err != nil {
		r.t.Fatal(err)
	}
}

// closed reads to the Close of the gateway, and answers it.
func (r *rig) closed(s *gatewaytest.Socket, code int) {
	r.t.Helper()
	_, _, err := s.ReadMessage()
	if !websocket.IsCloseError(err, code) {
		r.t.Errorf("it ended with %v, want %d", err, code)
	}
	s.Close()
}

// change changes an object through the API.
func change[O spec.Object](r *rig, kind *spec.Kind, name string, do func(O)) {
	r.t.Helper()
	o, _, err := r.Client().Get(r.t.Context(), kind, name, "")
	if err == nil {
		do(o.(O))
		_, err = r.Client().Update(r.t.Context(), kind, name, o, 0, "")
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

const ofTarget = `pool="apps",setting="plain",target="one"`

// After a known sequence of WebSockets, each with another end, every figure of them is what it must be: at the rule, at the
// target, and of all.
func TestTunnelsAreExact(t *testing.T) {
	r := newRig(t)
	// The Close of a drain goes out at any time of its spread, which is short enough to be waited for here.
	setting := func(idle spec.Duration, most int) {
		change(r, spec.Settings, "plain", func(s *spec.Setting) {
			s.WebSocket.IdleTimeout, s.WebSocket.MaxMessageBytes, s.DrainTimeout, s.CloseSpread = idle, most, "4s", new(spec.Duration("4s"))
		})
	}
	ended := func(by string, n int) {
		t.Helper()
		r.until(`gatewayd_tunnels_ended_total{by="`+by+`",`+ofApp+`}`, fmt.Sprint(n))
	}
	setting("0s", 0)
	s := r.websocket("/chat")
	r.say(s)
	if code, err := s.Bye(); err != nil || code != 1000 {
		t.Fatalf("the Close was answered %d, %v", code, err)
	}
	ended("client", 1)
	r.expect(r.scrape(), map[string]string{ // Frames of 5 bytes with a key and without, and Closes with a code.
		`gatewayd_tunnel_received_bytes_total{` + ofApp + `}`:           "19",
		`gatewayd_tunnel_sent_bytes_total{` + ofApp + `}`:               "11",
		`gatewayd_target_tunnel_received_bytes_total{` + ofTarget + `}`: "19",
		`gatewayd_target_tunnel_sent_bytes_total{` + ofTarget + `}`:     "11",
	})
	s = r.websocket("/chat")
	r.say(s)
	// While it is open, too.
	r.until(`gatewayd_target_tunnel_received_messages_total{`+ofTarget+`}`, "2")
	r.until(`gatewayd_target_tunnel_sent_messages_total{`+ofTarget+`}`, "2")
	r.until(`gatewayd_target_tunnel_received_bytes_total{`+ofTarget+`}`, "30")
	r.expect(r.scrape(), map[string]string{
		`gatewayd_tunnels_open{` + ofApp + `}`:                   "1",
		`gatewayd_tunnel_received_messages_total{` + ofApp + `}`: "2",
		`gatewayd_target_tunnels_open{` + ofTarget + `}`:         "1",
	})
	r.echo.Cut()
	if _, _, err := s.ReadMessage(); err == nil {
		t.Fatal("a message came from a backend that was cut")
	}
	s.Close()
	ended("backend", 1)
	setting("0s", 100)
	s = r.websocket("/chat")
	r.say(s)
	if err := s.WriteMessage(websocket.BinaryMessage, make([]byte, 101)); err != nil {
		t.Fatal(err)
	}
	r.closed(s, 1009)
	ended("limit", 1)
	setting("50ms", 0)
	r.closed(r.websocket("/chat"), 1001)
	ended("idle", 1)
	setting("0s", 0)
	if _, err := gatewaytest.Dial(t.Context(), gatewaytest.URL("ws", r.port, "/refuse"), nil); err == nil {
		t.Fatal("a target that refuses opened a WebSocket")
	}
	if _, err := gatewaytest.Dial(t.Context(), gatewaytest.URL("ws", r.port, "/none"), nil); err == nil {
		t.Fatal("a pool without targets opened a WebSocket")
	}
	s = r.websocket("/chat")
	r.say(s)
	r.until(`gatewayd_target_tunnel_sent_messages_total{`+ofTarget+`}`, "4")
	text := r.scrape()
	r.expect(text, map[string]string{
		`gatewayd_tunnel_handshakes_total{result="opened",` + ofApp + `}`:                                              "5",
		`gatewayd_tunnel_handshakes_total{result="target_refused",` + ofApp + `}`:                                      "1",
		`gatewayd_tunnel_handshakes_total{result="client_left",` + ofApp + `}`:                                         "0",
		`gatewayd_tunnel_handshakes_total{result="no_target",listener="web",pool="empty",rule="none",setting="plain"}`: "1",
		`gatewayd_target_tunnels_open{` + ofTarget + `}`:                                                               "1",
		`gatewayd_target_tunnels_opened_total{` + ofTarget + `}`:                                                       "5",
		`gatewayd_target_tunnels_ended_total{by="client",` + ofTarget + `}`:                                            "1",
		`gatewayd_target_tunnels_ended_total{by="backend",` + ofTarget + `}`:                                           "1",
		`gatewayd_target_tunnels_ended_total{by="limit",` + ofTarget + `}`:                                             "1",
		`gatewayd_target_tunnels_ended_total{by="idle",` + ofTarget + `}`:                                              "1",
		`gatewayd_target_tunnels_ended_total{by="drain",` + ofTarget + `}`:                                             "0",
	})
	if strings.Contains(text, `target_tunnels_open{pool="empty"`) {
		t.Error("a target that had no WebSocket has series of them")
	}
	target := spec.PoolTarget{}
	change(r, spec.Pools, "apps", func(p *spec.Pool) { target = p.Targets["one"]; delete(p.Targets, "one") })
	r.closed(s, 1001)
	ended("drain", 1)
	change(r, spec.Pools, "apps", func(p *spec.Pool) { p.Targets = map[string]spec.PoolTarget{"one": target} })
	r.until(`gatewayd_target_healthy{`+ofTarget+`}`, "1")
	text = r.scrape()
	r.expect(text, map[string]string{
		`gatewayd_tunnels_open{` + ofApp + `}`:                               "0",
		`gatewayd_tunnels_opened_total{` + ofApp + `}`:                       "5",
		`gatewayd_tunnel_received_messages_total{` + ofApp + `}`:             "4",
		`gatewayd_tunnel_sent_messages_total{` + ofApp + `}`:                 "4",
		`gatewayd_tunnel_close_codes_total{code="1000",` + ofApp + `}`:       "1",
		`gatewayd_tunnel_close_codes_total{code="1001",` + ofApp + `}`:       "2",
		`gatewayd_tunnel_close_codes_total{code="1006",` + ofApp + `}`:       "1",
		`gatewayd_tunnel_close_codes_total{code="1009",` + ofApp + `}`:       "1",
		`gatewayd_tunnel_lifetime_seconds_count{` + ofApp + `}`:              "5",
		`gatewayd_tunnel_lifetime_seconds_bucket{` + ofApp + `,le="604800"}`: "5",
		`gatewayd_tunnels_ended_total{by="unhealthy",` + ofApp + `}`:         "0",
	})
	if n := strings.Count(text, "\ngatewayd_tunnel_close_codes_total{"); n != 4 {
		t.Errorf("%d codes are shown, want those 4 that came", n)
	}
	s = r.websocket("/chat")
	if _, err := r.Client().Delete(context.Background(), spec.Rules, "app", 0, ""); err != nil {
		t.Fatal(err)
	}
	r.closed(s, 1001)
	r.until(`gatewayd_tunnels_over_total{by="change"}`, "1")
	text = r.scrape()
	for _, by := range []string{"client", "backend", "limit", "idle", "drain"} {
		r.until(`gatewayd_tunnels_over_total{by="`+by+`"}`, "1")
	}
	r.expect(text, map[string]string{`gatewayd_tunnels_over_total{by="failure"}`: "0", "gatewayd_tunnels": "0"})
	if strings.Contains(text, `gatewayd_tunnels_ended_total{by="change",`+ofApp) {
		t.Error("a rule that is gone has series")
	}
	http.DefaultClient.CloseIdleConnections()
}

// The WebSockets of a target that is an object of its own stay with it when it is renamed.
func TestTunnelsFollowATarget(t *testing.T) {
	r := newRig(t)
	port := int(r.echo.Addr().Port())
	if _, err := r.Client().Create(t.Context(), spec.Targets, &spec.Target{Name: "box", Pool: "empty", Address: "127.0.0.1", Port: &port, Weight: 1}, ""); err != nil {
		t.Fatal(err)
	}
	r.until(`gatewayd_target_healthy{pool="empty",setting="plain",target="target/box"}`, "1")
	s := r.websocket("/none")
	r.say(s)
	change(r, spec.Targets, "box", func(o *spec.Target) { o.Name = "crate" })
	r.say(s)
	text := r.scrape()
	of := `{pool="empty",setting="plain",target="target/crate"}`
	r.until("gatewayd_target_tunnel_received_messages_total"+of, "2")
	r.expect(text, map[string]string{
		"gatewayd_target_tunnels_open" + of: "1", "gatewayd_target_tunnels_opened_total" + of: "1",
	})
	if strings.Contains(text, "target/box") {
		t.Error("series of the old name are left")
	}
	if _, err := s.Bye(); err != nil {
		t.Error(errors.Join(errors.New("it went away with the name"), err))
	}
	http.DefaultClient.CloseIdleConnections()
}

package acctest

import (
	"net"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
)

// TestRemovedObjectsEndTheirOwn: a target that leaves its pool and a listener that is destroyed end their WebSockets by
// their drain, politely. Nobody else's end, and no request fails.
func TestRemovedObjectsEndTheirOwn(t *testing.T) {
	s := newStage(t)
	port, away := s.port("port"), s.port("away")
	s.backend("blue")
	s.backend("green")
	var requests *load
	// By listener and backend.
	var staysBlue, staysGreen, goesBlue, goesGreen *talk
	// warned wants the plan to have told what it ends.
	warned := func(path string, parts ...string) {
		if err := s.witness.find("plan", path, append(parts, "requests and WebSockets that are open now, within ")...); err != nil {
			t.Error(err)
		}
	}
	s.run(
		s.step("drain/1-create", after(func() {
			s.healthy("chat", "chat", "blue", "green")
			requests = startLoad(t, port)
			staysBlue, staysGreen = talkTo(t, port, "blue"), talkTo(t, port, "green")
			goesBlue, goesGreen = talkTo(t, away, "blue"), talkTo(t, away, "green")
		})),
		s.step("drain/2-target-removed", planned(actions(map[string]string{"gatewayd_pool.chat": "update"})), before(s.witness.forget), after(func() {
			warned("targets", `Mind pool "chat"`, "targets has ", " no longer at ", "which ends ")
			staysBlue.closed(t, websocket.CloseGoingAway)
			goesBlue.closed(t, websocket.CloseGoingAway)
			staysGreen.alive(t, "to the target that stays")
			goesGreen.alive(t, "to the target that stays")
			requests.wait(20)
		})),
		s.step("drain/3-listener-removed", planned(actions(map[string]string{"gatewayd_listener.goes": "delete", "gatewayd_rule.goes": "delete"})), before(s.witness.forget), after(func() {
			warned("", `Mind listener "goes"`, "The listener ends ")
			warned("", `Mind rule "goes"`, "The rule ends ")
			if c, err := net.Dial("tcp", gatewaytest.URL("", away, "")[len("://"):]); err == nil {
				c.Close()
				t.Error("a destroyed listener accepts a connection")
			}
			goesGreen.closed(t, websocket.CloseGoingAway)
			staysGreen.alive(t, "of the listener that stays")
			requests.wait(20)
			requests.end()
			staysGreen.end(t, "of the listener that stays")
		})),
	)
}

// talkTo opens WebSockets until one is at a backend.
func talkTo(tb testing.TB, port int, backend string) *talk {
	tb.Helper()
	for range 20 {
		t := startTalk(tb, port, "/", 50*time.Millisecond)
		if t.socket.Backend == backend {
			return t
		}
		t.end(tb, "to another backend")
	}
	tb.Fatalf("of 20 WebSockets none came to %s", backend)
	return nil
}

package acctest

import (
	"fmt"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
)

// A hall is testdata/machines on a stage.
type hall struct {
	*stage
	*park
	enrol bool // the machines are targets of their own, else they are in the map of the pool
	port  int
}

func newHall(t *testing.T, enrol bool, drain string) *hall {
	s := newStage(t)
	h := &hall{stage: s, park: newPark(s), enrol: enrol, port: s.port("port")}
	s.variables["enrol"], s.variables["drain"] = enrol, drain
	return h
}

// with is a step with these machines, their names by label.
func (h *hall) with(machines map[string]string, more ...func(*resource.TestStep)) resource.TestStep {
	h.Helper()
	h.variables["machines"] = machines
	return h.step("machines", more...)
}

// play runs the steps. The test framework cannot end with a for_each in the state.
func (h *hall) play(steps ...resource.TestStep) {
	h.Helper()
	h.run(append(steps, h.with(map[string]string{}))...)
}

// key is what views call the target of a label.
func (h *hall) key(label string) string {
	if h.enrol {
		return "target/" + label
	}
	return label
}

// writes wants that this and nothing else of the gateway changes when the machine of a label goes or is replaced.
func (h *hall) writes(label, enrolled string) func(*resource.TestStep) {
	if h.enrol {
		return planned(actions(map[string]string{fmt.Sprintf("gatewayd_target.chat[%q]", label): enrolled}))
	}
	return planned(actions(map[string]string{"gatewayd_pool.chat": "update"}))
}

// TestAMachineGoesAfterItsTunnels: Terraform destroys a machine, or replaces it, after the last WebSocket on it has
// ended politely, whether the machine is a target of its own or a member of the pool's map.
func TestAMachineGoesAfterItsTunnels(t *testing.T) {
	for name, enrol := range map[string]bool{"enrolled": true, "in the map": false} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t, enrol, "2s")
			var red, green *talk
			h.play(
				h.with(map[string]string{"a": "red", "b": "green"}, after(func() {
					h.healthy("chat", "chat", h.key("a"), h.key("b"))
					red, green = talkTo(t, h.port, "red"), talkTo(t, h.port, "green")
				})),
				h.with(map[string]string{"b": "green"}, h.writes("a", "delete"), after(func() {
					red.closed(t, websocket.CloseGoingAway)
					green.alive(t, "to the machine that stays")
					if h.has("red") {
						t.Error("the machine is still there")
					}
				})),
				h.with(map[string]string{"b": "blue"}, h.writes("b", "update"), after(func() {
					green.closed(t, websocket.CloseGoingAway)
					h.healthy("chat", "chat", h.key("b"))
					blue := talkTo(t, h.port, "blue")
					blue.alive(t, "to the machine that came")
					blue.end(t, "to the machine that came")
				})),
			)
		})
	}
}

// TestADestroyWaitsForTunnels: where all of it is destroyed, rule and pool go first and the machines last, when the
// WebSockets on them have ended politely.
func TestADestroyWaitsForTunnels(t *testing.T) {
	for name, enrol := range map[string]bool{"enrolled": true, "in the map": false} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t, enrol, "2s")
			machines := map[string]string{"a": "red", "b": "green"}
			var red, green *talk
			h.play(
				h.with(machines, after(func() {
					h.healthy("chat", "chat", h.key("a"), h.key("b"))
					red, green = talkTo(t, h.port, "red"), talkTo(t, h.port, "green")
				})),
				h.with(machines, destroyed),
				h.with(map[string]string{}, before(func() {
					red.closed(t, websocket.CloseGoingAway)
					green.closed(t, websocket.CloseGoingAway)
					if h.has("red") || h.has("green") {
						t.Error("a machine is still there")
					}
				})),
			)
		})
	}
}

// destroyed makes of a step the destruction of everything.
func destroyed(step *resource.TestStep) { step.Destroy = true }

// TestAMachineGoesAtOnce where the provider is told not to wait: its WebSocket breaks off.
func TestAMachineGoesAtOnce(t *testing.T) {
	for name, enrol := range map[string]bool{"enrolled": true, "in the map": false} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t, enrol, "10m")
			h.variables["wait"] = false
			var red *talk
			h.play(
				h.with(map[string]string{"a": "red", "b": "green"}, after(func() {
					h.healthy("chat", "chat", h.key("a"), h.key("b"))
					red = talkTo(t, h.port, "red")
				})),
				h.with(map[string]string{"b": "green"}, h.writes("a", "delete"), after(func() { red.broken(t) })),
			)
		})
	}
}

package acctest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
)

// A park is the machines of testdata/machines: servers that Terraform believes it creates and destroys.
type park struct {
	*stage
	enrol    bool // they are targets of their own, else in the map of the pool
	port     int
	machines map[string]*gatewaytest.Echo // all that there ever were
}

// newPark has machines by these names; which of them there are is said by each step.
func newPark(s *stage, enrol bool, names ...string) *park {
	s.Helper()
	p := &park{stage: s, enrol: enrol, port: s.port("port"), machines: map[string]*gatewaytest.Echo{}}
	for _, name := range names {
		p.machines[name] = gatewaytest.StartEcho(s, name)
	}
	s.variables["enrol"] = enrol
	s.variables["destroyed"] = filepath.Join(s.TempDir(), "destroyed")
	return p
}

// has says which machines there are from the next step on, by label.
func (p *park) has(machines map[string]string) {
	ports := map[string]int{}
	for label, name := range machines {
		ports[label] = int(p.machines[name].Addr().Port())
	}
	p.variables["machines"] = ports
}

// key is what views call the target of a label.
func (p *park) key(label string) string {
	if p.enrol {
		return "target/" + label
	}
	return label
}

// address is the resource that is written when the machine of a label goes or is replaced, and how.
func (p *park) change(label, enrolled string) map[string]string {
	if p.enrol {
		return map[string]string{fmt.Sprintf("gatewayd_target.chat[%q]", label): enrolled}
	}
	return map[string]string{"gatewayd_pool.chat": "update"}
}

// destroyed is when the destruction of a machine began; false where it did not.
func (p *park) destroyed(name string) (time.Time, bool) {
	p.Helper()
	text, err := os.ReadFile(p.variables["destroyed"].(string))
	if err != nil && !os.IsNotExist(err) {
		p.Fatal(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		port, at, _ := strings.Cut(line, " ")
		if port == strconv.Itoa(int(p.machines[name].Addr().Port())) {
			nanoseconds, err := strconv.ParseInt(at, 10, 64)
			if err != nil {
				p.Fatalf("the destruction of %s is noted as %q: %v", name, line, err)
			}
			return time.Unix(0, nanoseconds), true
		}
	}
	return time.Time{}, false
}

// left wants that a WebSocket was asked to close before the destruction of its machine began.
func (p *park) left(t *talk, name string) {
	p.Helper()
	t.closed(p, websocket.CloseGoingAway)
	at, began := p.destroyed(name)
	if !began {
		p.Errorf("the machine %s was not destroyed", name)
	}
	if at.Before(t.asked) {
		p.Errorf("the destruction of %s began %s before its WebSocket was asked to close", name, t.asked.Sub(at))
	}
}

// TestAMachineGoesAfterItsTunnels: Terraform destroys a machine, or replaces it, after the last WebSocket on it has
// ended, whether the machine is a target of its own or a member of the pool's map.
func TestAMachineGoesAfterItsTunnels(t *testing.T) {
	for name, enrol := range map[string]bool{"enrolled": true, "in the map": false} {
		t.Run(name, func(t *testing.T) {
			p := newPark(newStage(t), enrol, "red", "green", "blue")
			p.variables["drain"] = "3s"
			var red, green *talk
			p.has(map[string]string{"a": "red", "b": "green"})
			create := p.step("machines", after(func() {
				p.healthy("chat", "chat", p.key("a"), p.key("b"))
				red, green = talkTo(t, p.port, "red"), talkTo(t, p.port, "green")
			}))
			p.has(map[string]string{"b": "green"})
			remove := p.step("machines", planned(actions(p.change("a", "delete"))), after(func() {
				p.left(red, "red")
				green.alive(t, "to the machine that stays")
			}))
			p.has(map[string]string{"b": "blue"})
			replace := p.step("machines", planned(actions(p.change("b", "update"))), after(func() {
				p.left(green, "green")
				p.healthy("chat", "chat", p.key("b"))
				blue := talkTo(t, p.port, "blue")
				blue.alive(t, "to the machine that came")
				blue.end(t, "to the machine that came")
			}))
			p.has(nil)
			p.run(create, remove, replace, p.step("machines")) // The test framework cannot end with a for_each in the state.
		})
	}
}

// TestAMachineGoesAtOnce where the provider is told not to wait.
func TestAMachineGoesAtOnce(t *testing.T) {
	p := newPark(newStage(t), true, "red", "green")
	p.variables["drain"], p.variables["wait"] = "10m", false
	var red *talk
	p.has(map[string]string{"a": "red", "b": "green"})
	create := p.step("machines", after(func() {
		p.healthy("chat", "chat", p.key("a"), p.key("b"))
		red = talkTo(t, p.port, "red")
	}))
	p.has(map[string]string{"b": "green"})
	remove := p.step("machines", after(func() {
		if _, began := p.destroyed("red"); !began {
			t.Error("the machine was not destroyed")
		}
		red.alive(t, "on a machine whose destruction nobody held up")
		if d := p.draining("chat"); len(d) != 1 || d[0].Target != "target/a" || d[0].Open != 1 || d[0].Deadline == "" {
			t.Errorf("want the target to drain, got %+v", d)
		}
	}))
	p.has(map[string]string{"a": "red", "b": "green"})
	again := p.step("machines", after(func() {
		red.alive(t, "on a machine that came back")
		if d := p.draining("chat"); len(d) > 0 {
			t.Errorf("want the target back, got %+v", d)
		}
		red.end(t, "on a machine that came back")
	}))
	p.has(nil)
	p.run(create, remove, again, p.step("machines"))
}

package acctest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestEndpointFromAnotherResource: one apply makes the machine of the gateway and the objects on it.
func TestEndpointFromAnotherResource(t *testing.T) {
	s := newStage(t)
	s.ownProvider = true
	s.port("port")
	s.run(s.step("late", planned(actions(map[string]string{"gatewayd_listener.web": "create", "gatewayd_pool.web": "create",
		"gatewayd_setting.web": "create", "gatewayd_rule.web": "create"})), after(func() {
		if o, _ := s.get(spec.Rules, "web"); o != nil && *o.(*spec.Rule).Pool != "web" {
			t.Errorf("the rule is %+v", o)
		}
	})))
}

// TestRestart: a gateway that was restarted has what was applied, serves it, and takes the next apply.
func TestRestart(t *testing.T) {
	s := newStage(t)
	port := s.port("port")
	s.backend("blue")
	serves := after(func() {
		if got := servedBy(t, port, "/bytes/1"); got != "blue" {
			t.Errorf("want an answer of blue, got %s", got)
		}
	})
	var steps []resource.TestStep
	s.variables["retries"] = 1
	steps = append(steps, s.step("restart", serves))
	steps = append(steps, s.step("restart", before(s.gateway.Restart), serves, planned(plancheck.ExpectEmptyPlan())))
	s.variables["retries"] = 2
	steps = append(steps, s.step("restart", serves, planned(actions(map[string]string{"gatewayd_setting.web": "update"}), between(func() error {
		s.gateway.Restart()
		return nil
	}))))
	s.run(steps...)
}

// TestTwoStates: two teams apply to one gateway at the same time, each with a state of its own. Every plan after an apply
// is empty, and nobody's objects are written by the other.
func TestTwoStates(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, gatewaytest.Loops(2))
	listener := spec.Listeners.New().(*spec.Listener)
	listener.Name, listener.Address, listener.Port = "shared", "127.0.0.1", gatewaytest.FreePort(t)
	if _, err := g.Client().Create(t.Context(), spec.Listeners, listener, ""); err != nil {
		t.Fatal(err)
	}
	for _, team := range []string{"red", "yellow"} {
		t.Run(team, func(t *testing.T) {
			t.Parallel()
			s := onStage(t, g)
			s.variables["team"] = team
			s.shared = true
			var revisions map[string]uint64
			var steps []resource.TestStep
			for n := range 4 {
				s.variables["n"] = n
				steps = append(steps, s.step("shared",
					before(func() {
						if err := s.unchanged(team, revisions); err != nil {
							t.Error(err)
						}
					}),
					after(func() { revisions = s.revisions(team) })))
			}
			s.run(append(steps, s.step("shared", planned(plancheck.ExpectEmptyPlan())))...)
			if left := s.revisions(team); len(left) > 0 {
				t.Errorf("after the destroy there are still %v", left)
			}
		})
	}
}

// revisions are those of a team's objects.
func (s *stage) revisions(team string) map[string]uint64 {
	s.Helper()
	found := map[string]uint64{}
	for _, k := range spec.Kinds() {
		items, err := s.gateway.Client().List(s.Context(), k)
		if err != nil {
			s.Error(err)
		}
		for _, i := range items {
			if len(i.Name) >= len(team) && i.Name[:len(team)] == team {
				found[k.Name+" "+i.Name] = i.Revision()
			}
		}
	}
	return found
}

func (s *stage) unchanged(team string, before map[string]uint64) error {
	var errs []error
	now := s.revisions(team)
	for name, revision := range before {
		if now[name] != revision {
			errs = append(errs, fmt.Errorf("%s was at revision %d and is at %d, and its team wrote nothing", name, revision, now[name]))
		}
	}
	return errors.Join(errs...)
}

// emptied is the check at the end of a case.
func (s *stage) emptied(*terraform.State) error {
	if s.shared {
		return nil
	}
	return s.isEmpty()
}

// TestTies: two rules that take the same requests are a warning at plan and apply and a condition in the status, until
// one of them differs.
func TestTies(t *testing.T) {
	s := newStage(t)
	s.port("port")
	conditions := func(want int, parts ...string) func(*resource.TestStep) {
		return after(func() {
			status, err := s.gateway.Client().Status(t.Context())
			if err != nil || len(status.Conditions) != want {
				t.Fatalf("want %d conditions, got %+v and %v", want, status, err)
			}
			for _, c := range status.Conditions {
				if c.Kind != "rule" || c.Name != "b" || !holdsAll(c.Message, parts) {
					t.Errorf("want a condition of rule b with %q, got %+v", parts, c)
				}
			}
			if warnings := s.witness.remarks("apply"); (len(warnings) > 0) != (want > 0) {
				t.Errorf("with %d conditions the apply said %v", want, warnings)
			}
			if want > 0 {
				if err := s.witness.find("apply", status.Conditions[0].Path, parts...); err != nil {
					t.Error(err)
				}
			}
			s.witness.forget()
		})
	}
	s.variables["paths"] = map[string][]string{"a": {"/a"}, "b": {"/a"}}
	s.variables["priority"] = map[string]int{}
	steps := []resource.TestStep{s.step("ties", conditions(1, `rule "a"`))}
	s.variables["priority"] = map[string]int{"a": 7, "b": 7}
	steps = append(steps, s.step("ties", conditions(1, `rule "a"`)))
	s.variables["paths"] = map[string][]string{"a": {"/a"}, "b": {"/b"}}
	steps = append(steps, s.step("ties", conditions(0)))
	s.run(steps...)
}

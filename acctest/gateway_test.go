package acctest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
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

// TestTies: two rules that take the same requests, and one that takes what no request is left for, with conditions too,
// are a warning at plan and apply, in a dry run and in answers, and a condition in the status, each naming the holder,
// until one of them differs.
func TestTies(t *testing.T) {
	s := newStage(t)
	s.port("port")
	client := s.gateway.Client()
	// wrong wants one condition, of rule b, or none.
	wrong := func(path string, parts ...string) func(*resource.TestStep) {
		return func(step *resource.TestStep) {
			before(s.witness.forget)(step)
			after(func() {
				status, err := client.Status(t.Context())
				if want := min(len(parts), 1); err != nil || len(status.Conditions) != want || want != min(len(s.witness.remarks("apply")), 1) {
					t.Fatalf("want %d conditions, got %+v and %v; the apply said %v", want, status, err, s.witness.remarks("apply"))
				}
				if len(parts) == 0 {
					return
				}
				if c := status.Conditions[0]; c.Kind != "rule" || c.Name != "b" || c.Path != path || !holdsAll(c.Message, parts) {
					t.Errorf("want a condition of rule b at %s with %q, got %+v", path, parts, c)
				}
				s.heard("apply", path, parts...)
				b, revision := s.get(spec.Rules, "b")
				answer, dry := client.Changes(t.Context(), []api.Change{{Kind: "rule", Name: "b", Put: spec.Encode(b), IfMatch: revision}}, true)
				meta, err := client.Update(t.Context(), spec.Rules, "b", b, revision, "")
				if dry != nil || err != nil {
					t.Fatal(dry, err)
				}
				for what, told := range map[string]spec.Problems{"a dry run": answer.Results[0].Warnings, "an answer": meta.Warnings} {
					if len(told) != 1 || told[0].Path != path || !holdsAll(told[0].Message, parts) {
						t.Errorf("%s: want a warning at %s with %q, got %v", what, path, parts, told)
					}
				}
			})(step)
		}
	}
	// With b alone another, what the dry run says is known at plan.
	atPlan := after(func() { s.heard("plan", "match", `rule "a"`) })
	type match = map[string]any
	equals := func(values ...string) match { return match{"equals": values} }
	rules := func(a, b map[string]any, more ...func(*resource.TestStep)) resource.TestStep {
		s.variables["a"], s.variables["b"] = a, b
		return s.step("ties", more...)
	}
	plain := match{"paths": []string{"/a"}}
	asks := match{"methods": []string{"GET", "POST"}, "headers": match{"X-Team": match{"prefix": "b"}}, "query": match{"v": equals("1", "2")}}
	narrow := match{"paths": []string{"/shop/*"}, "methods": []string{"GET"}, "headers": match{"X-Team": equals("blue")}, "query": match{"v": equals("1")}}
	other := match{"paths": []string{"/shop/*"}, "methods": []string{"GET"}, "headers": match{"X-Team": equals("red")}, "query": match{"v": equals("1")}}
	s.run(
		rules(match{"match": plain}, match{"match": plain}, wrong("match", `rule "a"`)),
		rules(match{"match": asks, "priority": 7}, match{"match": asks, "priority": 7}, wrong("match", `rule "a"`)),
		rules(match{"match": asks, "priority": 7}, match{"match": narrow}, wrong("match", "takes nothing that", `rule "a"`), atPlan),
		rules(match{"match": asks, "priority": 7}, match{"match": other}, wrong("")),
		rules(match{"match": asks, "priority": 7}, match{"match": asks, "priority": 7}, wrong("match", `rule "a"`), atPlan),
	)
}

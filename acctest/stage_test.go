package acctest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A stage is a gateway and what Terraform is told to make of it.
type stage struct {
	*testing.T
	gateway *gatewaytest.Gateway
	witness *witness
	// variables are those of the configurations; those of the provider are always there.
	variables map[string]any
	// shared says that others have objects on the gateway too.
	shared bool
	// ownProvider says that the configurations have the provider's block themselves.
	ownProvider bool
	// park is nil where the configurations have no machines.
	park *park
}

// newStage starts a gateway; the test runs beside others.
func newStage(t *testing.T) *stage {
	t.Helper()
	t.Parallel()
	return onStage(t, gatewaytest.Start(t, gatewaytest.Loops(2)))
}

// onStage is a stage on a gateway that others may use too.
func onStage(t *testing.T, g *gatewaytest.Gateway) *stage {
	return &stage{T: t, gateway: g, witness: &witness{}, variables: map[string]any{"endpoint": g.Endpoint, "token": g.Token}}
}

// port is a variable of the configurations, and a free port.
func (s *stage) port(name string) int {
	s.Helper()
	port := gatewaytest.FreePort(s)
	s.variables[name] = port
	return port
}

// backend is a variable of the configurations, the port of a backend.
func (s *stage) backend(name string) *gatewaytest.Echo {
	s.Helper()
	e := gatewaytest.StartEcho(s, name)
	s.variables[name] = int(e.Addr().Port())
	return e
}

// run applies the steps one after the other, each in the state that the one before left, and destroys what is left.
// After each the plan must be empty.
func (s *stage) run(steps ...resource.TestStep) {
	s.Helper()
	provider := map[string]func() (tfprotov6.ProviderServer, error){"gatewayd": s.witness.server}
	if s.park != nil {
		provider["machine"] = s.park.server
	}
	c := resource.TestCase{Steps: steps, CheckDestroy: s.emptied}
	if s.ownProvider {
		for i := range c.Steps {
			c.Steps[i].ProtoV6ProviderFactories = provider
		}
	} else {
		c.ProtoV6ProviderFactories = provider
	}
	resource.Test(s.T, c)
}

// isEmpty says that nothing of the kinds is left on the gateway, retired objects included.
func (s *stage) isEmpty() error {
	status, err := s.gateway.Client().Status(s.Context())
	if err != nil {
		return err
	}
	for collection, n := range status.Objects {
		if n > 0 {
			return fmt.Errorf("after the destroy %d %s are left", n, collection)
		}
	}
	if len(status.Retired) > 0 {
		return fmt.Errorf("after the destroy retired objects are left: %v", status.Retired)
	}
	return nil
}

// step applies testdata/DIR.
func (s *stage) step(dir string, more ...func(*resource.TestStep)) resource.TestStep {
	s.Helper()
	work := s.TempDir()
	if err := os.CopyFS(work, os.DirFS(filepath.Join("testdata", dir))); err != nil {
		s.Fatal(err)
	}
	return s.in(work, more...)
}

// write applies a configuration in Terraform's JSON form.
func (s *stage) write(configuration map[string]any, more ...func(*resource.TestStep)) resource.TestStep {
	s.Helper()
	text, err := json.MarshalIndent(configuration, "", "  ")
	if err != nil {
		s.Fatal(err)
	}
	work := s.TempDir()
	if err := os.WriteFile(filepath.Join(work, "main.tf.json"), text, 0o600); err != nil {
		s.Fatal(err)
	}
	return s.in(work, more...)
}

func (s *stage) in(work string, more ...func(*resource.TestStep)) resource.TestStep {
	s.Helper()
	if !s.ownProvider {
		name := "testdata/provider.tf.json"
		if s.park != nil {
			name = "testdata/provider-machine.tf.json"
		}
		text, err := os.ReadFile(name)
		if err != nil {
			s.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(work, "provider.tf.json"), text, 0o600); err != nil {
			s.Fatal(err)
		}
	}
	variables := config.Variables{}
	for name, value := range s.variables {
		text, err := json.Marshal(value)
		if err != nil {
			s.Fatal(err)
		}
		variables[name] = json.RawMessage(text)
	}
	step := resource.TestStep{ConfigDirectory: config.StaticDirectory(work), ConfigVariables: variables}
	for _, f := range more {
		f(&step)
	}
	return step
}

// before runs f before the step.
func before(f func()) func(*resource.TestStep) {
	return func(step *resource.TestStep) { step.PreConfig = f }
}

// after runs f once the step is applied and its plan is known to be empty, behind what was to run there already.
func after(f func()) func(*resource.TestStep) {
	return func(step *resource.TestStep) {
		earlier := step.PostApplyFunc
		step.PostApplyFunc = func() {
			if earlier != nil {
				earlier()
			}
			f()
		}
	}
}

// planned checks the plan before it is applied.
func planned(checks ...plancheck.PlanCheck) func(*resource.TestStep) {
	return func(step *resource.TestStep) {
		step.ConfigPlanChecks.PreApply = append(step.ConfigPlanChecks.PreApply, checks...)
	}
}

// actions wants exactly these changes of objects, by address: create, update, delete or replace.
func actions(want map[string]string) plancheck.PlanCheck {
	return check(func(_ context.Context, req plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse) {
		var wrong []string
		seen := map[string]bool{}
		for _, change := range req.Plan.ResourceChanges {
			if !strings.HasPrefix(change.Type, "gatewayd_") || change.Mode == "data" || change.Change.Actions.NoOp() && want[change.Address] == "" {
				continue
			}
			seen[change.Address] = true
			if got := actionOf(change.Change.Actions); got != want[change.Address] {
				wrong = append(wrong, fmt.Sprintf("%s: want %q, got %q", change.Address, want[change.Address], got))
			}
		}
		for address, action := range want {
			if !seen[address] {
				wrong = append(wrong, fmt.Sprintf("%s: want %q, got nothing", address, action))
			}
		}
		if len(wrong) > 0 {
			resp.Error = fmt.Errorf("the plan is another: %s", strings.Join(wrong, "; "))
		}
	})
}

// actionOf is one word for a change.
func actionOf(a interface {
	Create() bool
	Update() bool
	Delete() bool
	Replace() bool
}) string {
	switch {
	case a.Replace():
		return "replace"
	case a.Create():
		return "create"
	case a.Update():
		return "update"
	case a.Delete():
		return "delete"
	}
	return "no-op"
}

// between runs f between plan and apply.
func between(f func() error) plancheck.PlanCheck {
	return check(func(_ context.Context, _ plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse) {
		resp.Error = f()
	})
}

type check func(context.Context, plancheck.CheckPlanRequest, *plancheck.CheckPlanResponse)

func (c check) CheckPlan(ctx context.Context, req plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse) {
	c(ctx, req, resp)
}

// get reads an object and its revision from the gateway.
func (s *stage) get(kind *spec.Kind, name string) (spec.Object, uint64) {
	s.Helper()
	o, meta, err := s.gateway.Client().Get(s.Context(), kind, name, "")
	if err != nil {
		s.Errorf("reading %s %q: %v", kind, name, err)
		return nil, 0
	}
	return o, meta.Revision
}

package acctest

import (
	"net"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A refusal is a step that fails, and what the provider says of it.
func (s *stage) refusal(step resource.TestStep, summary string, heard func()) []resource.TestStep {
	s.Helper()
	step.ExpectError = regexp.MustCompile(summary)
	step.PreConfig = s.witness.forget
	// The next step begins with what was heard in this one.
	return []resource.TestStep{step, s.step("errors/empty", before(heard))}
}

// heard wants a remark at a call and path.
func (s *stage) heard(call, path string, parts ...string) {
	s.Helper()
	if err := s.witness.find(call, path, parts...); err != nil {
		s.Error(err)
	}
}

// TestRefusals: every error is on the attribute that causes it, as early as it can be known, and says what to do.
func TestRefusals(t *testing.T) {
	s := newStage(t)
	s.port("port")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s.variables["taken"] = taken.Addr().(*net.TCPAddr).Port
	standing := spec.Pools.New().(*spec.Pool)
	standing.Name = "standing"
	if _, err := s.gateway.Client().Create(t.Context(), spec.Pools, standing, ""); err != nil {
		t.Fatal(err)
	}
	s.shared = true
	var steps []resource.TestStep

	planOnly := s.step("errors/unknown")
	planOnly.PlanOnly = true
	steps = append(steps, s.refusal(planOnly, "Invalid value for", func() {
		s.heard("validate", `targets["b"].port`, "must be 1 to 65535")
		s.heard("validate", `targets["c"].address`, "is no IP address")
		s.heard("validate", `targets["c"].weight`, "must be 0 to 1000")
		s.heard("validate", `connect_timeout`, "must be a duration")
		for _, r := range s.witness.remarks("validate") {
			if r.path == "host" || strings.HasPrefix(r.path, `targets["a"]`) {
				t.Errorf("this rests on a value that is not known yet: %s", r)
			}
		}
	})...)
	steps = append(steps, s.refusal(s.step("errors/reference"), "Unable to create rule", func() {
		s.heard("plan", "pool", `"nowhere"`, "gatewayd_pool.")
		s.heard("apply", "pool", `"nowhere"`, "does not exist")
	})...)
	steps = append(steps, s.refusal(s.step("errors/port"), "Unable to create listener", func() {
		s.heard("apply", "port", "another process has it")
	})...)
	steps = append(steps, s.refusal(s.step("errors/exists"), "Unable to create pool", func() {
		s.heard("apply", "name", "already", "terraform import")
	})...)
	steps = append(steps, s.refusal(s.step("errors/host"), "Unable to create setting", func() {
		s.heard("plan", "probe", "host_from_target = true")
		s.heard("apply", "probe", "host_from_target = true")
	})...)
	token := s.variables["token"]
	s.variables["token"] = strings.Repeat("0", len(token.(string)))
	wrong := s.step("errors/exists")
	s.variables["token"] = token
	steps = append(steps, s.refusal(wrong, "Unable to create pool", func() {
		s.heard("apply", "", "Not authorized", "admin.token")
		for _, r := range s.witness.remarks("apply") {
			if strings.Contains(r.detail, "00000000") {
				t.Errorf("the token is in the text: %s", r)
			}
		}
	})...)
	s.run(steps...)
	if o, _ := s.get(spec.Pools, "standing"); o != nil && len(o.(*spec.Pool).Targets) > 0 {
		t.Errorf("the pool of somebody else was changed: %v", o)
	}
}

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
		s.heard("validate", `steps[0].request_headers["X-Rest"].value`, "names group 2 of var_uri_path, and the pattern has 1")
		s.heard("validate", `steps[0].request_headers["Connection"]`, "cannot be changed")
		s.heard("validate", `steps[1].url.query`, "of the answer")
		for _, r := range s.witness.remarks("validate") {
			if r.path == "host" || r.path == "steps[1].url.path" || strings.HasPrefix(r.path, `targets["a"]`) {
				t.Errorf("this rests on a value that is not known yet: %s", r)
			}
		}
	})...)
	steps = append(steps, s.refusal(s.step("errors/reference"), "Unable to create rule", func() {
		s.heard("plan", "pool", `"nowhere"`, "gatewayd_pool.")
		s.heard("apply", "pool", `"nowhere"`, "does not exist")
		for path, part := range map[string]string{
			"rewrite":            `"nothing"`,
			`split["b"].pool`:    `"nowhere"`,
			`split["b"].setting`: `"nohow"`,
			"redirect.listener":  `listener "many", which has several host names or wildcards; name one that has none or a plain one, or give a url`,
		} {
			s.heard("plan", path, part)
			s.heard("apply", path, part)
		}
	})...)
	steps = append(steps, s.refusal(s.step("errors/port"), "Unable to create listener", func() {
		s.heard("apply", "port", "another process has it")
		s.heard("apply", "source_addresses", "192.0.2.1", "this machine has no such address")
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

// TestFieldsThatDoNotGoTogether are told when the configuration is read, each on its attribute.
func TestFieldsThatDoNotGoTogether(t *testing.T) {
	s := newStage(t)
	wrong := s.step("errors/fields")
	wrong.PlanOnly = true
	s.run(s.refusal(wrong, "Invalid value for", func() {
		for _, p := range []struct{ path, part string }{
			{"hash_header", `is required with algorithm = "header_hash"`},
			{"hash_header", `means nothing with algorithm = "least_connections"`},
			{"algorithm", "must be one of"},
			{"slow_start", "must be 0s to 1h, not 2h"},
			{`targets["b"].address`, `is the address and port of target "a" already`},
			{`targets["c"].port`, "means nothing for a Unix socket"},
			{`targets["d"].weight`, "must be 0 to 1000, not -1"},
			{"port", "means nothing for a Unix socket"},
			{"address", "by an absolute path"},
			{"close_spread", "must not be longer than drain_timeout, of which it is the last part: 11s is more than 10s"},
			{"close_spread", "must not be longer than drain_timeout, of which it is the last part: 31s is more than 30s"},
			{"max_connections", "must be 0 to 1000000, not -1"},
			{"on_unhealthy", "must be one of"},
			{"eject.failures", "must be 1 to 1000, not 0"},
			{"eject.for", "must be 100ms to 1h, not 1ms"},
			{"source_addresses", `"eth0" must be an IP address`},
			{"affinity.cookie_name", "must not end in CORS"},
			{"affinity.ttl", "must be 1s to 8760h, not 0s"},
		} {
			s.heard("validate", p.path, p.part)
		}
		if heard := s.witness.remarks("validate"); len(heard) != 18 {
			t.Errorf("want 18 problems, heard %d: %v", len(heard), heard)
		}
	})...)
}

// TestAMemberTwice: what is in the pool already, by whichever way, is refused on the address, naming the holder, and the
// plan warns of it.
func TestAMemberTwice(t *testing.T) {
	s := newStage(t)
	with := func(inMap bool, targets map[string]int) resource.TestStep {
		s.variables["in_map"], s.variables["targets"] = inMap, targets
		return s.step("errors/member")
	}
	first := with(false, map[string]int{"one": 81})
	refused := func(step resource.TestStep, summary string, heard func()) []resource.TestStep {
		step.ExpectError, step.PreConfig = regexp.MustCompile(summary), s.witness.forget
		again := with(false, map[string]int{"one": 81})
		again.PreConfig = heard
		return []resource.TestStep{step, again}
	}
	steps := []resource.TestStep{first}
	steps = append(steps, refused(with(false, map[string]int{"one": 81, "two": 81, "three": 80}), "Unable to create target", func() {
		for _, call := range []string{"plan", "apply"} {
			s.heard(call, "address", `is the address and port of gatewayd_target "one" in pool "web" already`)
			s.heard(call, "address", `is the address and port of target "a" of pool "web" itself already`)
		}
		for _, r := range s.witness.remarks("plan") {
			if !r.warning {
				t.Errorf("a plan cannot know what it removes, so this must be a warning: %s", r)
			}
		}
	})...)
	steps = append(steps, refused(with(true, map[string]int{"one": 81}), "Unable to update pool", func() {
		for _, call := range []string{"plan", "apply"} {
			s.heard(call, `targets["b"].address`, `is the address and port of gatewayd_target "one"`)
		}
	})...)
	// The test framework cannot end with a for_each in the state.
	s.run(append(steps, with(true, map[string]int{}))...)
}

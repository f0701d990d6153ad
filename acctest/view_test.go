package acctest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
)

// states are those of a pool's targets under a setting, by key.
func (s *stage) states(pool, setting string) string {
	s.Helper()
	targets := s.health(pool, setting)
	var words []string
	for _, key := range slices.Sorted(maps.Keys(targets)) {
		words = append(words, key+":"+targets[key].State)
	}
	return strings.Join(words, " ")
}

// healthy waits until the targets of a pool, by their keys in order, are healthy.
func (s *stage) healthy(pool, setting string, keys ...string) {
	s.Helper()
	want := strings.Join(keys, ":healthy ") + ":healthy"
	eventually(s, "healthy are "+strings.Join(keys, " and "), func() bool { return s.states(pool, setting) == want })
}

// TestViews: data sources read what resources wrote, and how the gateway is; a changed probe keeps what is known of the
// targets until its own thresholds decide.
func TestViews(t *testing.T) {
	s := newStage(t)
	port := s.port("port")
	blue := s.backend("blue")
	var since string
	well := func() {
		eventually(t, "blue is healthy and none is not", func() bool { return s.states("web", "web") == "blue:healthy none:unhealthy" })
		since = s.health("web", "web")["blue"].Since
	}
	probe := func(path, interval string, threshold int) {
		s.variables["path"], s.variables["interval"], s.variables["threshold"] = path, interval, threshold
	}
	var steps []resource.TestStep
	probe("/health", "100ms", 2)
	steps = append(steps, s.step("views", after(well)))
	steps = append(steps, s.step("views", states(s.viewed()...)))

	// An hour from one failure to the next: this one stands.
	probe("/status/503", "1h", 2)
	steps = append(steps, s.step("views", after(func() {
		eventually(t, "the changed probe failed once", func() bool { return s.health("web", "web")["blue"].Failures > 0 })
		if h := s.health("web", "web")["blue"]; h.State != api.Healthy || h.Since != since || !strings.Contains(h.Reason, "503") {
			t.Errorf("want it healthy since %s, with the 503 as the reason of the last failure, got %+v", since, h)
		}
		if got := servedBy(t, port, "/bytes/1"); got != "blue" {
			t.Errorf("want an answer of blue, got %s", got)
		}
	})))
	probe("/status/503", "100ms", 3)
	steps = append(steps, s.step("views", after(func() {
		eventually(t, "blue is unhealthy", func() bool { return s.states("web", "web") == "blue:unhealthy none:unhealthy" })
		if got := servedBy(t, port, "/bytes/1"); got != "502 Bad Gateway" {
			t.Errorf("want 502, got %s", got)
		}
		if _, err := gatewaytest.Dial(t.Context(), gatewaytest.URL("ws", port, "/"), nil); err == nil || !strings.Contains(err.Error(), "502") {
			t.Errorf("want 502 for a WebSocket too, got %v", err)
		}
	})))
	probe("/health", "100ms", 3)
	steps = append(steps, s.step("views", after(func() {
		well()
		blue.SetHealth(500)
		eventually(t, "blue is unhealthy", func() bool { return s.health("web", "web")["blue"].State == api.Unhealthy })
		blue.SetHealth(200)
		well()
	})))
	s.run(steps...)
}

func states(checks ...statecheck.StateCheck) func(*resource.TestStep) {
	return func(step *resource.TestStep) { step.ConfigStateChecks = append(step.ConfigStateChecks, checks...) }
}

// viewed is what the data sources tell of testdata/views.
func (s *stage) viewed() []statecheck.StateCheck {
	health := func(key, attribute string, c knownvalue.Check) statecheck.StateCheck {
		at := tfjsonpath.New("pools").AtMapKey("web").AtMapKey("settings").AtMapKey("web").AtMapKey("targets").AtMapKey(key).AtMapKey(attribute)
		return statecheck.ExpectKnownValue("data.gatewayd_health.now", at, c)
	}
	status := func(at tfjsonpath.Path, c knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue("data.gatewayd_status.now", at, c)
	}
	nothing := knownvalue.MapSizeExact(0)
	return []statecheck.StateCheck{
		statecheck.ExpectKnownOutputValue("equal", knownvalue.TupleExact([]knownvalue.Check{nothing, nothing, nothing, nothing, nothing})),
		health("blue", "state", knownvalue.StringExact(api.Healthy)),
		health("blue", "port", knownvalue.Int64Exact(int64(s.variables["blue"].(int)))),
		health("blue", "reason", knownvalue.StringExact("")),
		health("blue", "since", knownvalue.StringFunc(contains("Z"))),
		health("none", "state", knownvalue.StringExact(api.Unhealthy)),
		health("none", "reason", knownvalue.StringFunc(contains("refused"))),
		status(tfjsonpath.New("version"), knownvalue.StringExact(gatewaytest.Version)),
		status(tfjsonpath.New("revision"), knownvalue.Int64Exact(5)),
		status(tfjsonpath.New("activity").AtMapKey("loops"), knownvalue.Int64Exact(2)),
		status(tfjsonpath.New("objects").AtMapKey("rules"), knownvalue.Int64Exact(1)),
		status(tfjsonpath.New("nodes"), knownvalue.ListSizeExact(1)),
		status(tfjsonpath.New("conditions"), knownvalue.ListSizeExact(0)),
		status(tfjsonpath.New("retired"), knownvalue.ListSizeExact(0)),
	}
}

func contains(part string) func(string) error {
	return func(s string) error {
		if !strings.Contains(s, part) {
			return fmt.Errorf("%q does not hold %q", s, part)
		}
		return nil
	}
}

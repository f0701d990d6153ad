package control_test

import (
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestProbeMayTurnToItsSettingFirst: Terraform writes a probe before the settings that name it, so a host that comes to
// both at once must not be refused on the probe; what is left without one is told of, and no more once it is there.
func TestProbeMayTurnToItsSettingFirst(t *testing.T) {
	g := start(t, nil)
	probe := spec.Probes.New().(*spec.Probe)
	probe.Name = "up"
	setting := spec.Settings.New().(*spec.Setting)
	setting.Name, setting.Probe = "plain", &probe.Name
	g.must("created", create(probe)...)
	g.must("created", create(setting)...)

	turned := *probe
	turned.HostFromSetting = true
	r := g.must("updated", control.Change{Kind: spec.Probes, Name: "up", Put: &turned, Upsert: true})[0]
	if len(r.Warnings) != 1 || r.Warnings[0].Path != "host_from_setting" || !strings.Contains(r.Warnings[0].Message, "plain") {
		t.Errorf("want a warning that names the setting, got %v", r.Warnings)
	}
	if w := g.Warnings(r.Entry); len(w) != 1 {
		t.Errorf("want the warning at a read too, got %v", w)
	}
	host := "app.example"
	hosted := *setting
	hosted.Host = &host
	g.must("updated", control.Change{Kind: spec.Settings, Name: "plain", Put: &hosted, Upsert: true})
	if w := g.Warnings(g.get(spec.Probes, "up")); len(w) != 0 {
		t.Errorf("want no warning any more, got %v", w)
	}
}

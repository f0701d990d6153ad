package plane

import (
	"fmt"
	"log/slog"
	"net"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestLogTellsNamesOfTargets: a verdict in the log is of a pool, a setting and a target as people call them at that moment,
// for nobody can look up a hidden id.
func TestLogTellsNamesOfTargets(t *testing.T) {
	var lines loggedLines
	r := newRigOf(t, Config{Loops: 1, Log: slog.New(slog.NewTextHandler(&lines, nil))})
	b := newSick(t)
	_, at, _ := net.SplitHostPort(b.at)
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Listeners, `{"name":"l","address":"127.0.0.1","port":%d}`, freePort(t))
		r.put(d, spec.Pools, `{"name":"p","targets":{"one":{"address":"127.0.0.1","port":%s}}}`, at)
		r.put(d, spec.Probes, `{"name":"often","interval":"100ms","unhealthy_threshold":1}`)
		r.put(d, spec.Settings, `{"name":"s","probe":"often"}`)
		r.put(d, spec.Rules, `{"name":"r","listener":"l","pool":"p","setting":"s"}`)
	})
	line := func(pool, verdict string) string {
		return fmt.Sprintf(`msg="backend changed" backend=%s pool=%s setting=s target=one status=%s `, b.at, pool, verdict)
	}
	until(t, "the target is healthy in the log", func() bool { return lines.count(line("p", "healthy")) == 1 })
	r.ids["pool q"] = r.ids["pool p"]
	r.publish(func(d *spec.Draft) {
		d.Remove(spec.Pools, "p")
		r.put(d, spec.Pools, `{"name":"q","targets":{"one":{"address":"127.0.0.1","port":%s}}}`, at)
		r.put(d, spec.Rules, `{"name":"r","listener":"l","pool":"q","setting":"s"}`)
	})
	b.set(true)
	until(t, "the target is unhealthy in the log, by its pool's new name", func() bool { return lines.count(line("q", "unhealthy")) == 1 })
}

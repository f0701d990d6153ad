package health

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
)

// TestLoggedNames: a verdict has the names of its target, and none where it came as the target went.
func TestLoggedNames(t *testing.T) {
	_, at := stand(t, always(ok))
	r := prober(t, nil)
	list := r.targets("id", 2, at, every("24h"))
	var log lines
	teller := newTeller(Config{Log: slog.New(slog.NewTextHandler(&log, nil)), Names: func(h *backend.Health) (pool, setting, target string) {
		if h == list[0].Health {
			return "p", "s", "one"
		}
		return "", "", ""
	}})
	teller.tell([]turn{{health: list[0].Health, after: backend.Healthy}, {health: list[1].Health, after: backend.Unhealthy, reason: "late"}})
	for _, want := range []string{
		` msg="backend changed" backend=10.0.0.0:80 pool=p setting=s target=one status=healthy reason=""` + "\n",
		` msg="backend changed" backend=10.0.0.1:80 status=unhealthy reason=late` + "\n",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no line is%sbut\n%s", want, log.String())
		}
	}
}

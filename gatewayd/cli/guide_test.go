package cli

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
)

// TestGuideOfTheDaemon: the configuration file that the guide shows starts a gateway that serves, with the files that
// it tells of, and what it reads of the admin API is there.
func TestGuideOfTheDaemon(t *testing.T) {
	guide, err := os.ReadFile("../../docs/guides/daemon.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(guide), "```json\n")
	config, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the guide shows no configuration file")
	}
	echo, listen := gatewaytest.StartEcho(t, "one"), freeAddress(t)
	config = strings.NewReplacer("8080", portOf(t, listen), "9001", portOf(t, echo.Addr().String())).Replace(config)
	file := filepath.Join(t.TempDir(), "gatewayd.json")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := serveIn(t, t.TempDir(), "--config", file)
	r, err := http.Get("http://" + listen + "/bytes/1")
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	if r.StatusCode != http.StatusOK {
		t.Errorf("it does not serve: %s", r.Status)
	}
	for _, name := range []string{"gatewayd.db", "store.key", "admin.token", "affinity.key", "tickets.key"} {
		if _, err := os.Stat(filepath.Join(p.dir, name)); err != nil || !strings.Contains(string(guide), "| `"+name+"` |") {
			t.Errorf("%s: %v, or it is not in the guide", name, err)
		}
	}
	for _, path := range []string{
		"/openapi.json", "/v1/pools/app", "/v1/config", "/v1/status", "/v1/listeners", "/v1/health", "/v1/tunnels?draining=true", "/v1/explain?url=http://" + listen, "/metrics", "/livez", "/readyz",
	} {
		p.get(t, path)
	}
}

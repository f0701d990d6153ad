package cli

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
)

// TestTheMachinesAuthorities: where no bundle is named the authorities of the machine are believed, by requests and by probes,
// also by those of a setting that has no TLS of its own; and nobody else is.
func TestTheMachinesAuthorities(t *testing.T) {
	root := certtest.New(certtest.Issue{Names: []string{"root.test"}, CA: true})
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, []byte(root.Certificate), 0o600); err != nil {
		t.Fatal(err)
	}
	target := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "proved") }))
	target.TLS = &tls.Config{Certificates: []tls.Certificate{certtest.New(certtest.Issue{Names: []string{"127.0.0.1"}, By: root}).TLS()}}
	target.StartTLS()
	defer target.Close()
	for name, c := range map[string]struct {
		env                 []string
		want, state, reason string
	}{
		"of the target":  {[]string{"SSL_CERT_FILE=" + roots, "SSL_CERT_DIR=" + t.TempDir()}, "200 proved", "healthy", ""},
		"of others":      {nil, "502 tls_failed", "unhealthy", `signed by "root.test", an authority that is not trusted`},
		"of nobody here": {[]string{"SSL_CERT_FILE=" + roots + ".none", "SSL_CERT_DIR=" + t.TempDir()}, "502 tls_failed", "unhealthy", `signed by "root.test", an authority that is not trusted`},
	} {
		listen := freeAddress(t)
		file := filepath.Join(t.TempDir(), "config.json")
		text := fmt.Sprintf(`{
			"listeners": [{"name": "web", "address": "127.0.0.1", "port": %s}],
			"pools": [{"name": "app", "fail_open": true, "targets": {"a": {"address": "127.0.0.1", "port": %s}}}],
			"probes": [{"name": "up", "protocol": "https", "interval": "100ms", "timeout": "1s"}],
			"settings": [{"name": "over", "protocol": "https", "probe": "up"}, {"name": "clear", "probe": "up"}],
			"rules": [{"name": "all", "listener": "web", "pool": "app", "setting": "over"},
				{"name": "clear", "listener": "web", "match": {"paths": ["/clear"]}, "pool": "app", "setting": "clear"}]
		}`, portOf(t, listen), portOf(t, target.Listener.Addr().String()))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		limit = func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, c.env...) }
		p := serveIn(t, t.TempDir(), "--config", file)
		limit = nil
		a, err := http.Get("http://" + listen + "/")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(a.Body)
		a.Body.Close()
		if got := fmt.Sprint(a.StatusCode, " ", cmp.Or(a.Header.Get("Gatewayd-Reason"), string(body))); err != nil || got != c.want {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, c.want)
		}
		state := func(setting string) (string, string) {
			h, err := p.client.PoolHealth(t.Context(), "app")
			if err != nil {
				t.Fatal(err)
			}
			target := h.Pools["app"].Settings[setting].Targets["a"]
			return target.State, target.Reason
		}
		for _, setting := range []string{"over", "clear"} {
			for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
				got, reason := state(setting)
				if got == c.state && strings.Contains(reason, c.reason) {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("%s: under setting %s the target is %s: %s, want %s", name, setting, got, reason, c.state)
				}
			}
		}
	}
}

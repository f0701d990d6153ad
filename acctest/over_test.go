package acctest

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
)

// TestTargetsOverTLS: a target is not believed while its authority is in no bundle, which health and requests tell; the bundle
// that gets it is updated in place, and the target serves.
func TestTargetsOverTLS(t *testing.T) {
	s := newStage(t)
	port := s.port("port")
	root := certtest.New(certtest.Issue{Names: []string{"internal root"}, CA: true})
	pair := certtest.New(certtest.Issue{Names: []string{"app.internal"}, By: root})
	app := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.TLS.ServerName)) }))
	app.TLS = &tls.Config{Certificates: []tls.Certificate{pair.TLS()}}
	app.StartTLS()
	t.Cleanup(app.Close)
	s.variables["target"] = app.Listener.Addr().(*net.TCPAddr).Port
	old := certtest.Sample(1).Certificate
	s.variables["authorities"] = old
	wait := func(state string) string {
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			if h := s.health("apps", "secure")["app"]; h.State == state {
				return h.Reason
			} else if time.Now().After(end) {
				t.Fatalf("the target is %s: %s", h.State, h.Reason)
			}
		}
	}
	first := s.step("over", after(func() {
		if reason := wait(api.Unhealthy); !strings.HasPrefix(reason, `the certificate is signed by "internal root", an authority that is not trusted`) {
			t.Errorf("the target is unhealthy because %s", reason)
		}
	}))
	s.variables["authorities"] = old + root.Certificate
	s.run(first, s.step("over", planned(actions(map[string]string{"gatewayd_ca_bundle.internal": "update"})), after(func() {
		wait(api.Healthy)
		answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		told := make([]byte, 64)
		n, _ := answer.Body.Read(told)
		if got := string(told[:n]); answer.StatusCode != http.StatusOK || got != "app.internal" {
			t.Errorf("got %d %q, want 200 and the name that the setting says", answer.StatusCode, got)
		}
	})))
}

package plane

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestTargetsOverTLS: probes go the way of requests and tell why a target is not believed; a bundle that holds its authority
// makes it healthy at once, and requests reach it.
func TestTargetsOverTLS(t *testing.T) {
	pair := certtest.New(certtest.Issue{Names: []string{"127.0.0.1", "probed.test"}})
	names := make(chan string, 1024)
	backend := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { names <- r.TLS.ServerName }))
	backend.TLS = &tls.Config{Certificates: []tls.Certificate{pair.TLS()}}
	backend.StartTLS()
	t.Cleanup(backend.Close)
	quoted := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	r, port := newRig(t), freePort(t)
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Listeners, `{"name":"l","address":"127.0.0.1","port":%d}`, port)
		r.put(d, spec.Pools, `{"name":"p","targets":{"t":{"address":"127.0.0.1","port":%d}}}`, backend.Listener.Addr().(*net.TCPAddr).Port)
		r.put(d, spec.Probes, `{"name":"h","interval":"100ms","host":"probed.test:1","unhealthy_threshold":1}`)
		r.put(d, spec.CABundles, `{"name":"b","pem":%s}`, quoted(certtest.Sample(1).Certificate))
		r.put(d, spec.Settings, `{"name":"s","protocol":"https","probe":"h","tls":{"ca_bundles":["b"]}}`)
		r.put(d, spec.Rules, `{"name":"r","listener":"l","pool":"p","setting":"s"}`)
	})
	wait := func(state string) string {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			if h := r.plane.Health("").Pools["p"].Settings["s"].Targets["t"]; h.State == state {
				return h.Reason
			} else if time.Now().After(end) {
				t.Fatalf("the target is %s: %s", h.State, h.Reason)
			}
		}
	}
	if reason := wait("unhealthy"); !strings.HasPrefix(reason, `the certificate is signed by "127.0.0.1", an authority that is not trusted`) {
		t.Errorf("the target is unhealthy because %s", reason)
	}
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.CABundles, `{"name":"b","pem":%s}`, quoted(certtest.Sample(1).Certificate+pair.Certificate))
	})
	wait("healthy")
	if name := <-names; name != "probed.test" {
		t.Errorf("the probe asked for %q", name)
	}
	// Probes are told apart from requests by what they ask for: an address is not sent.
	answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != 200 {
		t.Errorf("a request was answered %d", answer.StatusCode)
	}
	for <-names != "" {
	}
}

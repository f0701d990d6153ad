package plane

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestExplainOfClientCertificates: what is told is of a client that shows what the listener asks for, and that it must is told.
func TestExplainOfClientCertificates(t *testing.T) {
	r := newRig(t)
	ports := map[string]int{"strict": freePort(t), "optional": freePort(t), "passthrough": freePort(t), "": freePort(t), "clear": freePort(t)}
	pair := certtest.Sample(1)
	quoted := func(s string) string {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Certificates, `{"name":"c","certificate_pem":%s,"private_key_pem":%s}`, quoted(pair.Certificate), quoted(pair.Key))
		r.put(d, spec.CABundles, `{"name":"b","pem":%s}`, quoted(certtest.Sample(2).Certificate))
		r.put(d, spec.Pools, `{"name":"p","fail_open":true,"targets":{"one":{"address":"127.0.0.1","port":9}}}`)
		r.put(d, spec.Settings, `{"name":"s"}`)
		r.put(d, spec.Rewrites, `{"name":"w","steps":[{"url":{"path":"/{var_client_certificate_verification}/{var_ssl_enabled}/{var_ssl_connection_protocol}"}}]}`)
		for mode, port := range ports {
			more := `,"protocol":"https","certificates":["c"]`
			switch mode {
			case "strict", "optional":
				more += fmt.Sprintf(`,"client_auth":{"mode":%q,"ca_bundles":["b"]}`, mode)
			case "passthrough":
				more += `,"client_auth":{"mode":"passthrough"}`
			case "clear":
				more = ""
			}
			r.put(d, spec.Listeners, `{"name":"l%s","address":"127.0.0.1","port":%d%s}`, mode, port, more)
			r.put(d, spec.Rules, `{"name":"r%s","listener":"l%s","pool":"p","setting":"s","rewrite":"w"}`, mode, mode)
		}
	})
	for mode, want := range map[string]string{
		"strict": "strict /SUCCESS/On/TLSv1.3", "optional": "optional /SUCCESS/On/TLSv1.3",
		"passthrough": "passthrough /FAILED:not_verified/On/TLSv1.3", "": " /NONE/On/TLSv1.3", "clear": " /NONE//",
	} {
		e, ps := r.plane.Explain(api.Question{URL: fmt.Sprintf("https://a.test:%d/", ports[mode]), AtListener: "l" + mode})
		if got := e.ClientAuth + " " + e.Sent; len(ps) > 0 || got != want {
			t.Errorf("%s: got %q, want %q: %v %+v", mode, got, want, ps, e)
		}
	}
}

package plugin_test

import (
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestEveryWayToConfigure: arguments, environment, several endpoints, a token file.
func TestEveryWayToConfigure(t *testing.T) {
	g := furnished(t)
	token := g.real.Token
	file := filepath.Join(t.TempDir(), "admin.token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name        string
		config      object
		environment map[string]string
		want        string // of the diagnostics of a read; "" means that it works
	}{
		{name: "arguments", config: object{"endpoints": list{g.URL}, "token": token}},
		{name: "a token file", config: object{"endpoints": list{g.URL}, "token_file": file}},
		{name: "a second endpoint", config: object{"endpoints": list{"http://127.0.0.1:1", g.URL}, "token": token}},
		{name: "the environment", config: object{}, environment: map[string]string{"GATEWAYD_ENDPOINTS": "http://127.0.0.1:1, " + g.URL, "GATEWAYD_TOKEN": token}},
		{name: "a token file in the environment", config: object{}, environment: map[string]string{"GATEWAYD_ENDPOINTS": g.URL, "GATEWAYD_TOKEN_FILE": file}},
		{name: "an argument before the environment", config: object{"endpoints": list{g.URL}, "token": token},
			environment: map[string]string{"GATEWAYD_ENDPOINTS": "http://127.0.0.1:1", "GATEWAYD_TOKEN_FILE": "/nowhere"}},
		{name: "a wrong token", config: object{"endpoints": list{g.URL}, "token": "mistaken"}, want: "Not authorized: "},
		{name: "no token", config: object{"endpoints": list{g.URL}}, want: "GATEWAYD_TOKEN_FILE"},
		{name: "no token file", config: object{"endpoints": list{g.URL}, "token_file": "/nowhere"}, want: "Unable to read the token file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, g, object{})
			for name, v := range c.environment {
				t.Setenv(name, v)
			}
			if ds := r.configure(c.config); ds != "" {
				t.Fatal(ds)
			}
			_, ds := r.read("gatewayd_pool", object{"name": "there"})
			if c.want == "" && ds != "" || !strings.Contains(ds, c.want) {
				t.Errorf("want %q, got %s", c.want, ds)
			}
			if strings.Contains(ds, "mistaken") {
				t.Errorf("the token is in the text: %s", ds)
			}
		})
	}
}

func TestBadConfiguration(t *testing.T) {
	g := newGateway(t)
	r := start(t, g, nil)
	for _, c := range []struct {
		config object
		want   string
	}{
		{object{"token": "a", "token_file": "b"}, `AttributeName("token_file"): Invalid provider configuration: token and token_file cannot be given together`},
		{object{"client_certificate_pem": "a"}, `AttributeName("client_certificate_pem"): Invalid provider configuration: client_certificate_pem needs client_key_pem`},
		{object{"endpoints": list{"http://gateway.example:9180"}}, "in the clear"},
		{object{"endpoints": list{"gateway"}}, "must begin with http://"},
		{object{"ca_pem": "x"}, "no certificate in PEM form"},
	} {
		want(t, r.configure(c.config), c.want)
	}
}

// TestAnUnknownEndpoint: the plan that creates the gateway's machine plans its objects too.
func TestAnUnknownEndpoint(t *testing.T) {
	g := newGateway(t)
	token := g.real.Token
	for _, config := range []object{{"endpoints": list{unknown{}}, "token": token}, {"endpoints": unknown{}}, {"endpoints": list{g.URL}, "token": unknown{}}} {
		i := start(t, g, config).instance(spec.Pools)
		p := i.plan(pool("web", 80))
		if p.diagnostics != "" {
			t.Fatal(p.diagnostics)
		}
		// At apply everything is known.
		later := i.in(start(t, g, nil))
		if ds := later.apply(p); ds != "" {
			t.Fatal(ds)
		}
		want(t, later.in(i.run).refresh(), `Unable to read pool "web"`, "known only after apply")
		later.must(nil)
	}
}

// TestAGatewayOutOfReach: a plan of new objects works without a gateway; an apply says what to check.
func TestAGatewayOutOfReach(t *testing.T) {
	g := newGateway(t)
	// Nobody trusts the certificate, and no repetition mends that.
	s := httptest.NewUnstartedServer(g)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	r := start(t, g, object{"endpoints": list{s.URL}, "token": "any"})
	for _, name := range []string{"a", "b"} {
		if p := r.instance(spec.Pools).plan(pool(name, 80)); p.diagnostics != "" {
			t.Fatal(p.diagnostics)
		}
	}
	i := r.instance(spec.Pools)
	want(t, i.apply(i.plan(pool("a", 80))), `Unable to create pool "a"`, "The gateway cannot be reached", "certificate that is not trusted", "check the CA")
}

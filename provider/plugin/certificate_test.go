package plugin_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

func inPEM(p *certtest.Pair) object {
	return object{"name": "c", "certificate_pem": p.Certificate, "private_key_pem": p.Key}
}

func inPFX(t *testing.T, p *certtest.Pair, password string) object {
	t.Helper()
	der, err := pkcs12.Modern.Encode(p.Signer, p.Leaf, nil, password)
	if err != nil {
		t.Fatal(err)
	}
	return object{"name": "c", "pfx": base64.StdEncoding.EncodeToString(der), "password": password}
}

// certificate is what is planned or in the state of a certificate.
func (i *instance) certificate(p *plan) (pem, names string) {
	i.Helper()
	v := i.state
	if p != nil {
		v = p.value
	}
	var all []string
	for _, e := range elementsOf(membersOf(v)["names"]) {
		all = append(all, value[string](i.T, e))
	}
	return at[string](i.T, v, "certificate_pem"), strings.Join(all, " ")
}

// TestCertificateRotates: another certificate, in an ordinary attribute or in a write-only PFX, plans an update that
// says what it is, and the plan is empty afterwards, however the same is written.
func TestCertificateRotates(t *testing.T) {
	g := newGateway(t)
	i := start(t, g, nil).instance(spec.Certificates)
	one, two := certtest.Sample(1), certtest.Sample(2)
	for _, step := range []struct {
		what   string
		config object
		of     *certtest.Pair
		empty  bool
	}{
		{"made of PEM", inPEM(one), one, false},
		{"the same as PFX", inPFX(t, one, "x"), one, true},
		{"the same as PFX under another password", inPFX(t, one, "y"), one, true},
		{"another PFX", inPFX(t, two, "y"), two, false},
		{"the same as PEM", inPEM(two), two, true},
		{"the key in other words", object{"name": "c", "certificate_pem": two.Certificate, "private_key_pem": "# a key\n" + two.Key}, two, true},
		{"no key at all", object{"name": "c", "certificate_pem": two.Certificate}, two, true},
		{"the first again", inPEM(one), one, false},
	} {
		p := i.plan(step.config)
		if p.diagnostics != "" {
			t.Fatalf("%s: %s", step.what, p.diagnostics)
		}
		if p.value.Equal(i.state) != step.empty {
			t.Errorf("%s: want an empty plan: %t", step.what, step.empty)
		}
		if pem, names := i.certificate(p); pem != step.of.Certificate || names != step.of.Leaf.DNSNames[0] {
			t.Errorf("%s: %s is planned for %s", step.what, pem, names)
		}
		i.must(step.config)
		i.wantEmpty(step.config)
		if got := g.get(spec.Certificates, "c").(*spec.Certificate); *got.CertificatePEM != step.of.Certificate || got.PrivateKeyPEM != nil {
			t.Errorf("%s: the gateway has %s", step.what, *got.CertificatePEM)
		}
	}
	for _, config := range []object{inPEM(one), inPFX(t, one, "x"), {"name": "c", "certificate_pem": one.Certificate}} {
		imported := *i
		if ds := imported.importName("c", false); ds != "" {
			t.Fatal(ds)
		}
		imported.wantEmpty(config)
	}
}

// TestCertificateDrifts: another certificate on the gateway plans the configured one again.
func TestCertificateDrifts(t *testing.T) {
	one, two := certtest.Sample(1), certtest.Sample(2)
	for what, config := range map[string]object{"PEM": inPEM(one), "PFX": inPFX(t, one, "x")} {
		g := newGateway(t)
		i := start(t, g, nil).instance(spec.Certificates)
		i.must(config)
		g.write(&spec.Certificate{Name: "c", CertificatePEM: &two.Certificate, PrivateKeyPEM: &two.Key}, "c")
		if ds := i.refresh(); ds != "" {
			t.Fatal(ds)
		}
		if pem, names := i.certificate(nil); pem != two.Certificate || names != "h2.example" {
			t.Errorf("%s: the drift does not show: %s", what, names)
		}
		p := i.plan(config)
		if pem, _ := i.certificate(p); p.diagnostics != "" || p.value.Equal(i.state) || pem != one.Certificate {
			t.Errorf("%s: want the first planned again: %s", what, p.diagnostics)
		}
		i.must(config)
		i.wantEmpty(config)
	}
}

// TestCertificateMistakes: each is an error at plan on its attribute, in the words that Terraform has for it.
func TestCertificateMistakes(t *testing.T) {
	g := newGateway(t)
	r := start(t, g, nil)
	i, fresh := r.instance(spec.Certificates), r.instance(spec.Certificates)
	one, two := certtest.Sample(1), certtest.Sample(2)
	i.must(inPEM(one))
	wrong := inPFX(t, one, "right")
	wrong["password"] = "wrong"
	for _, c := range []struct {
		what      string
		config    object
		of        *instance
		attribute string
		words     string
	}{
		{"the key of another", object{"name": "c", "certificate_pem": one.Certificate, "private_key_pem": two.Key}, i, "private_key_wo", "private_key_wo does not belong to the certificate"},
		{"the wrong password", wrong, i, "pfx_password_wo", "pfx_password_wo is not the password of the PFX"},
		{"both", object{"name": "c", "certificate_pem": one.Certificate, "pfx": "x"}, i, "pfx_wo", "pfx_wo cannot be given together with certificate_pem"},
		{"nothing", object{"name": "c"}, i, "certificate_pem", "certificate_pem is required, unless a PFX holds it"},
		{"a key among the certificates", object{"name": "c", "certificate_pem": one.Certificate + one.Key}, i, "certificate_pem", "there is a private key in it"},
		{"a new certificate without its key", object{"name": "c", "certificate_pem": two.Certificate}, i, "private_key_wo", "private_key_wo is required: the key that the gateway holds does not belong to this certificate"},
		{"no key at the creation", object{"name": "c", "certificate_pem": one.Certificate}, fresh, "private_key_wo", "private_key_wo is required: a new certificate comes with its key"},
	} {
		p := c.of.plan(c.config)
		if !p.failed {
			t.Errorf("%s: the plan is made", c.what)
		}
		want(t, p.diagnostics, `error on AttributeName("`+c.attribute+`"): Invalid value for `+c.attribute, c.words)
		if one.Shows([]byte(p.diagnostics)) != "" || two.Shows([]byte(p.diagnostics)) != "" || strings.Contains(p.diagnostics, "wrong") {
			t.Errorf("%s: a secret is shown: %s", c.what, p.diagnostics)
		}
	}
}

// TestCertificateOfThisApply: a key, a certificate or a PFX that another resource makes in the same apply.
func TestCertificateOfThisApply(t *testing.T) {
	one := certtest.Sample(1)
	for what, c := range map[string]struct {
		later object
		known bool // what is in the certificate
		then  object
	}{
		"the key":         {object{"name": "c", "certificate_pem": one.Certificate, "private_key_pem": unknown{}}, true, inPEM(one)},
		"the certificate": {object{"name": "c", "certificate_pem": unknown{}, "private_key_pem": one.Key}, false, inPEM(one)},
		"both":            {object{"name": "c", "certificate_pem": unknown{}, "private_key_pem": unknown{}}, false, inPEM(one)},
		"the PFX":         {object{"name": "c", "pfx": unknown{}, "password": "x"}, false, inPFX(t, one, "x")},
		"the password":    {object{"name": "c", "pfx": inPFX(t, one, "x")["pfx"], "password": unknown{}}, false, inPFX(t, one, "x")},
	} {
		g := newGateway(t)
		i := start(t, g, nil).instance(spec.Certificates)
		if ds := i.validate(c.later); ds != "" {
			t.Errorf("%s: validate: %s", what, ds)
		}
		p := i.plan(c.later)
		if p.diagnostics != "" {
			t.Fatalf("%s: %s", what, p.diagnostics)
		}
		if known := membersOf(p.value)["fingerprint"].IsKnown(); known != c.known || known != membersOf(p.value)["certificate_pem"].IsKnown() {
			t.Errorf("%s: want the fingerprint known: %t", what, c.known)
		}
		p.config = i.config(c.then) // Terraform evaluates the configuration again.
		if ds := i.apply(p); ds != "" {
			t.Fatalf("%s: %s", what, ds)
		}
		i.wantEmpty(c.then)
		// The next plan does not know a new key either, which changes nothing that it shows.
		if p := i.plan(c.later); p.diagnostics != "" || p.value.Equal(i.state) != c.known {
			t.Errorf("%s: planned again: %s", what, p.diagnostics)
		}
	}
}

// TestCertificateOfAnotherTime: a plan warns of it once, whether the gateway can be asked or not, and so does each refresh
// while nothing changes.
func TestCertificateOfAnotherTime(t *testing.T) {
	now := time.Now()
	for words, of := range map[string]certtest.Issue{
		"expires soon, at ":    {From: now.AddDate(-1, 0, 0), Until: now.AddDate(0, 0, 20)},
		"has expired, at ":     {From: now.AddDate(-1, 0, 0), Until: now.AddDate(0, 0, -1)},
		"is not valid before ": {From: now.AddDate(0, 0, 1), Until: now.AddDate(1, 0, 0)},
	} {
		p := certtest.New(of)
		warning := `warning on AttributeName("certificate_pem"): Mind certificate "c": certificate_pem ` + words
		once := func(what, said string) {
			t.Helper()
			if strings.Count(said, warning) != 1 || strings.Count(said, "warning on ") != 1 {
				t.Errorf("%s: want one warning that it %s, got %s", what, words, said)
			}
		}
		g := newGateway(t)
		for what, arguments := range map[string]object{"with a gateway": g.arguments(nil), "without": {"endpoints": list{"http://127.0.0.1:1"}, "token": "x"}, "before there is one": {"endpoints": unknown{}}} {
			r := start(t, g, nil)
			if ds := r.configure(arguments); ds != "" {
				t.Fatal(ds)
			}
			once(what, r.instance(spec.Certificates).plan(inPEM(p)).diagnostics)
		}
		i := start(t, g, nil).instance(spec.Certificates)
		once("an apply", i.apply(i.plan(inPEM(p))))
		once("a refresh", i.refresh())
		once("another one", i.refresh())
	}
}

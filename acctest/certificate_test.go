package acctest

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

const certificatePassword = "canary-password-5e77"

// certified sets the variables of testdata/certificates: shop in PEM form, api as a PFX.
func (s *stage) certified(shop, api *certtest.Pair) {
	s.Helper()
	s.variables["certificate"], s.variables["key"] = shop.Certificate, shop.Key
	s.variables["pfx"], s.variables["api_password"] = pfx(s.T, api, certificatePassword), certificatePassword
}

// serves says that the gateway has the certificate under a name.
func (s *stage) serves(name string, p *certtest.Pair) {
	s.Helper()
	if o, _ := s.get(spec.Certificates, name); o != nil && *o.(*spec.Certificate).CertificatePEM != p.Certificate {
		s.Errorf("the certificate %s is another one", name)
	}
}

// TestCertificates: another certificate plans an update, whether it comes in an ordinary attribute or in a write-only PFX,
// and whoever put it there; the same in other words plans nothing; and a key that does not fit is an error at plan.
func TestCertificates(t *testing.T) {
	s := newStage(t)
	one, two := certtest.Sample(1), certtest.Sample(2)
	shop, api := "gatewayd_certificate.shop", "gatewayd_certificate.api"
	name := func(address string, p *certtest.Pair) statecheck.StateCheck {
		return statecheck.ExpectKnownValue(address, tfjsonpath.New("names"), knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact(p.Leaf.DNSNames[0])}))
	}
	checked := func(checks ...statecheck.StateCheck) func(*resource.TestStep) {
		return func(step *resource.TestStep) { step.ConfigStateChecks = checks }
	}
	s.certified(one, one)
	made := s.step("certificates", planned(actions(map[string]string{shop: "create", api: "create"}),
		plancheck.ExpectKnownValue(api, tfjsonpath.New("certificate_pem"), knownvalue.StringExact(one.Certificate))), checked(name(shop, one), name(api, one)))
	s.variables["key"] = "# in other words\n" + one.Key
	s.variables["pfx"] = pfx(t, one, certificatePassword)
	same := s.step("certificates", planned(plancheck.ExpectEmptyPlan()))
	s.certified(one, two)
	rotated := s.step("certificates", planned(actions(map[string]string{api: "update"})), checked(name(shop, one), name(api, two)),
		after(func() { s.serves("shop", one); s.serves("api", two) }))
	drifted := s.step("certificates", before(func() {
		for _, name := range []string{"shop", "api"} {
			p := map[string]*certtest.Pair{"shop": two, "api": one}[name]
			if _, err := s.gateway.Client().Update(t.Context(), spec.Certificates, name, &spec.Certificate{Name: name, CertificatePEM: &p.Certificate, PrivateKeyPEM: &p.Key}, 0, ""); err != nil {
				t.Fatal(err)
			}
		}
	}), planned(actions(map[string]string{shop: "update", api: "update"})), after(func() { s.serves("shop", one); s.serves("api", two) }))
	s.variables["key"] = two.Key
	wrong := s.step("certificates")
	wrong.PlanOnly = true
	steps := append([]resource.TestStep{made, same, rotated, drifted}, s.refusal(wrong, "Invalid value for private_key_wo", func() {
		s.heard("validate", "private_key_wo", "private_key_wo does not belong to the certificate")
		s.serves("shop", one)
	})...)
	s.run(steps...)
}

// TestCertificateMadeInTheSameApply: nothing is known of it at plan, and it is there after the apply.
func TestCertificateMadeInTheSameApply(t *testing.T) {
	s := newStage(t)
	one, two := certtest.Sample(1), certtest.Sample(2)
	var steps []resource.TestStep
	for _, p := range []*certtest.Pair{one, two} {
		s.variables["certificate"], s.variables["key"] = p.Certificate, p.Key
		steps = append(steps, s.step("certificate-made", planned(plancheck.ExpectUnknownValue("gatewayd_certificate.made", tfjsonpath.New("fingerprint"))),
			after(func() { s.serves("made", p) })))
	}
	s.run(steps...)
}

// TestNothingShowsAKey: through creation, rotation and mistakes the private key and the password are in no state and no
// plan file, in no log of Terraform, provider or gateway at their finest, in nothing that the API answers, and in no file
// of the gateway.
func TestNothingShowsAKey(t *testing.T) {
	dir := t.TempDir()
	for name, value := range map[string]string{
		"TF_ACC_TEMP_DIR": dir, "TF_ACC_PERSIST_WORKING_DIR": "1", "TF_LOG": "TRACE", "TF_ACC_LOG": "TRACE", "TF_ACC_LOG_PATH": filepath.Join(dir, "terraform.log"),
		"TF_LOG_SDK": "TRACE",
	} {
		t.Setenv(name, value)
	}
	gatewaytest.Start(t, gatewaytest.Loops(1)) // Where two run, neither is blamed for the log that the test framework leaves open.
	s := onStage(t, gatewaytest.Start(t, gatewaytest.Loops(1)))
	pairs := []*certtest.Pair{certtest.New(certtest.Issue{}), certtest.New(certtest.Issue{}), certtest.New(certtest.Issue{})}
	found := &findings{T: t, pairs: pairs, seen: map[string]bool{}}
	look := check(func(context.Context, plancheck.CheckPlanRequest, *plancheck.CheckPlanResponse) { found.files(dir) })
	s.certified(pairs[0], pairs[1])
	made := s.step("certificates", planned(look), after(func() { found.files(dir); found.answers(s) }))
	s.certified(pairs[2], pairs[0])
	rotated := s.step("certificates", planned(look), after(func() { found.files(dir); found.answers(s) }))
	s.variables["key"] = pairs[1].Key
	wrong := s.step("certificates")
	wrong.PlanOnly = true
	s.run(append([]resource.TestStep{made, rotated}, s.refusal(wrong, "Invalid value for private_key_wo", func() {
		for _, r := range s.witness.remarks("validate") {
			found.text("a diagnostic", []byte(r.String()))
		}
	})...)...)
	found.files(dir)
	log, err := os.ReadFile(filepath.Join(dir, "terraform.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"[TRACE]", "gatewayd_certificate.api", "PlanResourceChange", "ValidateResourceConfig"} {
		if !bytes.Contains(log, []byte(words)) {
			t.Errorf("the log does not hold %q, so that it was not written at its finest", words)
		}
	}
	for _, kind := range []string{"terraform.tfstate", "plan, tfstate", "plan, tfplan", "terraform.log", "gatewayd.db"} {
		if !found.seen[kind] {
			t.Errorf("%s was not there to be looked through; there were %v", kind, found.seen)
		}
	}
}

// findings look for secrets.
type findings struct {
	*testing.T
	pairs []*certtest.Pair
	seen  map[string]bool
}

func (f *findings) text(where string, text []byte) {
	f.Helper()
	for i, p := range f.pairs {
		if form := p.Shows(text); form != "" {
			f.Errorf("%s shows private key %d, as %s", where, i, form)
		}
	}
	if bytes.Contains(text, []byte(certificatePassword)) {
		f.Errorf("%s shows the password", where)
	}
}

// files looks into every file of the working directories, but for what the test gave Terraform.
func (f *findings) files(dir string) {
	f.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !entry.Type().IsRegular() || strings.HasSuffix(path, ".tfvars.json") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f.seen[filepath.Base(path)] = true
		f.text(path, text)
		return f.archive(path, text)
	})
	if err != nil {
		f.Error(err)
	}
}

// archive looks into the files of a plan, which is a ZIP.
func (f *findings) archive(path string, text []byte) error {
	f.Helper()
	if !bytes.HasPrefix(text, []byte("PK")) {
		return nil
	}
	z, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return err
	}
	for _, file := range z.File {
		r, err := file.Open()
		if err != nil {
			return err
		}
		inside, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		f.seen["plan, "+file.Name] = true
		f.text(path+" "+file.Name, inside)
	}
	return nil
}

// answers looks at what the gateway tells, and into its files.
func (f *findings) answers(s *stage) {
	f.Helper()
	for _, path := range []string{"/v1/certificates", "/v1/certificates/shop", "/v1/certificates/api", "/v1/config", "/v1/status", "/v1/health", "/metrics", "/openapi.json"} {
		r, err := http.NewRequest(http.MethodGet, s.gateway.Endpoint+path, nil)
		if err != nil {
			f.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+s.gateway.Token)
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			f.Fatal(err)
		}
		text, err := io.ReadAll(a.Body)
		a.Body.Close()
		if err != nil || a.StatusCode != http.StatusOK {
			f.Errorf("%s: %d, %v", path, a.StatusCode, err)
		}
		f.text(path, append(text, fmt.Sprint(a.Header)...))
	}
	f.files(s.gateway.DataDir)
}

// TestCertificatesThatDoNotDo: a plan warns of a certificate that its listener cannot use well, or that is of another time, at
// the attribute of whichever of the two it changes, and of nothing else.
func TestCertificatesThatDoNotDo(t *testing.T) {
	s := newStage(t)
	s.port("port")
	const ofECDSA, ofRSA = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
	now := time.Now()
	var steps []resource.TestStep
	// step has a certificate for some names, valid within some days from now, on a listener of some, and what a plan says.
	step := func(names, hosts []string, suite string, from, until int, want ...string) {
		p := certtest.New(certtest.Issue{Names: names, From: now.AddDate(0, 0, from), Until: now.AddDate(0, 0, until)})
		s.variables["certificate"], s.variables["key"], s.variables["hostnames"], s.variables["suites"] = p.Certificate, p.Key, hosts, []string{suite}
		steps = append(steps, s.step("certificate-warnings", before(s.witness.forget), after(func() {
			var got []string
			for _, r := range s.witness.remarks("plan") {
				if !r.warning || r.summary != fmt.Sprintf("Mind %s %q", r.kind, "shop") {
					t.Errorf("a plan says %s", r)
				}
				got = append(got, r.kind+" "+r.path+": "+r.detail)
			}
			for _, w := range want {
				if !slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, w) }) {
					t.Errorf("want %q, got %q", w, got)
				}
			}
			if len(got) != len(want) {
				t.Errorf("want %d warnings, got %q", len(want), got)
			}
		})))
	}
	const amiss, noName, noSuite = `certificate certificate_pem: certificate_pem leaves something amiss with listener "shop": its `, "certificates has none for host name ",
		"tls.cipher_suites holds none for the kind of key"
	step([]string{"shop.test", "cart.test"}, []string{"shop.test", "cart.test"}, ofECDSA, -1, 300)
	step([]string{"shop.test", "cart.test"}, []string{"shop.test", "else.test"}, ofECDSA, -1, 300, "listener certificates: "+noName+`"else.test"`)
	step([]string{"else.test"}, []string{"shop.test", "else.test"}, ofECDSA, -300, 20, amiss+noName+`"shop.test"`, "certificate certificate_pem: certificate_pem expires soon, at ")
	// The certificate is planned first, and its listener stands as it is.
	step([]string{"shop.test"}, []string{"shop.test"}, ofRSA, -300, -1, amiss+noName+`"else.test"`, "certificate certificate_pem: certificate_pem has expired, at ", "listener tls.cipher_suites: "+noSuite)
	step([]string{"shop.test"}, []string{"shop.test"}, ofRSA, 1, 300, amiss+noSuite, "certificate certificate_pem: certificate_pem is not valid before ")
	s.run(steps...)
}

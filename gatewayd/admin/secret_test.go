package admin

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
)

const canaryPassword = "canary-password-8b1f"

// certificateBody is the JSON of a certificate, of names and values in turn.
func certificateBody(name string, more ...string) string {
	object := map[string]any{"name": name}
	for i := 0; i < len(more); i += 2 {
		object[more[i]] = more[i+1]
	}
	return encode(object)
}

func pfx(t *testing.T, p *certtest.Pair) string {
	t.Helper()
	der, err := pkcs12.Modern.Encode(p.Signer, p.Leaf, nil, canaryPassword)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

// TestNothingShowsASecret writes a key by every way there is, right and wrong, and looks for it in every answer, in every
// read and in the log.
func TestNothingShowsASecret(t *testing.T) {
	g := start(t, nil)
	p := certtest.New(certtest.Issue{Names: []string{"a.example"}})
	cert, key := "certificate_pem", "private_key_pem"
	whole := certificateBody("c", cert, p.Certificate, key, p.Key)
	var told strings.Builder
	do := func(method, path, body string, headers ...string) answer {
		t.Helper()
		a := g.do(t, method, path, body, headers...)
		told.WriteString(a.body)
		for name, values := range a.header {
			told.WriteString(name + strings.Join(values, " "))
		}
		return a
	}
	do("PUT", "/v1/certificates/c", whole, "If-None-Match", "*", "Idempotency-Key", "k1").want(t, 201)
	do("PUT", "/v1/certificates/c", whole, "If-None-Match", "*", "Idempotency-Key", "k1").want(t, 201)
	do("PUT", "/v1/certificates/c?dry_run=true", whole, "If-Match", "*").want(t, 200)
	do("POST", "/v1/changes?dry_run=true", `{"changes":[{"kind":"certificate","name":"d","put":`+certificateBody("d", cert, p.Certificate, key, p.Key)+`}]}`).want(t, 200)
	do("POST", "/v1/changes", `{"changes":[{"kind":"certificate","name":"d","put":`+certificateBody("d", cert, p.Certificate, key, p.Key)+`}]}`, "Idempotency-Key", "k2").want(t, 200)
	do("PUT", "/v1/certificates/e", certificateBody("e", "pfx", pfx(t, p), "password", canaryPassword), "If-None-Match", "*").want(t, 201)
	do("PUT", "/v1/certificates/e", certificateBody("f", cert, p.Certificate), "If-Match", "*").want(t, 200) // A rename.
	// Mistakes tell of their places, never of what was there.
	do("PUT", "/v1/certificates/x", certificateBody("x", cert, certtest.Sample(1).Certificate, key, p.Key), "If-None-Match", "*").want(t, 422)
	do("PUT", "/v1/certificates/x", certificateBody("x", cert, p.Certificate+p.Key), "If-None-Match", "*").want(t, 422)
	do("PUT", "/v1/certificates/x", certificateBody("x", cert, p.Key), "If-None-Match", "*").want(t, 422)
	do("PUT", "/v1/certificates/x", certificateBody("x", "pfx", p.Key, "password", canaryPassword), "If-None-Match", "*").want(t, 422)
	do("PUT", "/v1/certificates/x", certificateBody("x", "pfx", pfx(t, p)+"AAAA", "password", canaryPassword), "If-None-Match", "*").want(t, 422)
	do("PUT", "/v1/certificates/x", certificateBody("x", cert, p.Certificate, key, p.Key, "password", canaryPassword), "If-None-Match", "*").want(t, 422)
	do("PUT", "/v1/certificates/x", `{"name":"x","private_key_pem":[`+encode(p.Key)+`]}`, "If-None-Match", "*").want(t, 422)
	do("PUT", "/v1/certificates/x", `{"name":"x","private_key":`+encode(p.Key)+`}`, "If-None-Match", "*").want(t, 422)
	do("PUT", "/v1/certificates/x", `{"name":"x","private_key_pem":`+encode(p.Key), "If-None-Match", "*").want(t, 400)
	do("PUT", "/v1/listeners/x", `{"name":"x","address":`+encode(canaryPassword[:5])+`}`, "If-None-Match", "*").want(t, 422)
	config := do("GET", "/v1/config", "").want(t, 200)
	do("PUT", "/v1/config", config.body, "If-Match", "*", "Idempotency-Key", "k3").want(t, 200)
	for _, path := range []string{"/v1/certificates", "/v1/certificates/c", "/v1/certificates/d", "/v1/certificates/f", "/v1/certificates?retired=true",
		"/v1/status", "/v1/config", "/openapi.json", "/v1/health", "/v1/drains/1", "/metrics"} {
		do("GET", path, "")
	}
	do("DELETE", "/v1/certificates/d", "").want(t, 204)
	for what, text := range map[string]string{"an answer": told.String(), "the log": g.log.String()} {
		if form := p.Shows([]byte(text)); form != "" {
			t.Errorf("%s shows the private key, as %s", what, form)
		}
		if strings.Contains(text, canaryPassword) {
			t.Errorf("%s shows the password", what)
		}
	}
	if !strings.Contains(told.String(), "a.example") {
		t.Error("the answers are not those that were looked through")
	}
}

// TestAWriteWithoutAKey keeps the one that is there where it belongs to the certificate.
func TestAWriteWithoutAKey(t *testing.T) {
	g := start(t, nil)
	p := certtest.New(certtest.Issue{})
	renewed, other := certtest.New(certtest.Issue{Key: p.Signer}), certtest.New(certtest.Issue{})
	g.do(t, "PUT", "/v1/certificates/c", certificateBody("c", "certificate_pem", p.Certificate), "If-None-Match", "*").wants(t, "private_key_pem", "a new certificate comes with its key")
	tag := g.create(t, "certificates", certificateBody("c", "certificate_pem", p.Certificate, "private_key_pem", p.Key))

	// A GET's body is what a PUT takes, and changes nothing; nor does the key in other words.
	body := g.do(t, "GET", "/v1/certificates/c", "").want(t, 200).body
	for _, again := range []string{body, certificateBody("c", "certificate_pem", p.Certificate, "private_key_pem", "a comment\n"+p.Key)} {
		if a := g.do(t, "PUT", "/v1/certificates/c", again, "If-Match", "*").want(t, 200); a.header.Get("ETag") != tag {
			t.Errorf("an equal write is a change: %v", a.header)
		}
	}
	if a := g.do(t, "PUT", "/v1/config", g.do(t, "GET", "/v1/config", "").body, "If-Match", `"99"`).want(t, 200); !strings.Contains(a.body, `"results":[]`) {
		t.Errorf("a configuration as it was read is a change: %s", a.body)
	}
	g.do(t, "PUT", "/v1/certificates/c", certificateBody("c", "certificate_pem", renewed.Certificate), "If-Match", tag).want(t, 200)
	g.do(t, "PUT", "/v1/certificates/c", certificateBody("c", "certificate_pem", other.Certificate), "If-Match", "*").wants(t, "private_key_pem", "does not belong to this certificate")
	// Its name, taken again by somebody, does not bring its key.
	g.do(t, "DELETE", "/v1/certificates/c", "").want(t, 204)
	g.do(t, "PUT", "/v1/certificates/c", certificateBody("c", "certificate_pem", p.Certificate), "If-None-Match", "*").want(t, 422)
}

// wants is a refusal of one field.
func (a answer) wants(t *testing.T, path, words string) {
	t.Helper()
	a.want(t, http.StatusUnprocessableEntity)
	if ps := a.problem().Problems; len(ps) != 1 || ps[0].Path != path || !strings.Contains(ps[0].Message, words) {
		t.Errorf("want %s: %s, got %v", path, words, ps)
	}
}

// TestFactsAndAge: a list says what is in a certificate, and a read warns of one that expires soon.
func TestFactsAndAge(t *testing.T) {
	g := start(t, nil)
	p := certtest.New(certtest.Issue{Names: []string{"a.example"}, From: time.Now().AddDate(-1, 0, 0), Until: time.Now().AddDate(0, 0, 20)})
	g.create(t, "certificates", certificateBody("c", "certificate_pem", p.Certificate, "private_key_pem", p.Key))
	g.create(t, "pools", `{"name":"p"}`)
	if list := g.do(t, "GET", "/v1/certificates", "").want(t, 200).body; !strings.Contains(list, `"facts":{"fingerprint":"`) || !strings.Contains(list, `"names":["a.example"]`) {
		t.Errorf("the list has no facts: %s", list)
	}
	if list := g.do(t, "GET", "/v1/pools", "").want(t, 200).body; strings.Contains(list, "facts") {
		t.Errorf("a pool has facts: %s", list)
	}
	if w := g.do(t, "GET", "/v1/certificates/c", "").want(t, 200).header.Get(api.HeaderWarning); !strings.Contains(w, "expires") {
		t.Errorf("no warning: %q", w)
	}
	if status := g.do(t, "GET", "/v1/status", "").want(t, 200).body; !strings.Contains(status, "expires soon") {
		t.Errorf("no condition: %s", status)
	}
}

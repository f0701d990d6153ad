package table

import (
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestSuitesForNoKey: a listener whose own cipher suites are all for another kind of key than its certificates have says so.
func TestSuitesForNoKey(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	certificates := map[string]*certtest.Pair{"rsa": certtest.New(certtest.Issue{Key: key}), "ecdsa": certtest.Sample(1)}
	const ofRSA, ofECDSA = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
	for name, c := range map[string]struct {
		certificates []string
		of           *spec.TLS
		warned       bool
	}{
		"a policy":                    {[]string{"rsa"}, nil, false},
		"RSA for RSA":                 {[]string{"rsa"}, &spec.TLS{CipherSuites: []string{ofRSA}}, false},
		"RSA without forward secrecy": {[]string{"rsa"}, &spec.TLS{CipherSuites: []string{"TLS_RSA_WITH_AES_128_GCM_SHA256"}}, false},
		"RSA for ECDSA":               {[]string{"ecdsa"}, &spec.TLS{CipherSuites: []string{ofRSA}}, true},
		"ECDSA for RSA":               {[]string{"rsa"}, &spec.TLS{CipherSuites: []string{ofECDSA}}, true},
		"one of two":                  {[]string{"rsa", "ecdsa"}, &spec.TLS{CipherSuites: []string{ofECDSA}}, false},
		"both":                        {[]string{"ecdsa"}, &spec.TLS{CipherSuites: []string{ofECDSA, ofRSA}}, false},
		"TLS 1.3 alone":               {[]string{"rsa"}, &spec.TLS{MinVersion: new("1.3")}, false},
	} {
		l := spec.Listeners.New().(*spec.Listener)
		l.Name, l.Port, l.Protocol, l.Certificates, l.TLS = "l", 443, spec.HTTPS, c.certificates, c.of
		draft := (&spec.Set{}).Draft(1)
		draft.Put(spec.NewEntry("listener:l", 1, l))
		for name, p := range certificates {
			draft.Put(spec.NewEntry("certificate:"+name, 1, &spec.Certificate{Name: name, CertificatePEM: &p.Certificate, PrivateKeyPEM: &p.Key}))
		}
		_, warnings := Compile(draft.Finish(), groups{})
		if warned := len(warnings) == 1 && strings.HasPrefix(warnings[0].Problem.Message, "holds none for the kind of key"); warned != c.warned || !warned && len(warnings) > 0 {
			t.Errorf("%s: %v", name, warnings)
		}
	}
}

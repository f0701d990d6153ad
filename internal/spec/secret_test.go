package spec

import (
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
)

// TestSecretsAreShownByOneWayOnly: what a read shows, what is sent, and what a store encrypts.
func TestSecretsAreShownByOneWayOnly(t *testing.T) {
	one := certtest.Sample(1)
	c, secret := pair(one.Certificate, one.Key), "hidden"
	c.PFX, c.Password = &secret, &secret
	certificate, key := string(encode(one.Certificate)), string(encode(one.Key))
	for what, got := range map[string][2]string{
		"a read":  {string(Encode(c)), `{"name":"c","certificate_pem":` + certificate + `}`},
		"a body":  {string(EncodeSparse(c)), `{"certificate_pem":` + certificate + `,"name":"c"}`},
		"a store": {string(EncodeSecrets(c)), `{"password":"hidden","pfx":"hidden","private_key_pem":` + key + `}`},
		"a write": {string(EncodeWhole(c)), `{"certificate_pem":` + certificate + `,"name":"c","password":"hidden","pfx":"hidden","private_key_pem":` + key + `}`},
		"a pool":  {string(EncodeSecrets(&Pool{Name: "p"})) + string(EncodeWhole(&Pool{Name: "p", Algorithm: "round_robin", SlowStart: "0s"})), `{"name":"p"}`},
		"nothing": {string(EncodeSecrets(&Certificate{})), ""},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: want %s, got %s", what, got[1], got[0])
		}
	}
	back, ps := Decode(Certificates, Encode(c))
	if ps != nil || *back.(*Certificate).CertificatePEM != one.Certificate || back.(*Certificate).PrivateKeyPEM != nil {
		t.Errorf("what is read cannot be written: %v, %v", back, ps)
	}
}

// TestAWriteKeepsTheKeyThatFits: left out it is the one that is there, for a renewal of the same key too, and for another
// certificate it is missed.
func TestAWriteKeepsTheKeyThatFits(t *testing.T) {
	one, two := certtest.Sample(1), certtest.Sample(2)
	renewed := certtest.New(certtest.Issue{Key: one.Signer})
	stored := pair(one.Certificate, one.Key)
	without := func(certificate string) *Certificate { return &Certificate{Name: "c", CertificatePEM: &certificate} }
	for _, c := range []struct {
		what    string
		o       *Certificate
		was     Object
		key     string
		words   string
		changes bool
	}{
		{"the same again", without(one.Certificate), stored, one.Key, "", false},
		{"the same with its key", pair(one.Certificate, one.Key), stored, one.Key, "", false},
		{"the key in other lines", pair(one.Certificate, "# mine\n"+one.Key), stored, one.Key, "", false},
		{"renewed with the same key", without(renewed.Certificate), stored, one.Key, "", true},
		{"another certificate", without(two.Certificate), stored, "", "the key that the gateway holds does not belong", true},
		{"another certificate with its key", pair(two.Certificate, two.Key), stored, two.Key, "", true},
		{"a new one", without(one.Certificate), nil, "", "a new certificate comes with its key", true},
		{"as the API reads the one before", without(one.Certificate), without(one.Certificate), "", "", false},
		{"another than the API reads", without(two.Certificate), without(one.Certificate), "", "the key that the gateway holds does not belong", true},
	} {
		settled, ps := Settle(c.o)
		if len(ps) > 0 {
			t.Fatalf("%s: %v", c.what, ps)
		}
		before := string(EncodeWhole(settled))
		got, ps := Inherit(settled, c.was)
		if c.words == "" && len(ps) > 0 || c.words != "" && (len(ps) != 1 || ps[0].Path != "private_key_pem" || !strings.Contains(ps[0].Message, c.words)) {
			t.Errorf("%s: want %q, got %v", c.what, c.words, ps)
		}
		if key := got.(*Certificate).PrivateKeyPEM; c.key != "" && (key == nil || *key != c.key) || c.key == "" && key != nil {
			t.Errorf("%s: the key is another one", c.what)
		}
		if string(EncodeWhole(settled)) != before {
			t.Errorf("%s: the object that was written is another one now", c.what)
		}
		if c.was != nil && Keeps(c.was, c.o) == c.changes {
			t.Errorf("%s: want it to change something: %t", c.what, c.changes)
		}
	}
	if o, ps := Inherit(&Pool{Name: "p"}, nil); o.Key() != "p" || ps != nil {
		t.Error("a pool lacks a secret")
	}
}

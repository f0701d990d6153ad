package spec

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
)

func signer[K crypto.Signer](t *testing.T) func(K, error) crypto.Signer {
	return func(key K, err error) crypto.Signer {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
}

func ofCurve(t *testing.T, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	return signer[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(curve, rand.Reader))
}

func ofRSA(t *testing.T, bits int) crypto.Signer {
	t.Helper()
	return signer[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, bits))
}

// pair is a certificate in PEM form with a key.
func pair(certificate, key string) *Certificate {
	return &Certificate{Name: "c", CertificatePEM: &certificate, PrivateKeyPEM: &key}
}

// TestKeysOfEveryKind: each kind of key in each form that it comes in is taken, is one text when it is kept, and gives the
// chain its signer.
func TestKeysOfEveryKind(t *testing.T) {
	_, seed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for kind, key := range map[string]crypto.Signer{
		"RSA 2048": ofRSA(t, 2048), "ECDSA P-256": ofCurve(t, elliptic.P256()), "ECDSA P-384": ofCurve(t, elliptic.P384()),
		"ECDSA P-521": ofCurve(t, elliptic.P521()), "Ed25519": seed,
	} {
		p := certtest.New(certtest.Issue{Key: key})
		forms := []string{p.Key, "Bag Attributes\n" + p.Key + "\n"}
		switch key := key.(type) {
		case *rsa.PrivateKey:
			forms = append(forms, certtest.PEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)))
		case *ecdsa.PrivateKey:
			der, err := x509.MarshalECPrivateKey(key)
			if err != nil {
				t.Fatal(err)
			}
			forms = append(forms, certtest.PEM("EC PARAMETERS", []byte{6, 0})+certtest.PEM("EC PRIVATE KEY", der))
		}
		for _, form := range forms {
			o, ps := Settle(pair(p.Certificate, form))
			if len(ps) > 0 {
				t.Errorf("%s: %v", kind, ps)
				continue
			}
			if c := o.(*Certificate); *c.PrivateKeyPEM != p.Key || *c.CertificatePEM != p.Certificate {
				t.Errorf("%s: it is kept as %q", kind, *c.CertificatePEM)
			}
			chain, key, err := o.(*Certificate).Pair()
			if err != nil || len(chain) != 1 || !belong(key.Public(), chain[0].PublicKey) {
				t.Errorf("%s: %v, %v", kind, chain, err)
			}
			if got := o.(*Certificate).facts().(*CertificateFacts).KeyType; got != kind {
				t.Errorf("want %s, got %s", kind, got)
			}
		}
	}
}

// TestCertificatesThatAreNone: what is wrong, and at which field; and no message shows the key.
func TestCertificatesThatAreNone(t *testing.T) {
	one, two := certtest.Sample(1), certtest.Sample(2)
	root := certtest.New(certtest.Issue{Names: []string{"root"}, CA: true})
	under := certtest.New(certtest.Issue{By: root})
	small, curve := ofRSA(t, 1024), ofCurve(t, elliptic.P224())
	weak := certtest.New(certtest.Issue{Key: small})
	odd := certtest.New(certtest.Issue{Key: curve})
	block, _ := pem.Decode([]byte(one.Key))
	//lint:ignore SA1019 The form is an old one, and users have it.
	old, err := x509.EncryptPEMBlock(rand.Reader, "EC PRIVATE KEY", block.Bytes, []byte("x"), x509.PEMCipherAES128)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what, certificate, key, path, words string
	}{
		{"another's key", one.Certificate, two.Key, "private_key_pem", "does not belong to the certificate"},
		{"the authority first", root.Certificate + under.Certificate, under.Key, "private_key_pem", "put the one that it belongs to first"},
		{"two keys", one.Certificate, one.Key + two.Key, "private_key_pem", "more than one private key"},
		{"a certificate for a key", one.Certificate, one.Certificate, "private_key_pem", "must be a private key in PEM form"},
		{"nothing for a key", one.Certificate, "secret", "private_key_pem", "must be a private key in PEM form"},
		{"an encrypted key", one.Certificate, certtest.PEM("ENCRYPTED PRIVATE KEY", []byte("x")), "private_key_pem", "is encrypted with a password; decrypt it first"},
		{"an encrypted key of the old form", one.Certificate, string(pem.EncodeToMemory(old)), "private_key_pem", "is encrypted with a password; decrypt it first"},
		{"a key in lines that are lost", one.Certificate, strings.ReplaceAll(one.Key, "\n", " "), "private_key_pem", "a line of it is damaged"},
		{"a block that is no key", one.Certificate, certtest.PEM("PRIVATE KEY", []byte("x")), "private_key_pem", "cannot be read as one"},
		{"a key of another form", one.Certificate, certtest.PEM("OPENSSH PRIVATE KEY", []byte("x")), "private_key_pem", "of a form that is not known"},
		{"a small RSA key", weak.Certificate, weak.Key, "certificate_pem", "has an RSA key of 1024 bits; clients take 2048 to 8192"},
		{"a small RSA key, and no key", weak.Certificate, "", "certificate_pem", "has an RSA key of 1024 bits"},
		{"a curve that TLS has not", odd.Certificate, odd.Key, "certificate_pem", "has a key on the curve P-224"},
		{"a small key for another certificate", one.Certificate, weak.Key, "private_key_pem", "has an RSA key of 1024 bits"},
		{"a chain without end", strings.Join(chainOf(11), ""), "", "certificate_pem", "has 11 certificates"},
		{"a key among the certificates", one.Certificate + one.Key, one.Key, "certificate_pem", "there is a private key in it"},
	} {
		o := pair(c.certificate, c.key)
		if c.key == "" {
			o.PrivateKeyPEM = nil
		}
		ps := Check(o)
		if len(ps) != 1 || ps[0].Path != c.path || !strings.Contains(ps[0].Message, c.words) {
			t.Errorf("%s: want %s and %q, got %v", c.what, c.path, c.words, ps)
		}
		for _, secret := range append(strings.Split(c.key, "\n"), "secret") {
			if len(secret) > 5 && !strings.HasPrefix(secret, "-----") && strings.Contains(ps.Error(), secret) {
				t.Errorf("%s: the message shows the key: %v", c.what, ps)
			}
		}
		if again, _ := Settle(o); again != Object(o) {
			t.Errorf("%s: it has another form now", c.what)
		}
	}
}

func chainOf(n int) (chain []string) {
	for i := range n {
		chain = append(chain, certtest.Sample(i).Certificate)
	}
	return chain
}

// TestOneWayToGiveACertificate: PEM or PFX, and what a problem rests on where Terraform does not know all.
func TestOneWayToGiveACertificate(t *testing.T) {
	one := certtest.Sample(1)
	pfx, password := "x", "y"
	for _, c := range []struct {
		what  string
		o     Certificate
		path  string
		needs string
	}{
		{"nothing", Certificate{}, "certificate_pem", "pfx"},
		{"a key alone", Certificate{PrivateKeyPEM: &one.Key}, "certificate_pem", "pfx"},
		{"both", Certificate{CertificatePEM: &one.Certificate, PFX: &pfx}, "pfx", "certificate_pem"},
		{"a key beside a PFX", Certificate{PrivateKeyPEM: &one.Key, PFX: &pfx}, "private_key_pem", "pfx"},
		{"a password of nothing", Certificate{CertificatePEM: &one.Certificate, Password: &password}, "password", "pfx"},
		{"a PFX that is none", Certificate{PFX: &pfx}, "pfx", "password"},
	} {
		c.o.Name = "c"
		ps := Check(&c.o)
		if len(ps) != 1 || ps[0].Path != c.path || strings.Join(ps[0].Needs, " ") != c.needs {
			t.Errorf("%s: want a problem at %s that needs %s, got %+v", c.what, c.path, c.needs, ps)
		}
	}
}

// TestCertificatesAge: what is said of a certificate as time goes by.
func TestCertificatesAge(t *testing.T) {
	begin := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	of := func(days int) string {
		return certtest.New(certtest.Issue{From: begin, Until: begin.AddDate(0, 0, days)}).Certificate
	}
	year, week := of(360), of(6)
	both := year + of(720)
	for _, c := range []struct {
		o     Object
		day   int
		words string
	}{
		{pair(year, ""), -1, "certificate_pem: is not valid before 2030-01-01T00:00:00Z; clients refuse it until then"},
		{pair(year, ""), 0, ""},
		{pair(year, ""), 329, ""},
		{pair(year, ""), 331, "certificate_pem: expires soon, at 2030-12-27T00:00:00Z; renew it"},
		{pair(year, ""), 361, "certificate_pem: has expired, at 2030-12-27T00:00:00Z; clients refuse it"},
		{pair(week, ""), 3, ""},
		{pair(week, ""), 5, "certificate_pem: expires soon, at 2030-01-07T00:00:00Z; renew it"},
		{pair("none", ""), 0, ""},
		{&CABundle{PEM: both}, 329, ""},
		{&CABundle{PEM: both}, 331, "pem: has a certificate that expires soon, at 2030-12-27T00:00:00Z; add the one that follows it"},
		{&CABundle{PEM: both}, 361, "pem: has a certificate that has expired, at 2030-12-27T00:00:00Z; what it signed is refused"},
		{&CABundle{PEM: "none"}, 0, ""},
		{&Pool{}, 0, ""},
	} {
		now := begin.AddDate(0, 0, c.day).Add(time.Minute)
		if got := Soon(c.o, now).Error(); got != c.words {
			t.Errorf("day %d: want %q, got %q", c.day, c.words, got)
		}
		e := NewEntry("id", 1, c.o)
		if got := e.Soon(now).Error(); got != c.words {
			t.Errorf("day %d: the entry says %q", c.day, got)
		}
		if at, ok := e.Expires(); ok != (EncodeFacts(c.o) != nil) || ok && !strings.Contains(string(e.Facts()), at.Format(time.RFC3339)) {
			t.Errorf("day %d: it expires at %s, %t", c.day, at, ok)
		}
	}
	if ps := Check(&Certificate{Name: "c", CertificatePEM: &year}); len(ps) > 0 {
		t.Errorf("a certificate of another time is refused: %v", ps) // A renewal may have to be taken back.
	}
}

// TestFactsOfACertificate: they are the leaf's, and come as JSON.
func TestFactsOfACertificate(t *testing.T) {
	root := certtest.New(certtest.Issue{Names: []string{"root"}, CA: true})
	p := certtest.New(certtest.Issue{Names: []string{"a.example", "*.b.example", "2001:db8::1"}, By: root,
		From: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)})
	f := pair(p.Certificate+root.Certificate, "").facts().(*CertificateFacts)
	want := `{"fingerprint":"` + fingerprint(p.Leaf) + `","not_before":"2030-01-01T00:00:00Z","not_after":"2031-01-01T00:00:00Z",` +
		`"names":["a.example","*.b.example","2001:db8::1"],"issuer":"CN=root","serial":"` + p.Leaf.SerialNumber.Text(16) + `","key_type":"ECDSA P-256"}`
	if got := string(EncodeFacts(pair(p.Certificate+root.Certificate, ""))); got != want || f.Issuer != "CN=root" {
		t.Errorf("want %s, got %s", want, got)
	}
	if EncodeFacts(&Certificate{}) != nil || EncodeFacts(&Pool{}) != nil || Pools.Facts() != nil {
		t.Error("there are facts of nothing")
	}
	bundle := string(EncodeFacts(&CABundle{PEM: root.Certificate + p.Certificate}))
	if want := `{"fingerprints":["` + fingerprint(root.Leaf) + `","` + fingerprint(p.Leaf) + `"],"not_after":"`; !strings.HasPrefix(bundle, want) {
		t.Errorf("want %s..., got %s", want, bundle)
	}
}

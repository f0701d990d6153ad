package secure

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"slices"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestPoliciesAreWhatTheyAreCalled: every suite and version of a policy is one that crypto/tls has, and what is said to be
// missing is missing indeed.
func TestPoliciesAreWhatTheyAreCalled(t *testing.T) {
	for _, f := range spec.Listeners.Fields() {
		if f.Name != "tls" {
			continue
		}
		for _, name := range f.Fields[0].OneOf {
			p := (&spec.TLS{Policy: &name}).Effective()
			if got := suitesOf(p.Suites); len(got) != len(p.Suites) || len(got) == 0 {
				t.Errorf("%s: of the suites %v crypto/tls has %d", name, p.Suites, len(got))
			}
			if got := suitesOf(p.Missing); len(got) != 0 {
				t.Errorf("%s: crypto/tls has %d of the suites %v that are said to be missing", name, len(got), p.Missing)
			}
			if versions[p.Min] == 0 || versions[p.Max] < versions[p.Min] {
				t.Errorf("%s goes from %q to %q", name, p.Min, p.Max)
			}
		}
		return
	}
	t.Error("listeners have no tls")
}

func TestCovers(t *testing.T) {
	pair := certtest.New(certtest.Issue{Names: []string{"a.test", "*.wild.test", "127.0.0.1"}})
	i := NewIdentity([]*x509.Certificate{pair.Leaf}, pair.Signer)
	for host, want := range map[string]bool{
		"a.test": true, "A.test": true, "b.test": false, "x.wild.test": true, "*.wild.test": true, "wild.test": false, "x.y.wild.test": false,
		"*.a.test": false, "127.0.0.1": true, "a?.test": true, "*": true,
	} {
		if got := i.Covers(host); got != want {
			t.Errorf("Covers(%q) is %t", host, got)
		}
	}
}

// TestLong: a handshake stays on a loop only where no part of it takes as long as a signature by RSA, however a client
// offers what it has.
func TestLong(t *testing.T) {
	key := func(k crypto.Signer, err error) crypto.Signer {
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	ec := func(c elliptic.Curve) crypto.Signer { return key(ecdsa.GenerateKey(c, rand.Reader)) }
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	fast := []crypto.Signer{ec(elliptic.P256()), key(ed, err)}
	slow := []crypto.Signer{ec(elliptic.P384()), ec(elliptic.P521()), key(rsa.GenerateKey(rand.Reader, 2048))}
	server := func(keys ...crypto.Signer) *Server {
		var identities []*Identity
		for _, k := range keys {
			pair := certtest.New(certtest.Issue{Key: k})
			identities = append(identities, NewIdentity([]*x509.Certificate{pair.Leaf}, pair.Signer))
		}
		return NewServer(Offer{Identities: identities, Policy: (*spec.TLS)(nil).Effective()})
	}
	long := func(s *Server, curves ...tls.CurveID) bool {
		return !s.Quick(&tls.ClientHelloInfo{SupportedCurves: curves})
	}
	for _, k := range slow {
		if !long(server(k), tls.X25519) || !long(server(fast[0], k), tls.X25519) {
			t.Errorf("%T is not long", k)
		}
	}
	s := server(fast...)
	if long(s, tls.CurveP521, tls.X25519) || long(s, tls.X25519MLKEM768) {
		t.Error("P-256 and Ed25519 are long")
	}
	if !long(s) || !long(s, tls.CurveP384) || !long(s, tls.CurveP521) {
		t.Error("P-384 and P-521 are not long")
	}
	if config := s.Config(&tls.ClientHelloInfo{SupportedCurves: []tls.CurveID{tls.CurveP521, tls.X25519}}, new(Meeting)); slices.Contains(config.CurvePreferences, tls.CurveP521) || len(config.CurvePreferences) == 0 {
		t.Errorf("on a loop these are agreed on: %v", config.CurvePreferences)
	}
}

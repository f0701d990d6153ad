package secure

import (
	"crypto/x509"
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

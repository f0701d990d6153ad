package certtest

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
)

// TestPairs: a chain over an authority between leads to its root, and key and certificate belong together.
func TestPairs(t *testing.T) {
	root := New(Issue{Names: []string{"root"}, CA: true})
	between := New(Issue{Names: []string{"between"}, CA: true, By: root})
	pair := New(Issue{Names: []string{"a.example", "127.0.0.1"}, By: between})
	c, err := tls.X509KeyPair([]byte(pair.Certificate), []byte(pair.Key))
	if err != nil || len(c.Certificate) != 2 {
		t.Fatalf("%d certificates, %v", len(c.Certificate), err)
	}
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root.Leaf)
	others.AddCert(between.Leaf)
	for _, name := range []string{"a.example", "127.0.0.1"} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: others}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if first, again := Sample(1), Sample(1); first != again || first.Key == Sample(2).Key {
		t.Error("samples are not the same ones, or are all the same")
	}
}

// TestShows: a key is found in each form, and its certificate shows nothing of it.
func TestShows(t *testing.T) {
	p := New(Issue{})
	for form, secret := range p.forms() {
		if p.Shows(append([]byte("before"), secret...)) == "" {
			t.Errorf("%s: not found", form)
		}
	}
	if p.Shows([]byte(p.Key)) == "" {
		t.Error("the key itself is not found")
	}
	if form := p.Shows([]byte(p.Certificate)); form != "" {
		t.Errorf("the certificate shows the key: %s", form)
	}
	if form := p.Shows([]byte(New(Issue{}).Key)); form != "" {
		t.Errorf("another key is this one: %s", form)
	}
}

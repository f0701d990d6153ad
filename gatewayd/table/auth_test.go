package table

import (
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secure"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestAuthOfAListener: what is asked of clients is the same while it goes by the same, whatever else changes, and another one
// when a bundle holds something else. The TLS of the listener, by which sessions are taken up, follows it.
func TestAuthOfAListener(t *testing.T) {
	living := groups{}
	set := manyRules(1, shapes[0].rule)
	listener := *set.All(spec.Listeners)[0].Object.(*spec.Listener)
	listener.Protocol, listener.Certificates = spec.HTTPS, []string{"c"}
	listener.ClientAuth = &spec.ClientAuth{Mode: spec.AuthOptional, CABundles: []string{"a", "b"}}
	changed := func(change func(*spec.Listener)) *spec.Listener {
		o := listener
		own := *o.ClientAuth
		o.ClientAuth = &own
		change(&o)
		return &o
	}
	bundle := func(name string, of ...int) *spec.CABundle {
		b := &spec.CABundle{Name: name}
		for _, n := range of {
			b.PEM += certtest.Sample(n).Certificate
		}
		return b
	}
	p := certtest.Sample(0)
	var table *Table
	next := func(d *spec.Draft) (l *Listener, server *secure.Server, warnings []Warning) {
		set = d.Finish()
		table, warnings = table.Next(set, living)
		a := table.Address(table.Addresses()[0].Address, table.Addresses()[0].Port)
		return a.Listeners[0], a.anybody, warnings
	}
	put := func(objects ...spec.Object) (*Listener, *secure.Server) {
		d := set.Draft(set.Revision() + 1)
		for _, o := range objects {
			d.Put(spec.NewEntry(spec.KindOf(o).Name+":"+o.Key(), set.Revision()+1, o))
		}
		l, server, warnings := next(d)
		for _, w := range warnings {
			if w.Kind == spec.Listeners && w.Problem.Path == "client_auth.ca_bundles" {
				t.Errorf("told %s", w.Problem.Message)
			}
		}
		return l, server
	}
	before, server := put(&spec.Certificate{Name: "c", CertificatePEM: &p.Certificate, PrivateKeyPEM: &p.Key}, bundle("a", 1, 2), bundle("b", 3), &listener)
	if before.Auth.Mode() != spec.AuthOptional || before.Auth.Strict() {
		t.Fatalf("asked is %q", before.Auth.Mode())
	}
	for _, c := range []struct {
		what   string
		o      spec.Object
		equal  bool // the same is asked
		served bool // by the same TLS
	}{
		{"another pool", pool("other"), true, true},
		{"the same bundle", bundle("b", 3), true, true},
		{"another timeout", changed(func(l *spec.Listener) { l.KeepAliveTimeout = "7s" }), true, false},
		{"an authority twice", bundle("b", 3, 2), true, true},
		{"an authority more", bundle("b", 3, 4), false, false},
		{"an authority less", bundle("b", 3), false, false},
		{"bundles of other names", changed(func(l *spec.Listener) { l.ClientAuth.CABundles = []string{"b", "a"} }), true, false},
		{"another mode", changed(func(l *spec.Listener) { l.ClientAuth.Mode = spec.AuthStrict }), false, false},
		{"one bundle less", changed(func(l *spec.Listener) { l.ClientAuth.CABundles = []string{"a"} }), false, false},
		{"nothing", changed(func(l *spec.Listener) { l.ClientAuth = nil }), false, false},
	} {
		after, now := put(c.o)
		if equal := after.Auth.Equal(before.Auth); equal != c.equal || (now == server) != c.served {
			t.Errorf("%s: the same is asked: %t, want %t; by the same TLS: %t, want %t", c.what, equal, c.equal, now == server, c.served)
		}
		before, server = after, now
	}
	d := set.Draft(set.Revision() + 1)
	d.Remove(spec.CABundles, "b")
	d.Put(spec.NewEntry("listener:"+listener.Name, 1, &listener))
	l, _, warnings := next(d)
	told := ""
	for _, w := range warnings {
		if w.Kind == spec.Listeners {
			told += w.Problem.Path + " " + w.Problem.Message + "\n"
		}
	}
	if !strings.Contains(told, `client_auth.ca_bundles names CA bundle "b", which was dropped; clients with certificates of its authorities are not believed`) || l.Auth.Mode() != spec.AuthOptional {
		t.Errorf("asked is %q, told %q", l.Auth.Mode(), told)
	}
}

package table

import (
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestTLSOfASetting: it is taken over while it goes by the same, and made anew when something that it names is another.
func TestTLSOfASetting(t *testing.T) {
	living := groups{}
	s := spec.Settings.New().(*spec.Setting)
	s.Name, s.Protocol, s.TLS = "s", spec.HTTPS, &spec.TLSOut{Verify: true, CABundles: []string{"b"}, ClientCertificate: new("c")}
	certificate := func(n int) *spec.Certificate {
		p := certtest.Sample(n)
		return &spec.Certificate{Name: "c", CertificatePEM: &p.Certificate, PrivateKeyPEM: &p.Key}
	}
	changed := func(change func(*spec.Setting)) *spec.Setting {
		o := *s
		own := *s.TLS
		o.TLS = &own
		change(&o)
		return &o
	}
	set := manyRules(1, shapes[0].rule)
	var table *Table
	put := func(objects ...spec.Object) (*Table, []Warning) {
		d := set.Draft(set.Revision() + 1)
		for _, o := range objects {
			d.Put(spec.NewEntry(spec.KindOf(o).Name+":"+o.Key(), set.Revision()+1, o))
		}
		set = d.Finish()
		var warnings []Warning
		table, warnings = table.Next(set, living)
		return table, warnings
	}
	put(&spec.CABundle{Name: "b", PEM: certtest.Sample(1).Certificate}, certificate(2), s)
	for _, c := range []struct {
		what  string
		o     spec.Object
		fresh bool
	}{
		{"another timeout", changed(func(s *spec.Setting) { s.ConnectTimeout = "1s" }), false},
		{"another pool", pool("p"), false},
		{"the same bundle", &spec.CABundle{Name: "b", PEM: certtest.Sample(1).Certificate}, false},
		{"another bundle", &spec.CABundle{Name: "b", PEM: certtest.Sample(3).Certificate}, true},
		{"another certificate", certificate(4), true},
		{"another name", changed(func(s *spec.Setting) { s.Host = new("a.test:443") }), true},
		{"another word for the same name", changed(func(s *spec.Setting) { s.TLS.ServerName = new("a.test") }), false},
		{"everybody is believed", changed(func(s *spec.Setting) { s.TLS.Verify, s.TLS.CABundles = false, nil }), true},
	} {
		before := table.Routes()[0].Setting.TLS
		after, warnings := put(c.o)
		if got := after.Routes()[0].Setting.TLS; got == nil || (got != before) != c.fresh {
			t.Errorf("%s: made anew: %t, want %t", c.what, got != before, c.fresh)
		}
		for _, w := range warnings {
			if w.Kind == spec.Settings {
				t.Errorf("%s: %s %s", c.what, w.Problem.Path, w.Problem.Message)
			}
		}
	}
	d := set.Draft(set.Revision() + 1)
	d.Remove(spec.CABundles, "b")
	d.Remove(spec.Certificates, "c")
	d.Put(spec.NewEntry("setting:s", 1, s))
	_, warnings := table.Next(d.Finish(), living)
	told := ""
	for _, w := range warnings {
		if w.Kind == spec.Settings {
			told += w.Problem.Path + " " + w.Problem.Message + "\n"
		}
	}
	if !strings.Contains(told, `tls.ca_bundles names CA bundle "b", which was dropped`) || !strings.Contains(told, `tls.client_certificate names certificate "c", which was dropped`) {
		t.Errorf("of what is gone is told %q", told)
	}
}

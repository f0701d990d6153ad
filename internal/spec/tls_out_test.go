package spec

import (
	"slices"
	"testing"
)

// TestServerNames: whom a target must prove to be, for requests and for probes.
func TestServerNames(t *testing.T) {
	for _, c := range []struct{ setting, probe, requests, probes string }{
		{`"host_from_target":true`, ``, "", ""},
		{`"host":"shop.example:8443"`, ``, "shop.example", "shop.example"},
		{`"host":"[2001:db8::1]:8443"`, ``, "2001:db8::1", "2001:db8::1"},
		{`"host":"[2001:db8::1]"`, ``, "2001:db8::1", "2001:db8::1"},
		{`"host":"a","tls":{"server_name":"inner"}`, ``, "inner", "inner"},
		{`"host":"a","tls":{"server_name":"inner"}`, `"host":"probe.example:1"`, "inner", "probe.example"},
		{`"host":"a","tls":{}`, `"host_from_setting":true`, "a", "a"},
	} {
		s, p := decode(t, Settings, `"protocol":"https",`+c.setting).(*Setting), decode(t, Probes, c.probe).(*Probe)
		if got := s.ServerName(); got != c.requests {
			t.Errorf("%s: want %q for requests, got %q", c.setting, c.requests, got)
		}
		if got := p.ServerName(s); got != c.probes {
			t.Errorf("%s, probe %s: want %q for probes, got %q", c.setting, c.probe, c.probes, got)
		}
		if port := s.EffectivePort(); port != 443 || !p.Secure(s) {
			t.Errorf("%s: port %d, probes over TLS: %t", c.setting, port, p.Secure(s))
		}
	}
	plain, over := decode(t, Settings, ``).(*Setting), decode(t, Settings, `"protocol":"https"`).(*Setting)
	if plain.EffectivePort() != 80 || plain.TLS != nil {
		t.Error("the default is not plain HTTP")
	}
	for probe, want := range map[string][2]bool{``: {false, true}, `"protocol":"http"`: {false, false}, `"protocol":"https"`: {true, true}} {
		p := decode(t, Probes, probe).(*Probe)
		if got := [2]bool{p.Secure(plain), p.Secure(over)}; got != want {
			t.Errorf("probe %s goes over TLS: %v under http and https, want %v", probe, got, want)
		}
	}
}

// TestNamesInSets: what a set names is a reference like any other, and has no place in it.
func TestNamesInSets(t *testing.T) {
	s := NewEntry("s", 1, decode(t, Settings, `"protocol":"https","tls":{"ca_bundles":["a","b"],"client_certificate":"c"}`))
	want := []Ref{{CABundles, "a", "tls.ca_bundles"}, {CABundles, "b", "tls.ca_bundles"}, {Certificates, "c", "tls.client_certificate"}}
	if !slices.Equal(s.Refs(), want) {
		t.Errorf("want references %v, got %v", want, s.Refs())
	}
	l := NewEntry("l", 1, decode(t, Listeners, tlsListener+`"client_auth":{"ca_bundles":["a"]}`))
	if want := []Ref{{Certificates, "c", "certificates[0]"}, {CABundles, "a", "client_auth.ca_bundles"}}; !slices.Equal(l.Refs(), want) {
		t.Errorf("want references %v, got %v", want, l.Refs())
	}
	after := s.Follow(CABundles, "b", "new").Object.(*Setting)
	if got := after.TLS.CABundles; !slices.Equal(got, []string{"a", "new"}) || s.Object.(*Setting).TLS.CABundles[1] != "b" {
		t.Errorf("behind a rename the bundles are %v", got)
	}
}

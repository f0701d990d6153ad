package api

import (
	"net/netip"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestClientRanges(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.5": "10.0.0.5/32", "10.1.2.3/8": "10.0.0.0/8", "2001:db8::5": "2001:db8::5/128", "2001:db8::/32": "2001:db8::/32",
		"::ffff:10.0.0.5": "10.0.0.5/32", "0.0.0.0/0": "0.0.0.0/0", "::/0": "::/0",
		"": "", "a": "", "10.0.0.5:80": "", "10.0.0.0/33": "", "::ffff:10.0.0.0/104": "", "fe80::1%eth0": "", "fe80::%eth0/64": "", "10.0.0.05": "", "[::1]": "",
	} {
		s := TunnelSelector{Client: &text}
		got, ok := s.ClientRange()
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%q is %v, %t; want %q", text, got, ok, want)
		}
	}
	if _, ok := (&TunnelSelector{}).ClientRange(); ok {
		t.Error("nothing is a range")
	}
}

// FuzzTunnelSelector: a query that is understood is written as it is meant, and has a range that contains its own address.
func FuzzTunnelSelector(f *testing.F) {
	for _, seed := range []string{"", "rule=a&listener=b&pool=c&target=target%2Fd", "client=10.1.2.3%2F8&idle_for=1h30m&older_than=0s&draining=true", "client=::ffff:1.2.3.4", "draining=", "rule="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		v, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		s, ps := ReadTunnelSelector(v)
		if len(ps)+len(s.Check()) > 0 {
			return
		}
		again, ps := ReadTunnelSelector(s.Values())
		if diff := cmp.Diff(s, again); len(ps) > 0 || diff != "" {
			t.Errorf("%q is read again as another selector, %v:\n%s", query, ps, diff)
		}
		if s.Empty() != (len(s.Values()) == 0) {
			t.Errorf("%q: empty %t, values %v", query, s.Empty(), s.Values())
		}
		if s.Client == nil {
			return
		}
		r, ok := s.ClientRange()
		if !ok || r != r.Masked() || r.Addr().Is4In6() {
			t.Errorf("%q: the range %v, %t", query, r, ok)
		}
		if a, err := netip.ParseAddr(*s.Client); err == nil && !r.Contains(a.Unmap()) {
			t.Errorf("%q: the range %v does not contain %v", query, r, a)
		}
	})
}

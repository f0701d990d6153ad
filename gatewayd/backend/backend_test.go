package backend

import (
	"net/netip"
	"testing"
)

func TestHost(t *testing.T) {
	for _, c := range []struct {
		addr       Address
		name, want string
	}{
		{TCP(netip.MustParseAddrPort("10.0.0.5:80")), "", "10.0.0.5"},
		{TCP(netip.MustParseAddrPort("10.0.0.5:8080")), "", "10.0.0.5:8080"},
		{TCP(netip.MustParseAddrPort("[2001:db8::5]:80")), "", "[2001:db8::5]"},
		{TCP(netip.MustParseAddrPort("[2001:db8::5]:8080")), "", "[2001:db8::5]:8080"},
		{TCP(netip.MustParseAddrPort("10.0.0.5:80")), "app.internal", "app.internal"},
		{TCP(netip.MustParseAddrPort("10.0.0.5:8080")), "app.internal", "app.internal:8080"},
		{Address{Path: "/run/app.sock"}, "", "localhost"},
	} {
		var r Registry
		b := r.Backend(Key{Pool: "p1", Addr: c.addr})
		b.SetName(c.name)
		if got := string(b.AppendHost([]byte("Host: "))); got != "Host: "+c.want {
			t.Errorf("%v %q: want %q, got %q", c.addr, c.name, c.want, got)
		}
	}
}

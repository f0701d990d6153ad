package backend

import (
	"net/netip"
	"testing"
)

func TestHost(t *testing.T) {
	for _, c := range []struct {
		addr             Address
		name, want, over string
	}{
		{TCP(netip.MustParseAddrPort("10.0.0.5:80")), "", "10.0.0.5", "10.0.0.5:80"},
		{TCP(netip.MustParseAddrPort("10.0.0.5:8080")), "", "10.0.0.5:8080", "10.0.0.5:8080"},
		{TCP(netip.MustParseAddrPort("[2001:db8::5]:80")), "", "[2001:db8::5]", "[2001:db8::5]:80"},
		{TCP(netip.MustParseAddrPort("[2001:db8::5]:443")), "", "[2001:db8::5]:443", "[2001:db8::5]"},
		{TCP(netip.MustParseAddrPort("[2001:db8::5]:8080")), "", "[2001:db8::5]:8080", "[2001:db8::5]:8080"},
		{TCP(netip.MustParseAddrPort("10.0.0.5:80")), "app.internal", "app.internal", "app.internal:80"},
		{TCP(netip.MustParseAddrPort("10.0.0.5:443")), "app.internal", "app.internal:443", "app.internal"},
		{TCP(netip.MustParseAddrPort("10.0.0.5:8080")), "app.internal", "app.internal:8080", "app.internal:8080"},
		{Address{Path: "/run/app.sock"}, "", "localhost", "localhost"},
	} {
		var r Registry
		b := r.Backend(Key{Pool: "p1", Addr: c.addr})
		b.SetName(c.name)
		for secure, want := range map[bool]string{false: c.want, true: c.over} {
			if got := string(b.AppendHost([]byte("Host: "), secure)); got != "Host: "+want {
				t.Errorf("%v %q, over TLS %t: want %q, got %q", c.addr, c.name, secure, want, got)
			}
		}
	}
}

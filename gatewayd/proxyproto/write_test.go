package proxyproto

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The bytes of section 2.2 of the specification.
func TestAppend(t *testing.T) {
	const signature = "\x0D\x0A\x0D\x0A\x00\x0D\x0A\x51\x55\x49\x54\x0A"
	for _, c := range []struct{ name, from, to, want string }{
		{"TCP over IPv4", "192.0.2.1:56324", "198.51.100.7:443",
			"\x21\x11\x00\x0C" + "\xC0\x00\x02\x01" + "\xC6\x33\x64\x07" + "\xDC\x04" + "\x01\xBB"},
		{"IPv4-mapped", "[::ffff:192.0.2.1]:56324", "198.51.100.7:443",
			"\x21\x11\x00\x0C" + "\xC0\x00\x02\x01" + "\xC6\x33\x64\x07" + "\xDC\x04" + "\x01\xBB"},
		{"TCP over IPv6", "[2001:db8::1]:1", "[2001:db8::ff]:65535",
			"\x21\x21\x00\x24" + "\x20\x01\x0D\xB8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
				"\x20\x01\x0D\xB8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xFF" + "\x00\x01" + "\xFF\xFF"},
		{"both families", "192.0.2.1:1", "[2001:db8::1]:2", "\x20\x00\x00\x00"},
		{"nothing is known", "", "", "\x20\x00\x00\x00"},
		{"half is known", "192.0.2.1:1", "", "\x20\x00\x00\x00"},
	} {
		got := string(Append([]byte("before"), addr(c.from), addr(c.to)))
		if d := cmp.Diff("before"+signature+c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
	if d := cmp.Diff(signature+"\x20\x00\x00\x00", Local); d != "" {
		t.Errorf("of nobody (-want +got):\n%s", d)
	}
}

// addr is the zero one of "".
func addr(s string) netip.AddrPort {
	a, _ := netip.ParseAddrPort(s)
	return a
}

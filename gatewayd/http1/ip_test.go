package http1

import (
	"net/netip"
	"testing"
)

var ipSeeds = []string{"", ":", "::", ":::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1::3:4:5:6:7:8",
	"1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7", "1::2::3", "12345::", "g::", "::1.2.3.4", "::ffff:1.2.3.4", "1:2:3:4:5:6:1.2.3.4",
	"1:2:3:4:5:6:7:1.2.3.4", "::01.2.3.4", "::1.2.3", "::1.2.3.4.5", "::256.1.1.1", "1.2.3.4", "::1.2.3.4:5", "1:", ":1", "1:2:3:4:5:6:7:",
	"::a.2.3.4", "::1..3.4", "1:2:3:4:5:1.2.3.4",
	"ABCD:ef01::9", "fe80::1%eth0", "::1%", "0.0.0.0", "255.255.255.255", "1.2.3", "1.2.3.4.", "1.2.3.256", "00.1.2.3", "1:2:3:4:5:6:7:8:1.2.3.4"}

// FuzzIP compares with net/netip.
func FuzzIP(f *testing.F) {
	for _, s := range ipSeeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := netip.ParseAddr(s)
		if err != nil || want.Zone() != "" {
			want = netip.Addr{}
		}
		got, ok := ParseIP([]byte(s))
		if got != want || ok != want.IsValid() {
			t.Errorf("%q: got %v, net/netip %v", s, got, want)
		}
		if _, v6 := parseIPv6([]byte(s)); v6 != want.Is6() {
			t.Errorf("%q is an IPv6 address: %v", s, v6)
		}
	})
}

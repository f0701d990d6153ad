package table

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

func networks(texts ...string) (list []netip.Prefix) {
	for _, s := range texts {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}

func TestTrust(t *testing.T) {
	trust := newTrust(networks("192.0.2.0/24", "10.0.0.0/8", "10.1.0.0/16", "192.0.3.0/24", "198.51.100.7/32", "2001:db8::/33", "255.255.255.255/32", "fe80::7/128"))
	for address, want := range map[string]bool{
		"10.0.0.0": true, "10.255.255.255": true, "10.1.2.3": true, "9.255.255.255": false, "11.0.0.0": false,
		"192.0.2.255": true, "192.0.3.0": true, "192.0.4.0": false, "192.0.1.255": false,
		"198.51.100.7": true, "198.51.100.8": false, "198.51.100.6": false, "255.255.255.255": true, "0.0.0.0": false,
		"2001:db8::": true, "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff": true, "2001:db8:8000::": false, "2001:db7:ffff::": false, "::": false,
		"::ffff:10.0.0.1": true, "::ffff:11.0.0.0": false, "::10.0.0.1": false,
		"fe80::7": true, "fe80::7%2": true, "fe80::8%2": false, // A network has no zone: it is of all links.
	} {
		if got := trust.Has(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is believed: %v, want %v", address, got, want)
		}
	}
	if trust.Has(netip.Addr{}) || (Trust{}).Has(netip.MustParseAddr("10.0.0.1")) {
		t.Error("nobody is believed, or somebody by nobody")
	}
	everybody := newTrust(networks("0.0.0.0/0"))
	if !everybody.Has(netip.MustParseAddr("255.1.2.3")) || everybody.Has(netip.MustParseAddr("::1")) {
		t.Error("0.0.0.0/0 is not all of IPv4 and nothing else")
	}
}

// TestTrustIsThatOfItsNetworks compares with asking one network after the other.
func TestTrustIsThatOfItsNetworks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	some := func() netip.Addr { // Few enough that networks overlap, touch and are missed by one.
		b := [16]byte{0xfd}
		b[14], b[15] = byte(r.IntN(3)), byte(r.Uint32())
		if r.IntN(2) == 0 {
			return netip.AddrFrom4([4]byte{10, 0, b[14], b[15]})
		}
		return netip.AddrFrom16(b)
	}
	for range 500 {
		var list []netip.Prefix
		for range r.IntN(20) {
			a := some()
			list = append(list, netip.PrefixFrom(a, a.BitLen()-r.IntN(12)).Masked())
		}
		trust := newTrust(list)
		for range 100 {
			a := some()
			want := slices.ContainsFunc(list, func(n netip.Prefix) bool { return n.Contains(a) })
			if got := trust.Has(a); got != want {
				t.Fatalf("%s in %v: %v, want %v", a, list, got, want)
			}
		}
	}
	trust, a := newTrust(networks("10.0.0.0/8", "192.0.2.0/24", "fd00::/8")), netip.MustParseAddr("::ffff:192.0.2.9")
	if n := testing.AllocsPerRun(100, func() { trust.Has(a) }); n != 0 {
		t.Errorf("asking allocates %v times", n)
	}
}

// Whose PROXY protocol header is taken at an address is what those of its listeners say that have it.
func TestProxiesOfAnAddress(t *testing.T) {
	listener := func(name string, has bool, trusted ...string) *spec.Listener {
		l := spec.Listeners.New().(*spec.Listener)
		l.Name, l.Port, l.Hostnames, l.ProxyProtocol, l.TrustedProxies = name, 80, []string{name}, has, trusted
		return l
	}
	table, warnings := Compile(setOf(listener("a", true, "10.0.0.0/8"), listener("b", false, "192.0.2.0/24"), listener("c", true, "10.0.0.1", "198.51.100.0/24")), groups{})
	a := table.Address("", 80)
	if !a.ProxyProtocol || len(warnings) != 1 || warnings[0].Name != "b" || warnings[0].Problem.Path != "proxy_protocol" {
		t.Errorf("the PROXY protocol is %v, the warnings %v", a.ProxyProtocol, warnings)
	}
	for address, want := range map[string]bool{"10.9.9.9": true, "198.51.100.1": true, "192.0.2.1": false} {
		if got := a.Proxies.Has(netip.MustParseAddr(address)); got != want {
			t.Errorf("a header of %s is taken: %v, want %v", address, got, want)
		}
	}
	table, warnings = Compile(setOf(listener("a", false, "10.0.0.0/8")), groups{})
	if a := table.Address("", 80); a.ProxyProtocol || a.Proxies.Has(netip.MustParseAddr("10.0.0.1")) || len(warnings) > 0 {
		t.Errorf("without it: %v, %v", a, warnings)
	}
}

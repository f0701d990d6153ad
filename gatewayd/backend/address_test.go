package backend

import (
	"math/rand"
	"net/netip"
	"slices"
	"testing"
)

func TestAddresses(t *testing.T) {
	tcp := func(s string) Address { return TCP(netip.MustParseAddrPort(s)) }
	sorted := []Address{
		tcp("10.0.0.1:80"), tcp("10.0.0.1:81"), tcp("10.0.0.2:80"), tcp("[fd00::1]:80"),
		{Path: "/run/a.sock"}, {Path: "/run/b.sock"},
	}
	words := []string{"10.0.0.1:80", "10.0.0.1:81", "10.0.0.2:80", "[fd00::1]:80", "unix:/run/a.sock", "unix:/run/b.sock"}
	for i, a := range sorted {
		if a.String() != words[i] {
			t.Errorf("address %d is written %q, want %q", i, a, words[i])
		}
	}
	got := slices.Clone(sorted)
	rand.New(rand.NewSource(1)).Shuffle(len(got), func(i, k int) { got[i], got[k] = got[k], got[i] })
	slices.SortFunc(got, Address.Compare)
	if !slices.Equal(got, sorted) {
		t.Errorf("the addresses are sorted as %v", got)
	}
	if a := tcp("[::ffff:10.0.0.1]:80"); a != sorted[0] {
		t.Errorf("%s is another address than %s", a, sorted[0])
	}
}

// TestRegistryOfSockets: a path is as good a key as an address.
func TestRegistryOfSockets(t *testing.T) {
	var r Registry
	at := func(pool, path string) Key { return Key{Pool: pool, Addr: Address{Path: path}} }
	a := r.Health(at("p1", "/run/a.sock"), "s1")
	b := r.Health(at("p1", "/run/b.sock"), "s1")
	other := r.Health(at("p0", "/run/b.sock"), "s1")
	if a.Backend == b.Backend || b.Backend == other.Backend || r.Health(at("p1", "/run/a.sock"), "s1") != a {
		t.Fatal("paths are not told apart")
	}
	r.Retain([]*Health{a, b, other})
	if got, want := r.Backends(), []*Backend{other.Backend, a.Backend, b.Backend}; !slices.Equal(got, want) {
		t.Errorf("the backends are listed as %v, want %v", got, want)
	}
	if got, want := r.Healths(), []*Health{other, a, b}; !slices.Equal(got, want) {
		t.Error("the healths are listed in another order")
	}
}

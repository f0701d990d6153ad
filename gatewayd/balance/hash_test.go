package balance

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
	"pgregory.net/rapid"
)

func TestHash(t *testing.T) {
	for value, want := range map[string]uint64{ // Of the reference implementation of XXH64.
		"": 0xef46db3751d8e999, "a": 0xd24ec4f1a98c6e5b, "abc": 0x44bc2cf5ad770999,
	} {
		if got := Hash([]byte(value)); got != want {
			t.Errorf("the hash of %q is %#x, want %#x", value, got, want)
		}
	}
	plain, mapped := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("::ffff:10.0.0.1")
	if HashAddr(plain) != HashAddr(mapped) || HashAddr(plain) == HashAddr(netip.MustParseAddr("10.0.0.2")) {
		t.Error("an address and its mapped form must have one hash, and other addresses others")
	}
	if n := testing.AllocsPerRun(100, func() { HashAddr(plain) }); n != 0 {
		t.Errorf("a hash costs %v allocations", n)
	}
}

// hashed is a group that goes by hashes; weights by the members' numbers, whatever their order.
func hashed(t testing.TB, weights map[int]int, shuffle uint64) *Group {
	t.Helper()
	var list []Member
	var r backend.Registry
	for i, w := range weights {
		addr := backend.TCP(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 80))
		if i%7 == 3 {
			addr = backend.Address{Path: fmt.Sprintf("/run/app/%d.sock", i)}
		}
		key := backend.Key{Pool: fmt.Sprint("pool", shuffle), Addr: addr}
		list = append(list, Member{Health: r.Health(key, "s"), Weight: w})
	}
	slices.SortFunc(list, func(a, b Member) int { return a.Health.Backend.Key.Addr.Compare(b.Health.Backend.Key.Addr) })
	rand.New(rand.NewPCG(shuffle, 1)).Shuffle(len(list), func(i, k int) { list[i], list[k] = list[k], list[i] })
	return by(spec.SourceHash, 3, list)
}

// owners are the members of some thousand keys, by address.
func owners(g *Group, loop int) []string {
	list := make([]string, 3000)
	for k := range list {
		h, _ := g.Pick(loop, &Want{Hash: Hash(fmt.Append(nil, "key ", k)), Hashed: true})
		list[k] = h.Backend.String()
		h.Backend.Release()
	}
	return list
}

// numbered are n members of weights from 1 to 4.
func numbered(n int) map[int]int {
	weights := map[int]int{}
	for i := range n {
		weights[i] = 1 + i%4
	}
	return weights
}

var sizes = []int{1, 2, 3, few - 1, few, few + 1, 50, 1000}

// TestKeysDoNotDependOnAnythingElse: every loop and every gateway sends a key to the same member.
func TestKeysDoNotDependOnAnythingElse(t *testing.T) {
	for _, n := range sizes {
		want := owners(hashed(t, numbered(n), 0), 0)
		for shuffle := range uint64(3) {
			g := hashed(t, numbered(n), shuffle)
			for loop := range 3 {
				if got := owners(g, loop); !slices.Equal(got, want) {
					t.Errorf("of %d members: another order, pool or loop sends keys elsewhere", n)
				}
			}
		}
	}
}

// TestKeysStayBetweenVersions fails where a key goes elsewhere than it always went. What it wants is for ever: gateways of
// two versions serve together, and what targets keep for a key would be lost.
func TestKeysStayBetweenVersions(t *testing.T) {
	for n, want := range map[int]string{
		3:  "[10.0.0.1:80 10.0.0.1:80 10.0.0.1:80 10.0.0.1:80 10.0.0.1:80 10.0.0.0:80 10.0.0.1:80 10.0.0.2:80]",
		20: "[10.0.0.11:80 10.0.0.11:80 10.0.0.1:80 10.0.0.8:80 10.0.0.4:80 10.0.0.13:80 unix:/run/app/10.sock unix:/run/app/17.sock]",
	} {
		if got := fmt.Sprint(owners(hashed(t, numbered(n), 0), 0)[:8]); got != want {
			t.Errorf("of %d members: keys go to %s, want %s", n, got, want)
		}
	}
}

// TestOnlyTheShareMoves holds what moves to the least that can move.
func TestOnlyTheShareMoves(t *testing.T) {
	for _, n := range sizes {
		whole := hashed(t, numbered(n+1), 0)
		before := owners(whole, 0)
		name := func(i int) string { return nameOf(whole, i) }
		for _, changed := range []int{0, n / 2, n} {
			gone, zero, heavier := numbered(n+1), numbered(n+1), numbered(n+1)
			delete(gone, changed)
			zero[changed] = 0
			heavier[changed]++
			without, with := owners(hashed(t, gone, 1), 0), owners(hashed(t, heavier, 3), 0)
			left := moves(t, moved{before, without}, name(changed), "")
			came := moves(t, moved{without, before}, "", name(changed))
			more := moves(t, moved{before, with}, "", name(changed))
			less := moves(t, moved{with, before}, name(changed), "")
			if n < 100 && (left == 0 || came == 0 || more == 0 || less == 0) {
				t.Errorf("of %d members: %d, %d, %d and %d keys moved", n+1, left, came, more, less)
			}
			if !slices.Equal(owners(hashed(t, zero, 2), 0), without) {
				t.Errorf("of %d members: weight 0 is not as if the member was gone", n+1)
			}
		}
	}
}

// nameOf is the address of the member of a number, which hashed gave it.
func nameOf(g *Group, i int) string {
	want := fmt.Sprintf("10.%d.%d.%d:80", byte(i>>16), byte(i>>8), byte(i))
	if i%7 == 3 {
		want = fmt.Sprintf("unix:/run/app/%d.sock", i)
	}
	for _, m := range g.members {
		if m.Health.Backend.String() == want {
			return want
		}
	}
	return "no such member"
}

// A moved is where keys were before and after a change.
type moved struct{ before, after []string }

// moves counts the keys that moved, and fails where one did not move from the member or not to the one that it may; ""
// is any.
func moves(t *testing.T, m moved, from, to string) int {
	t.Helper()
	n := 0
	for k := range m.before {
		if m.before[k] == m.after[k] {
			continue
		}
		n++
		if from != "" && m.before[k] != from || to != "" && m.after[k] != to {
			t.Fatalf("key %d moved from %s to %s, and only keys of %q and to %q may", k, m.before[k], m.after[k], from, to)
		}
	}
	return n
}

// TestKeysComeBack: a member that was down has its keys again, and no other has changed.
func TestKeysComeBack(t *testing.T) {
	for _, n := range []int{3, 20} {
		g := hashed(t, numbered(n), 0)
		for i := range g.members {
			judge(g.members[i].Member, true)
		}
		before := owners(g, 0)
		down := g.members[1].Member
		judge(down, false)
		moves(t, moved{before, owners(g, 0)}, down.Health.Backend.String(), "")
		judge(down, true)
		if !slices.Equal(owners(g, 0), before) {
			t.Errorf("of %d members: the keys are elsewhere when all are back", n)
		}
	}
}

// TestAnyChangeMovesTheLeast: whatever changes at once, a key moves only from members that lost weight or are gone, or to
// members that won some or are new.
func TestAnyChangeMovesTheLeast(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(label string) map[int]int {
			return rapid.MapOfN(rapid.IntRange(0, 30), rapid.IntRange(1, 1000), 1, 16).Draw(rt, label)
		}
		was, is := draw("was"), draw("is")
		for i := range was {
			if rapid.Bool().Draw(rt, "the same") {
				is[i] = was[i]
			}
		}
		a, b := hashed(t, was, 0), hashed(t, is, 1)
		less, more := map[string]bool{}, map[string]bool{}
		for i := range 31 {
			less[nameOf(a, i)] = is[i] < was[i]
			more[nameOf(b, i)] = is[i] > was[i]
		}
		before, after := owners(a, 0), owners(b, 0)
		for k := range before {
			if before[k] != after[k] && !less[before[k]] && !more[after[k]] {
				rt.Fatalf("key %d moved from %s to %s for no reason", k, before[k], after[k])
			}
		}
	})
}

// TestSecondChoice: a key that cannot go where it belongs goes to the same member every time, on every gateway, and the
// keys of one member go to all others by weight.
func TestSecondChoice(t *testing.T) {
	for _, n := range []int{3, few, few + 1, 100} {
		weights := numbered(n)
		a, b := hashed(t, weights, 0), hashed(t, weights, 1)
		first := nameOf(a, 1)
		counts := map[string]int{}
		for k := range uint64(100_000) {
			hash := k * 0x9e3779b97f4a7c15
			h, _ := a.Pick(0, &Want{Hash: hash, Hashed: true})
			h.Backend.Release()
			if h.Backend.String() != first {
				continue
			}
			second, _ := a.Pick(1, &Want{Hash: hash, Hashed: true, Avoid: []*backend.Health{h}})
			second.Backend.Release()
			counts[second.Backend.String()]++
			if k%100 > 0 {
				continue
			}
			elsewhere, _ := b.Pick(0, &Want{Hash: hash, Hashed: true})
			again, _ := b.Pick(0, &Want{Hash: hash, Hashed: true, Avoid: []*backend.Health{elsewhere}})
			if again.Backend.String() != second.Backend.String() {
				t.Fatalf("of %d members: the second choice is %s and on another gateway %s", n, second.Backend, again.Backend)
			}
		}
		all, total := 0, 0
		for i, w := range weights {
			if i != 1 {
				all += counts[nameOf(a, i)]
				total += w
			}
		}
		for i, w := range weights {
			want := float64(all*w) / float64(total)
			if got := float64(counts[nameOf(a, i)]); i != 1 && math.Abs(got-want) > sigmas*math.Sqrt(want)+0.2*want {
				t.Errorf("of %d members: %s of weight %d is the second choice of %.0f keys, want about %.0f", n, nameOf(a, i), w, got, want)
			}
		}
	}
}

// TestWithoutAHash: requests that have nothing to go by are balanced in turn.
func TestWithoutAHash(t *testing.T) {
	list := members(1, 2, 3)
	if got := fmt.Sprint(count(by(spec.HeaderHash, 1, list), 0, 60, list)); got != "[10 20 30]" {
		t.Errorf("the members got %s of 60, want [10 20 30]", got)
	}
}

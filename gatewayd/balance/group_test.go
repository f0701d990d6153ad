package balance

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/affinity"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"pgregory.net/rapid"
)

// members makes unknown members of the given weights.
func members(weights ...int) []Member {
	r := backend.Registry{Affinity: affinity.NewKey()}
	list := make([]Member, len(weights))
	for i, w := range weights {
		a := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 80)
		list[i] = Member{Health: r.Health(backend.Key{Pool: "p", Addr: backend.TCP(a)}, "s"), Weight: w}
	}
	return list
}

func judge(m Member, healthy bool) {
	m.Health.Report(backend.Result{At: time.Unix(1, 0), OK: healthy, Reason: "bad", UnhealthyThreshold: 1, HealthyThreshold: 1})
}

// pick takes one and gives it back.
func pick(g *Group, loop int, avoid ...*backend.Health) *backend.Health {
	h, _ := g.Pick(loop, &Want{Avoid: avoid})
	if h != nil {
		h.Backend.Release()
	}
	return h
}

func grouped(loops int, list []Member) *Group {
	g := NewGroup(loops)
	g.SetMembers(list, Policy{})
	return g
}

// by is a group whose draws are the same in every run.
func by(algorithm string, loops int, list []Member) *Group {
	g := NewGroup(loops)
	for i := range g.cursors {
		g.cursors[i].next = uint32(1000003 * i)
		g.cursors[i].rand.Seed(uint64(i), 1)
	}
	g.SetMembers(list, Policy{Algorithm: algorithm})
	return g
}

// count picks n times and says how often each member came.
func count(g *Group, loop, n int, list []Member) []int {
	index := map[*backend.Health]int{}
	for i, m := range list {
		index[m.Health] = i
	}
	counts := make([]int, len(list))
	for range n {
		if b := pick(g, loop); b != nil {
			counts[index[b]]++
		}
	}
	return counts
}

// stand gives each member its state: ? never probed, f failed once, + healthy, - unhealthy; behind it ! for ejected.
func stand(list []Member, states string) {
	last := -1
	for _, state := range states {
		switch state {
		case '!':
			list[last].Health.Served(false, 1, time.Minute)
			continue
		case '+', '-':
			judge(list[last+1], state == '+')
		case 'f':
			list[last+1].Health.Report(backend.Result{At: time.Now(), UnhealthyThreshold: 3})
		}
		last++
	}
}

func TestAvailable(t *testing.T) {
	tests := []struct {
		name     string
		weights  []int
		states   string // see stand
		failOpen bool
		want     string // of each member: x gets something; ? gets something while the group is young
	}{
		{"no member", nil, "", false, ""},
		{"no verdict yet", []int{1, 1}, "??", false, "xx"},
		{"the first verdict of all", []int{1, 1, 1}, "+??", false, "x??"},
		{"the first verdict of all is a bad one", []int{1, 1, 1}, "-??", false, ".??"},
		{"a first probe failed and nothing is known of others", []int{1, 1}, "f?", false, "xx"},
		{"a first probe failed beside a healthy one", []int{1, 1, 1}, "+f?", false, "x.?"},
		{"weight 0 gets nothing while the group is young", []int{1, 0}, "+?", false, "x."},
		{"one is down", []int{1, 1, 1}, "+-+", false, "x.x"},
		{"all are down", []int{1, 1}, "--", false, ".."},
		{"a verdict and a failure", []int{1, 1}, "-f", false, ".."},
		{"weight 0 gets nothing", []int{1, 0}, "++", false, "x."},
		{"all of weight 0", []int{0, 0}, "++", true, ".."},
		{"the verdict on a member of weight 0 does not count", []int{1, 0}, "?-", false, "x."},

		{"all are down and it fails open", []int{1, 1}, "--", true, "xx"},
		{"a bad verdict is the only one and it fails open", []int{1, 1}, "-?", true, "xx"},
		{"weight 0 gets nothing when it fails open", []int{1, 0, 2}, "---", true, "x.x"},
		{"one is healthy and nothing fails open", []int{1, 1, 1}, "-+?", true, ".x?"},
		{"no verdict yet and nothing fails open", []int{1, 0}, "?-", true, "x."},

		{"one is ejected", []int{1, 1, 1}, "++!+", false, "x.x"},
		{"all are ejected", []int{1, 1}, "+!+!", false, "xx"},
		{"the last one is not taken out", []int{1, 1, 1}, "-+!-", false, ".x."},
		{"the last one is not taken out for one of weight 0", []int{1, 0}, "+!+", false, "x."},
		{"one without a verdict is ejected", []int{1, 1}, "?!?", false, ".x"},
		{"all without a verdict are ejected", []int{1, 1}, "?!?!", false, "xx"},
		{"one without a verdict does not replace an ejected one", []int{1, 1}, "+!?", false, "x?"},
		{"one without a verdict is ejected beside a healthy one", []int{1, 1}, "+?!", false, "x."},
		{"what is down fails open although it is ejected", []int{1, 1}, "-!-", true, "xx"},
		{"an ejected one is better than to fail open", []int{1, 1}, "+!-", true, "x."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				list := members(tt.weights...)
				g := NewGroup(1)
				g.SetMembers(list, Policy{FailOpen: tt.failOpen})
				stand(list, tt.states)
				g.Refresh() // One failure is no change that a group hears of.
				expect := func(when, want string) {
					synctest.Wait()
					got := ""
					for _, n := range count(g, 0, 100, list) {
						got += string(".x"[min(n, 1)])
					}
					if got != want {
						t.Errorf("%s the members that got something of 100 are %q, want %q", when, got, want)
					}
				}
				time.Sleep(youth - time.Nanosecond)
				expect("while the group is young", strings.ReplaceAll(tt.want, "?", "x"))
				time.Sleep(time.Nanosecond)
				expect("afterwards", strings.ReplaceAll(tt.want, "?", "."))
				time.Sleep(time.Minute)
			})
		})
	}
}

// TestYouthIsTheFirstMembers: who comes to a group later waits for its first success, however young the group is, and
// the first ones are the first also in another order and with other weights.
func TestYouthIsTheFirstMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := members(1, 1, 1, 1)
		g := NewGroup(1)
		g.SetMembers(nil, Policy{}) // Its names have no address yet.
		time.Sleep(time.Hour)
		g.SetMembers(list[:3:3], Policy{})
		g.SetMembers([]Member{list[3], {list[1].Health, 2}, list[0]}, Policy{})
		judge(list[0], true)
		expect := func(when, want string) {
			t.Helper()
			synctest.Wait()
			if got := fmt.Sprint(count(g, 0, 60, list)); got != want {
				t.Errorf("%s the members got %s of 60, want %s", when, got, want)
			}
		}
		expect("after the first success", "[20 40 0 0]")
		time.Sleep(youth)
		expect("when it is over", "[60 0 0 0]")
		judge(list[3], true)
		expect("after the success of the one that came", "[30 0 0 30]")
		g.SetMembers(nil, Policy{})
		g.SetMembers(list, Policy{})
		judge(list[1], false)
		expect("as new as ever", "[20 0 20 20]")
		time.Sleep(youth)
	})
}

// TestEjectionComesAndGoes: a group hears of it without anybody's help.
func TestEjectionComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := members(1, 1, 1)
		g := grouped(1, list)
		for _, m := range list {
			judge(m, true)
		}
		for _, step := range []struct {
			eject []int
			sleep time.Duration
			want  string
		}{
			{[]int{0}, 0, "[0 30 30]"},
			{[]int{2}, time.Second, "[0 60 0]"},
			{[]int{1}, time.Second, "[20 20 20]"}, // The last is not taken out, and then all are alike.
			{nil, 58 * time.Second, "[60 0 0]"},   // The first is back.
			{nil, time.Second, "[30 0 30]"},
			{nil, time.Second, "[20 20 20]"},
		} {
			time.Sleep(step.sleep)
			for _, i := range step.eject {
				list[i].Health.Served(false, 1, time.Minute)
			}
			synctest.Wait()
			if got := fmt.Sprint(count(g, 0, 60, list)); got != step.want {
				t.Errorf("the members got %s of 60, want %s", got, step.want)
			}
		}
	})
}

// TestShares holds over several loops: each is a rotation of its own, and together they keep to the weights.
func TestShares(t *testing.T) {
	for _, weights := range [][]int{{1, 1}, {1, 2, 3}, {5, 1, 1}, {1000, 1}, {10, 20, 30, 40}, {1}, {100, 100, 100}, {7, 0, 3}} {
		t.Run(fmt.Sprint(weights), func(t *testing.T) {
			const loops = 4
			list := members(weights...)
			g := grouped(loops, list)
			total := 0
			for _, w := range weights {
				total += w
			}
			sums := make([]int, len(weights))
			for loop := range loops {
				for i, n := range count(g, loop, 10*total, list) {
					sums[i] += n
				}
			}
			for i, w := range weights {
				if want := loops * 10 * w; sums[i] != want {
					t.Errorf("member %d of weight %d was picked %d times, want %d", i, w, sums[i], want)
				}
			}
		})
	}
}

// TestSmooth holds the rotation to what makes it smooth: over any stretch of picks a member gets its share, give or take
// two.
func TestSmooth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(1, 50), 1, 12).Draw(t, "weights")
		slots := spread(shares(weights))
		total := 0
		for _, w := range weights {
			total += w
		}
		for member, w := range weights {
			from := rapid.IntRange(0, len(slots)-1).Draw(t, "from")
			got := 0
			for n := 1; n <= len(slots); n++ {
				if int(slots[(from+n-1)%len(slots)]) == member {
					got++
				}
				if want := float64(n) * float64(w) / float64(total); float64(got) < want-2 || float64(got) > want+2 {
					t.Fatalf("of %d picks from slot %d on, member %d of weight %d in %d got %d, want about %.1f", n, from, member, w, total, got, want)
				}
			}
		}
	})
}

func TestEqualWeightsAlternate(t *testing.T) {
	g := grouped(1, members(3, 3))
	last := pick(g, 0)
	for range 10 {
		b := pick(g, 0)
		if b == last {
			t.Fatal("two members of equal weight do not alternate")
		}
		last = b
	}
}

func TestSchedulesAreBounded(t *testing.T) {
	weights := make([]int, 10000)
	for i := range weights {
		weights[i] = 1 + i%1000
	}
	slots := spread(shares(weights))
	// Rounding to at least one slot may add to the bound, by less than one a member.
	if n := len(slots); n > maxSlots+len(weights) {
		t.Errorf("a schedule has %d slots, want at most %d", n, maxSlots+len(weights))
	}
	got := map[uint32]int{}
	for _, s := range slots {
		got[s]++
	}
	if len(got) != len(weights) {
		t.Errorf("%d of %d members have a slot", len(got), len(weights))
	}
	if heavy, light := got[999], got[99]; heavy < 8*light || heavy > 14*light {
		t.Errorf("weights 1000 and 100 have %d and %d slots", heavy, light)
	}
}

func TestLoopsStartApart(t *testing.T) {
	weights := make([]int, 1000)
	for i := range weights {
		weights[i] = 1
	}
	g := grouped(64, members(weights...))
	first := map[*backend.Health]bool{}
	for loop := range 64 {
		first[pick(g, loop)] = true
	}
	if len(first) < 32 {
		t.Errorf("64 loops send their first requests to %d of 1000 members", len(first))
	}
}

func TestAvoid(t *testing.T) {
	for _, algorithm := range algorithms {
		for _, weights := range [][]int{{1, 1, 1}, {1000, 1, 1}, {1, 1000, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1000}} {
			list := members(weights...)
			g := by(algorithm, 1, list)
			for hash := range uint64(1000) {
				var tried []*backend.Health
				for range list {
					h, _ := g.Pick(0, &Want{Hash: hash, Hashed: true, Avoid: tried})
					if h == nil {
						t.Fatalf("%s, weights %v: no member is left after %d of %d", algorithm, weights, len(tried), len(list))
					}
					h.Backend.Release()
					if slices.Contains(tried, h) {
						t.Fatalf("%s, weights %v: a member was picked that should be avoided", algorithm, weights)
					}
					tried = append(tried, h)
				}
				if h, full := g.Pick(0, &Want{Hash: hash, Hashed: true, Avoid: tried}); h != nil || full {
					t.Fatalf("%s, weights %v: all were tried, and there is %v, full %v", algorithm, weights, h, full)
				}
			}
		}
	}
}

func TestMembersFollowTheConfiguration(t *testing.T) {
	list := members(1, 1, 1)
	g := grouped(1, list[:2])
	g.SetMembers([]Member{{list[1].Health, 3}, {list[2].Health, 1}}, Policy{})
	if got := fmt.Sprint(count(g, 0, 8, list)); got != "[0 6 2]" {
		t.Errorf("after a change the members got %s of 8, want [0 6 2]", got)
	}
	judge(list[0], true) // It is no member any more, so nothing may change.
	judge(list[1], false)
	judge(list[2], true)
	if got := fmt.Sprint(count(g, 0, 8, list)); got != "[0 0 8]" {
		t.Errorf("after a verdict the members got %s of 8, want [0 0 8]", got)
	}
	g.SetMembers(nil, Policy{})
	if b := pick(g, 0); b != nil {
		t.Errorf("a group without members picked %s", b.Backend)
	}
}

// TestHealthChangesBesidePicks is for the race detector, and holds that a pick after a report respects it.
func TestHealthChangesBesidePicks(t *testing.T) {
	const loops = 4
	list := members(1, 2, 3, 4, 5)
	g := grouped(loops, list)
	judge(list[0], true) // Always there, so that there is always one to pick.
	stop := make(chan struct{})
	var picking, changing sync.WaitGroup
	for loop := range loops {
		picking.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if pick(g, loop) == nil {
					t.Error("nothing was picked while a member was healthy")
					return
				}
			}
		})
	}
	for _, m := range list[1:] {
		changing.Go(func() {
			for i := range 500 {
				judge(m, i%2 == 0)
			}
			judge(m, false)
		})
	}
	changing.Go(func() {
		for range 200 {
			g.SetMembers(list, Policy{})
		}
	})
	changing.Wait()
	close(stop)
	picking.Wait()
	if got := count(g, 0, 10, list); got[0] != 10 {
		t.Errorf("with one healthy member the counts are %v", got)
	}
}

package balance

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// report is a probe's outcome now.
func report(m Member, healthy bool) {
	m.Health.Report(backend.Result{At: time.Now(), OK: healthy, UnhealthyThreshold: 1, HealthyThreshold: 1})
}

// slowly is a group of these members with a slow start of 100 seconds.
func slowly(algorithm string, list []Member) *Group {
	g := by(algorithm, 2, nil)
	g.SetMembers(list, Policy{Algorithm: algorithm, SlowStart: 100 * time.Second})
	return g
}

// TestShareGrows holds the share of a member that came back, second by second: its weight by the time since then.
func TestShareGrows(t *testing.T) {
	for _, algorithm := range algorithms {
		t.Run(algorithm, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				list := members(1, 2, 1)
				g, index := slowly(algorithm, list), indices(list)
				for _, m := range list {
					report(m, true)
				}
				time.Sleep(time.Hour)
				report(list[1], false)
				report(list[1], true)
				for second := 0; second <= 110; second += 3 {
					const picks = 6000
					counts := make([]int, 3)
					for k := range picks {
						h, _ := g.Pick(0, &Want{Hash: Hash(fmt.Append(nil, k)), Hashed: true})
						counts[index[h]]++
						h.Backend.Release()
					}
					// Known to a step, which is 5 seconds here.
					parts := func(s int) float64 { w := 2 * max(0.05, min(1, float64(s)/100)); return picks * w / (w + 2) }
					low, high := parts(second-5), parts(second)
					slack := sigmas * math.Sqrt(high)
					if got := float64(counts[1]); got < low-slack || got > high+slack {
						t.Fatalf("after %d seconds it got %v of %d, want %.0f to %.0f", second, counts, picks, low, high)
					}
					if off := math.Abs(float64(counts[0] - counts[2])); off > 2*sigmas*math.Sqrt(picks/2) {
						t.Fatalf("after %d seconds the others got %v", second, counts)
					}
					time.Sleep(3 * time.Second)
				}
				after := g.schedule.Load()
				time.Sleep(time.Hour)
				if g.schedule.Load() != after {
					t.Error("the schedule is still made anew when nobody grows")
				}
			})
		})
	}
}

// TestSlowStartUnderLoad: what is open on a member grows as its share does.
func TestSlowStartUnderLoad(t *testing.T) {
	for _, algorithm := range []string{spec.LeastConnections, spec.PowerOfTwo} {
		synctest.Test(t, func(t *testing.T) {
			list := members(1, 1, 1)
			g := slowly(algorithm, list)
			report(list[0], true)
			report(list[1], true)
			time.Sleep(time.Hour)
			report(list[2], true)
			time.Sleep(50 * time.Second)
			for range 500 {
				g.Pick(0, &Want{})
			}
			if got := list[2].Health.Backend.Open.Load(); got < 90 || got > 110 {
				t.Errorf("%s: with half of its share a member has %d of 500 open, want about 100", algorithm, got)
			}
			time.Sleep(time.Hour)
		})
	}
}

// TestWhoGrows tells what begins with a small share, and what has all of it at once.
func TestWhoGrows(t *testing.T) {
	again := func(g *Group, list []Member) {
		g.SetMembers(list, Policy{SlowStart: 100 * time.Second})
	}
	tests := []struct {
		name string
		then func(g *Group, list []Member) // what happens to a group that serves by the first two of three for long
		want string                        // of 8610 picks
	}{
		{"nothing", func(*Group, []Member) {}, "[4305 4305 0]"},
		{"an unhealthy one is back", func(g *Group, list []Member) { report(list[1], false); report(list[1], true) }, "[8200 410 0]"},
		{"a new one had its first success", func(g *Group, list []Member) { again(g, list); report(list[2], true) }, "[4200 4200 210]"},
		{"a new one that is known to be healthy", func(g *Group, list []Member) {
			report(list[2], true)
			time.Sleep(time.Hour)
			again(g, list)
		}, "[4200 4200 210]"},
		{"one had weight 0", func(g *Group, list []Member) {
			again(g, []Member{list[0], {list[1].Health, 0}})
			time.Sleep(time.Hour)
			again(g, list[:2])
		}, "[8200 410 0]"},
		{"an ejected one is back", func(g *Group, list []Member) {
			list[1].Health.Served(false, 1, time.Minute)
			time.Sleep(time.Minute)
			synctest.Wait()
		}, "[8200 410 0]"},
		{"the configuration is written again", func(g *Group, list []Member) { again(g, slices.Clone(list[:2])) }, "[4305 4305 0]"},
		{"another weight", func(g *Group, list []Member) { again(g, []Member{list[0], {list[1].Health, 4}}) }, "[1722 6888 0]"},
		{"the others are gone", func(g *Group, list []Member) {
			report(list[1], false)
			report(list[1], true)
			report(list[0], false)
		}, "[0 8610 0]"},
		{"all were down", func(g *Group, list []Member) {
			report(list[0], false)
			report(list[1], false)
			time.Sleep(time.Minute)
			report(list[0], true)
			time.Sleep(time.Second)
			report(list[1], true)
		}, "[4305 4305 0]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				list := members(1, 1, 1)
				g := slowly(spec.RoundRobin, list[:2:2])
				report(list[0], true)
				report(list[1], true)
				time.Sleep(time.Hour)
				tt.then(g, list)
				if got := fmt.Sprint(count(g, 0, 8610, list)); got != tt.want { // Whole turns for all that is wanted.
					t.Errorf("the members got %s of 8610, want %s", got, tt.want)
				}
				time.Sleep(time.Hour)
			})
		})
	}
}

// TestGatewayStarts: all have their share from the start, while the first probes end over a second: the first that is
// healthy does not carry all, nor does the last that was not probed.
func TestGatewayStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := members(1, 1, 1, 1, 1)
		g := slowly(spec.RoundRobin, list)
		for i, m := range list {
			time.Sleep(200 * time.Millisecond)
			report(m, true)
			if got := count(g, 0, 10*len(list), list); slices.Min(got) != 10 {
				t.Errorf("when %d are healthy they got %v", i+1, got)
			}
		}
		for second := range 110 {
			time.Sleep(time.Second)
			got := count(g, 0, 1000, list)
			if low, high := slices.Min(got), slices.Max(got); high > low*130/100 {
				t.Errorf("%d seconds after the start the members got %v", second, got)
			}
		}
	})
}

// TestKeysMoveOnce: while a member grows keys move to it, each once, and to no other.
func TestKeysMoveOnce(t *testing.T) {
	for _, n := range []int{3, 20} {
		synctest.Test(t, func(t *testing.T) {
			list := members(mixed(n)...)
			g := slowly(spec.HeaderHash, list)
			for _, m := range list {
				report(m, true)
			}
			time.Sleep(time.Hour)
			settled := owners(g, 0)
			report(list[1], false)
			before := owners(g, 0)
			report(list[1], true)
			for range 25 {
				after := owners(g, 0)
				moves(t, moved{before, after}, "", list[1].Health.Backend.String())
				before = after
				time.Sleep(5 * time.Second)
			}
			if !slices.Equal(before, settled) {
				t.Errorf("of %d members: the keys are elsewhere when the member has grown", n)
			}
		})
	}
}

// TestShortSlowStart: a time of which a step would take less than a schedule may cost ends all the same.
func TestShortSlowStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := members(1, 1)
		g := NewGroup(1)
		g.SetMembers(list, Policy{SlowStart: time.Millisecond})
		judge(list[0], true) // In 1970.
		report(list[1], true)
		time.Sleep(shortestStep)
		synctest.Wait()
		if got := fmt.Sprint(count(g, 0, 20, list)); got != "[10 10]" {
			t.Errorf("the members got %s of 20, want [10 10]", got)
		}
	})
}

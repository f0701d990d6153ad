package balance

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

var algorithms = []string{spec.RoundRobin, spec.LeastConnections, spec.PowerOfTwo, spec.SourceHash, spec.HeaderHash}

// sigmas is how far a count may be from its mean in standard deviations: it would be farther once in 10^9 counts, did it
// not come from a fixed seed.
const sigmas = 6.2

func sum(list []int) int {
	total := 0
	for _, n := range list {
		total += n
	}
	return total
}

// indices are where the members stand in a list.
func indices(list []Member) map[*backend.Health]int {
	index := map[*backend.Health]int{}
	for i, m := range list {
		index[m.Health] = i
	}
	return index
}

// TestSharesOfAnIdlePool picks one after the other, over several loops, and holds the shares to the weights.
func TestSharesOfAnIdlePool(t *testing.T) {
	const loops, picks = 4, 10_000
	for _, algorithm := range algorithms {
		for _, weights := range [][]int{{1}, {1, 1}, {1, 2, 3}, {7, 0, 3}, {1000, 1}, {1000, 500, 1}, mixed(8), mixed(9), mixed(33), mixed(1000)} {
			t.Run(fmt.Sprintf("%s/%d,%v", algorithm, len(weights), weights[:min(3, len(weights))]), func(t *testing.T) {
				list := members(weights...)
				g, index := by(algorithm, loops, list), indices(list)
				counts := make([]int, len(list))
				for k := range picks {
					h, _ := g.Pick(k%loops, &Want{Hash: Hash(fmt.Append(nil, k)), Hashed: true})
					counts[index[h]]++
					h.Backend.Release()
				}
				for i, w := range weights {
					p := float64(w) / float64(sum(weights))
					deviation := math.Sqrt(picks * p * (1 - p))
					if algorithm == spec.SourceHash || algorithm == spec.HeaderHash {
						deviation = math.Hypot(deviation, picks*math.Sqrt(p/places)) // A member has a whole number of places.
					}
					if got := float64(counts[i]); math.Abs(got-picks*p) > sigmas*deviation {
						t.Errorf("member %d of weight %d was picked %.0f times, want %.0f give or take %.0f", i, w, got, picks*p, sigmas*deviation)
					}
				}
			})
		}
	}
}

// TestSharesOfAQuietPool: with a few requests open at any time, a light member is not preferred to a heavy one for having
// none, and neither is it left out.
func TestSharesOfAQuietPool(t *testing.T) {
	for _, algorithm := range []string{spec.LeastConnections, spec.PowerOfTwo} {
		for _, weights := range [][]int{{100, 1}, {10, 1}, {3, 1}, {10, 10, 1}} {
			for concurrent := 1; concurrent <= 4; concurrent++ {
				list := members(weights...)
				g, index, r := by(algorithm, 1, list), indices(list), rand.New(rand.NewPCG(1, 2))
				open, light := make([]*backend.Health, concurrent), 0
				const picks = 20_000
				for range picks {
					at := &open[r.IntN(concurrent)]
					if *at != nil {
						(*at).Backend.Release()
					}
					*at, _ = g.Pick(0, &Want{})
					if index[*at] == len(list)-1 {
						light++
					}
				}
				want := picks / float64(sum(weights))
				if got := float64(light); got < want*0.6 || got > want*1.6 {
					t.Errorf("%s, weights %v, %d open: the lightest was picked %.0f times, want about %.0f", algorithm, weights, concurrent, got, want)
				}
			}
		}
	}
}

// TestSharesUnderLoad holds what is open on each member to its weight, while requests end in any order.
func TestSharesUnderLoad(t *testing.T) {
	tests := []struct {
		algorithm string
		weights   []int
		off       float64 // by how many requests a weight of 1 may be off, of 50, at any moment
	}{
		{spec.LeastConnections, []int{1, 1}, 6}, {spec.LeastConnections, []int{1, 2, 3}, 8},
		{spec.LeastConnections, []int{100, 1}, 10}, {spec.LeastConnections, mixed(32), 10}, {spec.LeastConnections, mixed(200), 10},
		{spec.PowerOfTwo, []int{1, 1}, 6}, {spec.PowerOfTwo, []int{1, 2, 3}, 10},
		{spec.PowerOfTwo, []int{100, 1}, 10}, {spec.PowerOfTwo, mixed(32), 15}, {spec.PowerOfTwo, mixed(200), 15},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s/%d,%v", tt.algorithm, len(tt.weights), tt.weights[:2]), func(t *testing.T) {
			const loops = 4
			list := members(tt.weights...)
			g, r := by(tt.algorithm, loops, list), rand.New(rand.NewPCG(1, 2))
			open := make([]*backend.Health, 50*sum(tt.weights))
			for k := range open {
				open[k], _ = g.Pick(k%loops, &Want{})
			}
			worst := 0.0
			for range 300 {
				ended := 1 + r.IntN(len(open)/10)
				for range ended {
					at := r.IntN(len(open))
					if open[at] != nil {
						open[at].Backend.Release()
						open[at] = nil
					}
				}
				for k := range open {
					if open[k] == nil {
						open[k], _ = g.Pick(k%loops, &Want{})
					}
				}
				for i, w := range tt.weights {
					worst = max(worst, math.Abs(float64(list[i].Health.Backend.Open.Load())/float64(w)-50))
				}
			}
			t.Logf("worst %.1f", worst)
			if worst > tt.off {
				t.Errorf("a weight of 1 had 50 requests give or take %.1f, want at most %.1f", worst, tt.off)
			}
		})
	}
}

// TestSlowMemberGetsLess: who needs ten times as long gets a tenth of the requests where what is open decides.
func TestSlowMemberGetsLess(t *testing.T) {
	for _, algorithm := range []string{spec.LeastConnections, spec.PowerOfTwo} {
		list := members(mixed(10)...)
		g, index, r := by(algorithm, 1, list), indices(list), rand.New(rand.NewPCG(1, 2))
		got := make([]int, len(list))
		var open []*backend.Health
		for len(open) < 400 {
			h, _ := g.Pick(0, &Want{})
			open = append(open, h)
		}
		for ended := 0; ended < 100_000; {
			at := r.IntN(len(open))
			if index[open[at]] == 1 && r.IntN(10) > 0 { // Weight 2 of 19.
				continue
			}
			ended++
			open[at].Backend.Release()
			open[at], _ = g.Pick(0, &Want{})
			got[index[open[at]]]++
		}
		want := 0.2 / 17.2 // Its weight by its pace.
		if share := float64(got[1]) / float64(sum(got)); share < want/1.25 || share > want*1.25 {
			t.Errorf("%s: a member of weight 2 in 19 that is ten times slower got %.4f of the requests, want about %.4f", algorithm, share, want)
		}
	}
}

// TestLeastConnectionsIsTheLeast: between equal weights it never takes one that has more than another, up to 32 members.
func TestLeastConnectionsIsTheLeast(t *testing.T) {
	for _, n := range []int{2, 3, 32} {
		weights := make([]int, n)
		for i := range weights {
			weights[i] = 5
		}
		list := members(weights...)
		g, r := by(spec.LeastConnections, 1, list), rand.New(rand.NewPCG(1, 2))
		for range 10_000 {
			least := int64(math.MaxInt64)
			for _, m := range list {
				open := r.Int64N(4)
				m.Health.Backend.Open.Store(open)
				least = min(least, open)
			}
			h, _ := g.Pick(0, &Want{})
			if got := h.Backend.Open.Load() - 1; got != least {
				t.Fatalf("of %d members one with %d open was picked, and another had %d", n, got, least)
			}
		}
	}
}

// TestManyLoopsTogether: loops that pick and release at the same time keep to the weights together, and every count
// comes back to 0.
func TestManyLoopsTogether(t *testing.T) {
	const loops, rounds, picks = 6, 500, 20
	for _, algorithm := range algorithms {
		for _, weights := range [][]int{{1, 1}, {1, 2, 3}, mixed(20)} {
			t.Run(fmt.Sprintf("%s/%d", algorithm, len(weights)), func(t *testing.T) {
				list := members(weights...)
				g := by(algorithm, loops, list)
				busy := make([]*busyLoop, loops)
				for i := range busy {
					busy[i] = &busyLoop{g: g, loop: i, rand: rand.New(rand.NewPCG(uint64(i), 3)), picked: map[*backend.Health]int{}}
				}
				for range rounds { // So that no loop is far behind, with what it has open meanwhile.
					var all sync.WaitGroup
					for _, l := range busy {
						all.Go(func() { l.run(picks) })
					}
					all.Wait()
				}
				for i, w := range weights {
					got := 0
					for _, l := range busy {
						got += l.picked[list[i].Health]
					}
					if want := float64(loops*rounds*picks*w) / float64(sum(weights)); math.Abs(float64(got)/want-1) > 0.15 {
						t.Errorf("member %d of weight %d was picked %d times, want about %.0f", i, w, got, want)
					}
				}
				for _, l := range busy {
					l.end(len(l.open))
				}
				for i, m := range list {
					if open := m.Health.Backend.Open.Load(); open != 0 {
						t.Errorf("%d requests are open on member %d when all have ended", open, i)
					}
				}
			})
		}
	}
}

// A busyLoop has more open and less in turn, and what is open ends in any order.
type busyLoop struct {
	g         *Group
	loop, aim int
	rand      *rand.Rand
	open      []*backend.Health
	picked    map[*backend.Health]int
}

func (l *busyLoop) run(picks int) {
	for range picks {
		if len(l.open) >= l.aim {
			l.aim = l.rand.IntN(80)
			l.end(max(len(l.open)-l.aim, min(1, len(l.open))))
		}
		h, _ := l.g.Pick(l.loop, &Want{Hash: l.rand.Uint64(), Hashed: true})
		l.picked[h]++
		l.open = append(l.open, h)
	}
}

func (l *busyLoop) end(n int) {
	for range n {
		i, last := l.rand.IntN(len(l.open)), len(l.open)-1
		l.open[i].Backend.Release()
		l.open[i] = l.open[last]
		l.open = l.open[:last]
	}
}

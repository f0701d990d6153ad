package balance

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
)

// TestLimitsHoldOverLoops has more to send than the members may carry together, and less, in turn.
func TestLimitsHoldOverLoops(t *testing.T) {
	const loops, limit, picks = 8, 3, 3000
	for _, algorithm := range algorithms {
		t.Run(algorithm, func(t *testing.T) {
			list := members(1, 2, 3, 1000, 1)
			g, index := by(algorithm, loops, list), indices(list)
			carried := make([]atomic.Int64, len(list)) // what loops hold, as they see it themselves
			var refused, taken atomic.Int64
			var all sync.WaitGroup
			for loop := range loops {
				all.Go(func() {
					var open []*backend.Health
					for k := range picks {
						runtime.Gosched()
						if len(open) > 0 && k/20%2 == 0 {
							h := open[len(open)-1]
							open = open[:len(open)-1]
							carried[index[h]].Add(-1)
							h.Backend.Release()
							continue
						}
						h, full := g.Pick(loop, &Want{Hash: uint64(k), Hashed: true, Limit: limit})
						if h == nil {
							refused.Add(1)
							if !full {
								t.Error("a pick refused for the limit alone does not say so")
							}
							continue
						}
						if n := carried[index[h]].Add(1); n > limit || full {
							t.Errorf("member %d carries %d of %d, full %v", index[h], n, limit, full)
						}
						taken.Add(1)
						open = append(open, h)
					}
					for _, h := range open {
						carried[index[h]].Add(-1)
						h.Backend.Release()
					}
				})
			}
			all.Wait()
			if refused.Load() == 0 || taken.Load() == 0 {
				t.Errorf("%d picks were refused and %d were not", refused.Load(), taken.Load())
			}
			for i, m := range list {
				if n := m.Health.Backend.Open.Load(); n != 0 {
					t.Errorf("%d are open on member %d at the end", n, i)
				}
			}
		})
	}
}

// TestRoomIsFound: while nobody else picks, nothing is refused until every member is at its limit, in pools of up to
// looks.
func TestRoomIsFound(t *testing.T) {
	for _, algorithm := range algorithms {
		for _, weights := range [][]int{{1}, {1000, 1}, {1, 2, 3}, mixed(9), mixed(40), mixed(looks)} {
			t.Run(fmt.Sprintf("%s/%d", algorithm, len(weights)), func(t *testing.T) {
				const limit = 3
				list := members(weights...)
				g := by(algorithm, 1, list)
				for k := range limit * len(list) {
					h, full := g.Pick(0, &Want{Hash: uint64(k), Hashed: true, Limit: limit})
					if h == nil || full {
						t.Fatalf("pick %d of %d has %v, full %v", k, limit*len(list), h, full)
					}
				}
				for i, m := range list {
					if n := m.Health.Backend.Open.Load(); n != limit {
						t.Errorf("%d are open on member %d", n, i)
					}
				}
				for k := range uint64(100) {
					if h, full := g.Pick(0, &Want{Hash: k, Hashed: true, Limit: limit}); h != nil || !full {
						t.Fatalf("with all at the limit a pick has %v, full %v", h, full)
					}
				}
				last := list[len(list)/2]
				last.Health.Backend.Release()
				if h, full := g.Pick(0, &Want{Hash: 1, Hashed: true, Limit: limit}); h != last.Health || full {
					t.Errorf("the only room is on %s, and a pick has %v, full %v", last.Health.Backend, h, full)
				}
			})
		}
	}
}

// TestRoomInALargePool: a pick looks at no more than looks of its members, which is enough where one in a hundred has
// room, and where only one has sometimes it is not.
func TestRoomInALargePool(t *testing.T) {
	const picks = 2000
	for _, algorithm := range algorithms {
		list := members(mixed(4 * looks)...)
		g := by(algorithm, 1, list)
		refused := func() (n int) {
			for k := range uint64(picks) {
				h, full := g.Pick(0, &Want{Hash: Hash(fmt.Append(nil, k)), Hashed: true, Limit: 1})
				if h == nil {
					n++
				} else {
					h.Backend.Release()
				}
				if full != (h == nil) {
					t.Fatalf("%s: a pick has %v, full %v", algorithm, h, full)
				}
			}
			return n
		}
		for i, m := range list {
			m.Health.Backend.Open.Store(min(1, int64(i%100)))
		}
		if n := refused(); n > 1 {
			t.Errorf("%s: %d of %d picks were refused with room on one in a hundred members", algorithm, n, picks)
		}
		for _, m := range list[1:] {
			m.Health.Backend.Open.Store(1)
		}
		if n := refused(); n < picks/2 || n > picks*9/10 {
			t.Errorf("%s: %d of %d picks were refused with room on one member", algorithm, n, picks)
		}
	}
}

func TestFull(t *testing.T) {
	tests := []struct {
		name    string
		members string // of each: space has room, f is full, a is to be avoided, A both
		limit   int
		picked  bool
		full    bool
	}{
		{"no member", "", 1, false, false},
		{"one with room", " ", 1, true, false},
		{"one that is full", "f", 1, false, true},
		{"one that is full without a limit", "f", 0, true, false},
		{"one to avoid", "a", 1, false, false},
		{"one to avoid that is full", "A", 1, false, false},
		{"one to avoid, one that is full", "af", 1, false, true},
		{"room behind many", "fffafffAffff faAfffff", 1, true, false},
		{"all full but those to avoid", "faffffffaffffffff", 1, false, true},
		{"all to avoid", "aaaaAaaaaaaaaAaaa", 1, false, false},
	}
	for _, tt := range tests {
		for _, algorithm := range algorithms {
			t.Run(tt.name+"/"+algorithm, func(t *testing.T) {
				list := members(mixed(len(tt.members))...)
				var avoid []*backend.Health
				for i, state := range tt.members {
					if state == 'f' || state == 'A' {
						list[i].Health.Backend.Take(0)
					}
					if state == 'a' || state == 'A' {
						avoid = append(avoid, list[i].Health)
					}
				}
				g := by(algorithm, 1, list)
				for hash := range uint64(50) {
					h, full := g.Pick(0, &Want{Hash: hash, Hashed: true, Limit: tt.limit, Avoid: avoid})
					if (h != nil) != tt.picked || full != tt.full {
						t.Fatalf("a pick has %v, full %v", h, full)
					}
					if h != nil {
						h.Backend.Release()
					}
				}
			})
		}
	}
}

// TestSharesBesideAFullMember: what the others get keeps to their weights, also where they are hardly ever drawn.
func TestSharesBesideAFullMember(t *testing.T) {
	for _, algorithm := range algorithms {
		for _, weights := range [][]int{{1000, 100, 200, 300}, {1000, 1, 2, 3}} {
			list := members(weights...)
			list[0].Health.Backend.Open.Store(5)
			g, index, counts := by(algorithm, 1, list), indices(list), make([]int, 4)
			for k := range 30_000 {
				h, _ := g.Pick(0, &Want{Hash: Hash(fmt.Append(nil, k)), Hashed: true, Limit: 5})
				counts[index[h]]++
				h.Backend.Release()
			}
			for i, want := range []int{0, 5_000, 10_000, 15_000} {
				if got := counts[i]; got < want-500 || got > want+500 {
					t.Errorf("%s, weights %v: member %d was picked %d times, want about %d", algorithm, weights, i, got, want)
				}
			}
		}
	}
}

func TestPickAllocatesNothing(t *testing.T) {
	for _, algorithm := range algorithms {
		for _, n := range []int{2, 1000} {
			list := members(mixed(n)...)
			g := by(algorithm, 1, list)
			if n := testing.AllocsPerRun(1000, func() {
				w := Want{Hash: 7, Hashed: true, Limit: 1, Avoid: []*backend.Health{list[0].Health}}
				h, _ := g.Pick(0, &w)
				h.Backend.Release()
			}); n != 0 {
				t.Errorf("%s: a pick costs %v allocations", algorithm, n)
			}
		}
	}
}

package balance

import (
	"fmt"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// mixed are n weights from 1 to 3.
func mixed(n int) []int {
	weights := make([]int, n)
	for i := range weights {
		weights[i] = 1 + i%3
	}
	return weights
}

// BenchmarkPick is a pick and what gives it back, by one loop, with a few requests open on each member.
func BenchmarkPick(b *testing.B) {
	for _, algorithm := range algorithms[:4] {
		for _, n := range []int{2, 1000} {
			for _, limit := range []int{0, 1000} {
				b.Run(fmt.Sprintf("%s/%d/limit=%d", algorithm, n, limit), func(b *testing.B) {
					list := members(mixed(n)...)
					for i, m := range list {
						m.Health.Backend.Open.Store(int64(10 + i%7))
					}
					g := NewGroup(1)
					g.SetMembers(list, Policy{Algorithm: algorithm})
					w := Want{Hashed: true, Limit: limit}
					b.ReportAllocs()
					for b.Loop() {
						w.Hash += 0x9e3779b97f4a7c15
						h, _ := g.Pick(0, &w)
						if h == nil {
							b.Fatal("nothing to pick")
						}
						h.Backend.Release()
					}
				})
			}
		}
	}
}

// BenchmarkPickAllFull is a pick that looks for room as far as picks do and finds none.
func BenchmarkPickAllFull(b *testing.B) {
	for _, algorithm := range algorithms[:4] {
		for _, n := range []int{1000, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", algorithm, n), func(b *testing.B) {
				list := members(mixed(n)...)
				for _, m := range list {
					m.Health.Backend.Open.Store(1)
				}
				g := NewGroup(1)
				g.SetMembers(list, Policy{Algorithm: algorithm})
				w := Want{Hashed: true, Limit: 1}
				b.ReportAllocs()
				for b.Loop() {
					w.Hash++
					if h, full := g.Pick(0, &w); h != nil || !full {
						b.Fatal("there was room")
					}
				}
			})
		}
	}
}

// BenchmarkRefresh is what a verdict costs.
func BenchmarkRefresh(b *testing.B) {
	for _, algorithm := range []string{spec.RoundRobin, spec.SourceHash} {
		for _, n := range []int{2, 9, 1000, 10000} {
			b.Run(fmt.Sprintf("%s/%d", algorithm, n), func(b *testing.B) {
				g := NewGroup(1)
				g.SetMembers(members(mixed(n)...), Policy{Algorithm: algorithm})
				b.ReportAllocs()
				for b.Loop() {
					g.Refresh()
				}
			})
		}
	}
}

func BenchmarkHash(b *testing.B) {
	value := []byte("8a7d6c5b-4e3f-4a2b-9c1d-0e8f7a6b5c4d")
	b.ReportAllocs()
	for b.Loop() {
		Hash(value)
	}
}

package balance

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/affinity"
)

// comesBack is whether a client comes back to a member.
func comesBack(g *Group, m Member) bool {
	h, _ := g.Return(m.Health.Backend.ID, 0)
	if h != nil {
		h.Backend.Release()
	}
	return h == m.Health
}

func TestReturn(t *testing.T) {
	tests := []struct {
		name     string
		weights  []int
		states   string // see stand
		failOpen bool
		want     string // of each member: x takes its clients back; ? does while the group is young
	}{
		{"no member", nil, "", false, ""},
		{"no verdict yet", []int{1, 1}, "??", false, "xx"},
		{"all are healthy", []int{1, 5}, "++", false, "xx"},
		{"one is down", []int{1, 1}, "+-", false, "x."},
		{"one is ejected", []int{1, 1}, "++!", false, "x."},
		{"all are ejected", []int{1, 1}, "+!+!", false, "xx"},
		{"all are down", []int{1, 1}, "--", false, ".."},
		{"all are down and it fails open", []int{1, 1}, "--", true, "xx"},
		{"the first verdict of all", []int{1, 1, 1}, "+?f", false, "x?."},

		{"weight 0 is healthy", []int{1, 0}, "++", false, "xx"},
		{"weight 0 alone is healthy", []int{1, 0}, "-+", false, ".x"},
		{"weight 0 is down", []int{1, 0}, "+-", false, "x."},
		{"weight 0 is ejected", []int{1, 0}, "++!", false, "x."},
		{"weight 0 is unknown beside a healthy one", []int{1, 0, 0}, "+?f", false, "x?."},
		{"weight 0 is unknown like all", []int{1, 0}, "??", false, "xx"},
		{"weight 0 is down like all and it fails open", []int{1, 0}, "--", true, "xx"},
		{"weight 0 is down and it does not fail open while one is up", []int{1, 0}, "+-", true, "x."},
		{"all of weight 0", []int{0, 0, 0}, "+-?", false, "x.x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				list := members(tt.weights...)
				g := NewGroup(1)
				g.SetMembers(list, Policy{FailOpen: tt.failOpen, Affinity: true})
				stand(list, tt.states)
				g.Refresh()
				expect := func(when, want string) {
					synctest.Wait()
					got := ""
					for _, m := range list {
						got += map[bool]string{false: ".", true: "x"}[comesBack(g, m)]
					}
					if got != want {
						t.Errorf("%s clients come back to %q, want %q", when, got, want)
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

// TestWeightZeroIsPickedForNobodyElse although clients come back to it.
func TestWeightZeroIsPickedForNobodyElse(t *testing.T) {
	for _, algorithm := range algorithms {
		list := members(1, 0, 1)
		stand(list, "+++")
		g := NewGroup(1)
		g.SetMembers(list, Policy{Algorithm: algorithm, Affinity: true})
		if got := count(g, 0, 100, list); got[1] != 0 || got[0]+got[2] != 100 {
			t.Errorf("%s: picks went to %v", algorithm, got)
		}
	}
}

// TestReturnElsewhere: a member that left, one of another pool or gateway, and none.
func TestReturnElsewhere(t *testing.T) {
	list := members(1, 1)
	gone, others := list[1], members(1, 1)[1] // of a registry with another key
	g := NewGroup(1)
	g.SetMembers(list[:1:1], Policy{Affinity: true})
	for _, id := range []affinity.ID{gone.Health.Backend.ID, others.Health.Backend.ID, {}} {
		if h, full := g.Return(id, 0); h != nil || full {
			t.Errorf("a client came back to %v, %v", h, full)
		}
	}
	g.SetMembers(list, Policy{Affinity: true})
	if !comesBack(g, gone) {
		t.Error("a client does not come back to the member that came back")
	}
	g.SetMembers(list, Policy{})
	if comesBack(g, gone) {
		t.Error("a client comes back without affinity")
	}
	g.SetMembers(nil, Policy{Affinity: true})
	if comesBack(g, gone) {
		t.Error("a client comes back to a group without members")
	}
}

func TestReturnRespectsTheLimit(t *testing.T) {
	list := members(1, 1)
	g := NewGroup(1)
	g.SetMembers(list, Policy{Affinity: true})
	b := list[1].Health.Backend
	for range 2 {
		if h, full := g.Return(b.ID, 2); h == nil || full {
			t.Fatalf("got %v, %v with %d open", h, full, b.Open.Load())
		}
	}
	if h, full := g.Return(b.ID, 2); h != nil || !full || b.Open.Load() != 2 {
		t.Errorf("got %v, %v, %d open", h, full, b.Open.Load())
	}
}

// TestReturnTakesNobodysTurn: clients that come back do not change how new ones are spread.
func TestReturnTakesNobodysTurn(t *testing.T) {
	list := members(3, 1)
	g := NewGroup(1)
	g.SetMembers(list, Policy{Affinity: true})
	index, turns := map[any]int{list[0].Health: 0, list[1].Health: 1}, [2]int{}
	for i := range 400 {
		turns[index[pick(g, 0)]]++
		for range i % 3 {
			comesBack(g, list[1])
		}
	}
	if turns != [2]int{300, 100} {
		t.Errorf("new clients were spread %v", turns)
	}
}

func BenchmarkReturn(b *testing.B) {
	for _, n := range []int{2, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			list := members(mixed(n)...)
			g := NewGroup(1)
			g.SetMembers(list, Policy{Affinity: true})
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if !comesBack(g, list[i%n]) {
					b.Fatal("nobody came back")
				}
			}
		})
	}
}

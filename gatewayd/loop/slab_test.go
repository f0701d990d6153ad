package loop

import (
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

func TestConnIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(Conn{}); n > 256 {
		t.Errorf("a connection takes %d bytes of slab, want at most 256", n)
	}
	t.Logf("a connection takes %d bytes of slab", unsafe.Sizeof(Conn{}))
}

// TestSlab: every entry is one connection's at a time and found by its index, no two have a generation, and behind a burst
// only a few chunks have memory.
func TestSlab(t *testing.T) {
	var s slab
	r := rand.New(rand.NewPCG(1, 2))
	l := new(Loop)
	type token struct{ index, gen uint32 }
	open, seen, stale := map[*Conn]token{}, map[uint32]bool{}, []token{}
	for _, most := range []int{100, 50_000, 10, 3_000, 0} { // It drifts towards so many.
		for len(open) != most {
			if len(open) < most != (r.IntN(4) == 0) || len(open) == 0 {
				c := s.alloc()
				if _, is := open[c]; is || seen[c.gen] || c.gen == 0 || c.l != nil || s.get(c.index) != c {
					t.Fatalf("entry %d, generation %d was given out, of %d", c.index, c.gen, len(open))
				}
				c.l = l
				open[c], seen[c.gen] = token{c.index, c.gen}, true
				continue
			}
			for c, own := range open {
				s.free(c)
				delete(open, c)
				stale = append(stale, own)
				break
			}
		}
		for _, x := range stale {
			if c := s.get(x.index); c != nil && c.gen == x.gen {
				t.Fatalf("the token of entry %d is not stale", x.index)
			}
		}
		n := 0
		s.each(func(c *Conn) {
			if n++; open[c] != (token{c.index, c.gen}) {
				t.Fatalf("entry %d is among the open ones", c.index)
			}
		})
		memory := len(s.chunks) - len(s.gone)
		if full := len(open)/chunkSize + keepChunks + 1; n != len(open) || s.used != n || most == 0 && memory > full {
			t.Errorf("%d are open, %d used, %d found; %d chunks have memory", len(open), s.used, n, memory)
		}
		if got := slices.IndexFunc(s.gone, func(at int) bool { return s.chunks[at].conns != nil }); got >= 0 {
			t.Errorf("chunk %d is gone and has memory", s.gone[got])
		}
	}
}

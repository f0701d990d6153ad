package backend

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func at(i int) Key {
	return Key{Pool: "p1", Addr: TCP(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 80))}
}

func TestRegistryKeepsWhatIsNamed(t *testing.T) {
	var r Registry
	a, b := r.Health(at(1), "s1"), r.Health(at(1), "s2")
	if a == b || a.Backend != b.Backend || a.Backend != r.Backend(at(1)) {
		t.Fatal("two settings must have two healths of one backend")
	}
	a.Report(result(0, ""))
	r.Retain([]*Health{a, b})

	// A new configuration asks for the same, and for more.
	c := r.Health(at(2), "s1")
	if again := r.Health(at(1), "s1"); again != a || again.Status() != Healthy {
		t.Error("the health did not survive a new configuration")
	}
	r.Retain([]*Health{a, c})
	if again := r.Health(at(1), "s2"); again == b {
		t.Error("a health that was never probed and that no configuration names was kept")
	}
	if n := len(r.Backends()); n != 2 {
		t.Errorf("there are %d backends, want 2", n)
	}
}

func TestRegistryKeepsVerdicts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		dead, tried, fresh := r.Health(at(1), "s1"), r.Health(at(2), "s1"), r.Health(at(3), "s1")
		for i := range 3 {
			dead.Report(result(i, "the connection was refused"))
		}
		tried.Report(result(0, "the connection was refused"))
		r.Retain([]*Health{dead, tried, fresh})
		before := dead.View()
		for range 2 { // Away for less than the time, again and again.
			r.Retain(nil)
			time.Sleep(KeepFor - time.Second)
			r.Sweep()
			if r.Health(at(1), "s1") != dead || r.Health(at(2), "s1") != tried {
				t.Fatal("a health that was named minutes ago was dropped")
			}
			r.Retain([]*Health{dead, tried})
		}
		if after := dead.View(); after != before {
			t.Errorf("the view %+v became %+v", before, after)
		}
		tried.Report(result(1, "the connection was refused"))
		tried.Report(result(2, "the connection was refused"))
		if s := tried.Status(); s != Unhealthy {
			t.Errorf("two failures after one before it was away make it %s, want unhealthy", s)
		}
		if n := len(r.Healths()); n != 2 {
			t.Errorf("there are %d healths, want 2: one was never probed", n)
		}
	})
}

func TestRegistryDropsOldVerdicts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		a, b := r.Health(at(1), "s1"), r.Health(at(2), "s1")
		for _, h := range []*Health{a, b} {
			h.Report(result(0, ""))
		}
		r.Retain([]*Health{a, b})
		time.Sleep(time.Hour)
		r.Retain([]*Health{b})
		time.Sleep(KeepFor / 2)
		r.Health(at(1), "s1") // For a configuration that is discarded: it does not begin the time anew.
		r.Retain([]*Health{b})
		time.Sleep(KeepFor / 2)
		r.Retain([]*Health{b})
		if list := r.Healths(); len(list) != 1 || list[0] != b || len(r.Backends()) != 1 {
			t.Errorf("there are %d healths of %d backends, want one", len(list), len(r.Backends()))
		}
	})
}

// TestRegistryForgetsInTime publishes other targets each minute for hours.
func TestRegistryForgetsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		for i := range 500 {
			h := r.Health(at(i), "s1")
			h.Report(result(i, ""))
			r.Retain([]*Health{h})
			time.Sleep(time.Minute)
			if n := len(r.Healths()); n > 6 {
				t.Fatalf("%d healths are kept of one a minute", n)
			}
		}
	})
}

func TestRegistryKeepsWhatIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		h := r.Health(at(1), "s1")
		h.Report(result(0, ""))
		r.Retain([]*Health{h})
		h.Backend.Open.Add(1)
		r.Retain(nil)
		time.Sleep(2 * KeepFor)
		if again := r.Health(at(1), "s1"); again != h {
			t.Fatal("a target that was made again while its tunnels drain is another backend")
		}
		r.Retain(nil)
		time.Sleep(2 * KeepFor)
		r.Sweep()
		if n := len(r.Healths()); n != 1 {
			t.Fatalf("there are %d healths while a tunnel is open, want 1", n)
		}
		h.Backend.Open.Add(-1)
		r.Sweep()
		if n := len(r.Healths()) + len(r.Backends()); n != 0 {
			t.Errorf("%d entries are left when the last tunnel has ended", n)
		}
		if again := r.Health(at(1), "s1"); again == h || again.Status() != Unknown {
			t.Error("what was dropped came back")
		}
	})
}

func TestRegistryKeepsWhatIsBeingPrepared(t *testing.T) {
	var r Registry
	h := r.Health(at(1), "s1")
	r.Sweep()
	if r.Health(at(1), "s1") != h {
		t.Error("a sweep dropped what a configuration in preparation asked for")
	}
	// The configuration was discarded, and the next Retain says so.
	r.Retain(nil)
	if n := len(r.Healths()); n != 0 {
		t.Errorf("%d healths are left of a configuration that was discarded", n)
	}
}

func TestRetainOfADroppedHealth(t *testing.T) {
	var r Registry
	old := r.Health(at(1), "s1")
	r.Retain(nil)
	r.Retain([]*Health{old})
	if n := len(r.Healths()); n != 0 {
		t.Errorf("a health that was dropped is there again: %d", n)
	}
}

func TestRegistryLists(t *testing.T) {
	var r Registry
	for i := 9; i > 0; i-- {
		r.Health(at(i), "s2")
		r.Health(at(i), "s1")
	}
	r.Health(Key{Pool: "p0", Addr: at(5).Addr}, "s1")
	got := ""
	for _, h := range r.Healths()[:4] {
		got += fmt.Sprintf("%s %s %s; ", h.Backend.Key.Pool, h.Backend, h.Setting)
	}
	if want := "p0 10.0.0.5:80 s1; p1 10.0.0.1:80 s1; p1 10.0.0.1:80 s2; p1 10.0.0.2:80 s1; "; got != want {
		t.Errorf("Healths() begins %s, want %s", got, want)
	}
	if n := len(r.Backends()); n != 10 {
		t.Errorf("there are %d backends, want 10", n)
	}
}

func TestRegistryFromManySides(t *testing.T) {
	var r Registry
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 500 {
				h := r.Health(at(i%7), "s1")
				h.Backend.Open.Add(1)
				r.Retain([]*Health{h})
				r.Sweep()
				h.Backend.Open.Add(-1)
				r.Healths()
			}
		})
	}
	all.Wait()
	r.Retain(nil)
	if n := len(r.Backends()); n != 0 {
		t.Errorf("%d backends are left", n)
	}
}

func BenchmarkRetain(b *testing.B) {
	var r Registry
	named := make([]*Health, 10000)
	for i := range named {
		named[i] = r.Health(at(i), "s1")
	}
	b.ReportAllocs()
	for b.Loop() {
		r.Retain(named)
	}
}

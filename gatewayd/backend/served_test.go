package backend

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// ejectFor is the time for which fail ejects.
const ejectFor = 30 * time.Second

func fail(h *Health, n int) {
	for range n {
		h.Served(false, 5, ejectFor)
	}
	synctest.Wait()
}

func TestServedEjects(t *testing.T) {
	tests := []struct {
		name  string
		steps string // f is a failure, s a success, p a probe that succeeds, x one that fails
		want  bool
	}{
		{"nothing", "", false},
		{"one less than the limit", "ffff", false},
		{"the limit", "fffff", true},
		{"more", "fffffff", true},
		{"a success between", "ffffsffff", false},
		{"a success before", "sssfffff", true},
		{"a success after", "fffffs", true},
		{"a probe between does not count", "ffffpf", true},
		{"a probe after does not end it", "fffffp", true},
		{"probes that fail do not count", "xxffff", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := new(Registry).Health(key, "s1")
				for i, step := range tt.steps {
					switch step {
					case 'f':
						fail(h, 1)
					case 's':
						h.Served(true, 5, ejectFor)
					case 'p':
						h.Report(result(i, ""))
					case 'x':
						h.Report(result(i, "bad"))
					}
				}
				if v := h.View(); v.Ejected.IsZero() == tt.want || h.Standing().Ejected != tt.want {
					t.Errorf("after %q it is ejected until %v, want %v", tt.steps, v.Ejected, tt.want)
				}
				time.Sleep(ejectFor)
				synctest.Wait()
			})
		})
	}
}

func TestServedWithoutLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := new(Registry).Health(key, "s1")
		for range 1000 {
			h.Served(false, 0, ejectFor)
			h.Served(false, 5, 0)
		}
		synctest.Wait()
		if h.Standing().Ejected {
			t.Error("a backend was ejected although the setting does not say so")
		}
	})
}

// TestEjectionLasts holds the time of an ejection to the second, and that failures are counted anew behind it.
func TestEjectionLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := new(Registry).Health(key, "s1")
		h.Report(Result{At: time.Now(), OK: true})
		told := &counter{}
		h.Follow(told)
		for round := range 3 {
			fail(h, 4)
			if h.Standing().Ejected {
				t.Fatalf("round %d: four failures after the last ejection were enough", round)
			}
			fail(h, 1)
			if until := h.View().Ejected; !until.Equal(time.Now().Add(ejectFor)) {
				t.Fatalf("round %d: ejected until %v at %v", round, until, time.Now())
			}
			fail(h, 100) // It is the last one of its pool, and still gets requests.
			time.Sleep(ejectFor - time.Nanosecond)
			synctest.Wait()
			if !h.Standing().Ejected {
				t.Fatalf("round %d: it was back too early", round)
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			if s := h.Standing(); s.Ejected || !s.Since.Equal(time.Now()) || s.Status != Healthy {
				t.Fatalf("round %d: after its time it stands as %+v", round, s)
			}
			if n := int(told.Load()); n != 2*(round+1) {
				t.Fatalf("round %d: the follower heard %d times of it", round, n)
			}
		}
	})
}

func TestManyLoopsEjectOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := new(Registry).Health(key, "s1")
		told := &counter{}
		h.Follow(told)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 1000 {
					h.Served(false, 5, ejectFor)
				}
			})
		}
		all.Wait()
		synctest.Wait()
		if n := told.Load(); n != 1 || !h.Standing().Ejected {
			t.Errorf("8000 failures over 8 loops ejected %d times", n)
		}
		time.Sleep(ejectFor)
		synctest.Wait()
		if n := told.Load(); n != 2 {
			t.Errorf("the follower heard of %d changes when it was back, want 2", n)
		}
	})
}

// TestEjectionsEndByThemselves: the timer of one that was called off is not that of the next.
func TestEjectionsEndByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := new(Registry).Health(key, "s1")
		told := &counter{}
		h.Follow(told)
		fail(h, 5)
		synctest.Wait()
		h.SetEjects(false)
		h.SetEjects(true)
		if n := told.Load(); n != 1 || h.Standing().Ejected {
			t.Fatalf("after %d changes it stands as %+v", n, h.Standing())
		}
		time.Sleep(ejectFor / 2)
		fail(h, 5)
		time.Sleep(ejectFor / 2) // The time of the first ejection, which must not end the second.
		synctest.Wait()
		if !h.Standing().Ejected {
			t.Error("the end of one ejection was that of another")
		}
		time.Sleep(ejectFor / 2)
		synctest.Wait()
		if h.Standing().Ejected {
			t.Error("the second ejection did not end")
		}
	})
}

// TestSetEjects has requests in flight go on with the limit of a setting that ejects no more.
func TestSetEjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := new(Registry).Health(key, "s1")
		told := &counter{}
		h.Follow(told)
		expect := func(when string, ejected bool, heard int) {
			t.Helper()
			synctest.Wait()
			if s := h.Standing(); s.Ejected != ejected || int(told.Load()) != heard {
				t.Fatalf("%s: it stands as %+v, and its follower heard of %d changes, want %d", when, s, told.Load(), heard)
			}
		}
		h.SetEjects(true)
		fail(h, 5)
		expect("as it is at first", true, 1)
		time.Sleep(ejectFor / 2)
		h.SetEjects(false)
		expect("an ejection ends untold", false, 1)
		if since := h.Standing().Since; !since.Equal(time.Now()) {
			t.Errorf("it is back since %v", since)
		}
		fail(h, 100)
		h.SetEjects(false)
		time.Sleep(time.Hour)
		expect("nothing is counted", false, 1)
		h.SetEjects(true)
		fail(h, 4)
		expect("what was before does not count", false, 1)
		h.SetEjects(true)
		fail(h, 1)
		expect("it ejects again", true, 2)
		time.Sleep(ejectFor)
		expect("and for its time", false, 3)
	})
}

// TestSetEjectsBesideLoops: whatever comes in between, at the end nothing is out, and the next failures eject again.
func TestSetEjectsBesideLoops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := new(Registry).Health(key, "s1")
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 2000 {
					h.Served(false, 1, ejectFor)
				}
			})
		}
		all.Go(func() {
			for i := range 2000 {
				h.SetEjects(i%2 == 1)
			}
			h.SetEjects(false)
		})
		all.Wait()
		synctest.Wait()
		if h.Standing().Ejected {
			t.Error("it is ejected although nothing ejects any more")
		}
		h.SetEjects(true)
		fail(h, 5)
		if !h.Standing().Ejected {
			t.Error("five failures do not eject any more")
		}
		time.Sleep(ejectFor)
		synctest.Wait()
		if h.Standing().Ejected {
			t.Error("it did not come back")
		}
	})
}

// TestRegistryDropsEjections: what nobody uses any more keeps no timer, and what is named again soon is still ejected.
func TestRegistryDropsEjections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		h := r.Health(key, "s1")
		told := &counter{}
		h.Follow(told)
		for range 5 {
			h.Served(false, 5, time.Hour)
		}
		synctest.Wait()
		r.Retain(nil)
		time.Sleep(KeepFor - time.Second)
		if again := r.Health(key, "s1"); again != h || !again.Standing().Ejected {
			t.Fatal("a rule that was replaced brought an ejected target back")
		}
		r.Retain(nil)
		time.Sleep(KeepFor)
		r.Sweep()
		if again := r.Health(key, "s1"); again == h {
			t.Fatal("an ejected target was kept for longer than a verdict")
		}
		for range 5 {
			h.Served(false, 5, time.Hour) // By a loop that was late.
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if n := told.Load(); n != 1 {
			t.Errorf("the follower of a dropped health heard of %d changes, want 1", n)
		}
	})
}

func TestServedAllocatesNothing(t *testing.T) {
	h := new(Registry).Health(key, "s1")
	if n := testing.AllocsPerRun(1000, func() {
		h.Served(false, 5, ejectFor)
		h.Served(true, 5, ejectFor)
	}); n != 0 {
		t.Errorf("counting costs %v allocations", n)
	}
}

func BenchmarkServed(b *testing.B) {
	for _, ok := range []bool{true, false} {
		b.Run(fmt.Sprintf("ok=%v", ok), func(b *testing.B) {
			h := new(Registry).Health(key, "s1")
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					h.Served(ok, 1<<30, ejectFor)
				}
			})
		})
	}
}

package loop

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestWheel moves a wheel through time in steps of every size and compares it with a list.
func TestWheel(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 1))
		var w wheel
		now := Time(r.Int64N(1 << 50))
		w.start(now)
		timers := make([]Timer, 40)
		want := make([]Time, len(timers)) // when each is to fire; 0 is not at all
		set := func(i int) {
			at := now + Time(r.Int64N(1<<(20+r.IntN(28))))
			if r.IntN(20) == 0 {
				at = now - 5 // past
			}
			w.set(&timers[i], max(at, 1))
			want[i] = max(at, 1)
		}
		due := func(tm *Timer) {
			for i := range timers {
				if tm != &timers[i] {
					continue
				}
				if want[i] == 0 || want[i] > now {
					t.Fatalf("seed %d: timer %d fired at %d, wanted at %d", seed, i, now, want[i])
				}
				want[i] = 0
			}
			if j := r.IntN(3 * len(timers)); j < len(timers) {
				set(j)
			} else if j < len(timers)*4/3 { // stop another one that may be due in this very slot
				timers[j-len(timers)].at = 0
				w.unlink(&timers[j-len(timers)])
				want[j-len(timers)] = 0
			}
		}
		for range 300 {
			for range r.IntN(4) {
				i := r.IntN(len(timers))
				switch r.IntN(5) {
				case 0:
					timers[i].at = 0
					w.unlink(&timers[i])
					want[i] = 0
				case 1:
					timers[i].at = 0 // as SetDeadline(0) does
					want[i] = 0
				default:
					set(i)
				}
			}
			if next := w.next(); next != 0 && r.IntN(2) == 0 {
				for i, at := range want {
					if at != 0 && (at+1<<tickBits-1)>>tickBits<<tickBits < next && at > now {
						t.Fatalf("seed %d: timer %d is due at %d, but the wheel sleeps until %d", seed, i, at, next)
					}
				}
				now = max(now, next)
			} else {
				now += Time(r.Int64N(1 << (16 + r.IntN(30))))
			}
			w.advance(now, due)
			for i, at := range want {
				if at != 0 && at+2<<tickBits < now {
					t.Fatalf("seed %d: timer %d, wanted at %d, did not fire until %d", seed, i, at, now)
				}
			}
		}
	}
}

func TestGOMAXPROCS(t *testing.T) {
	for loops, want := range map[int]int{1: 4, 2: 6, 4: 10, 8: 18, 16: 34} {
		if got := GOMAXPROCS(loops); got != want {
			t.Errorf("GOMAXPROCS(%d) = %d, want %d", loops, got, want)
		}
	}
}

func BenchmarkTimer(b *testing.B) {
	newWheel := func() *Loop {
		l := &Loop{}
		l.wheel.start(0)
		return l
	}
	fire := func() {}
	b.Run("later", func(b *testing.B) { // the usual case: traffic pushes the deadline back
		b.ReportAllocs()
		l, t, at := newWheel(), Timer{}, Time(time.Second)
		for b.Loop() {
			at += 1000
			l.SetTimer(&t, at, fire)
		}
	})
	b.Run("set and stop", func(b *testing.B) {
		b.ReportAllocs()
		l, t := newWheel(), Timer{}
		for b.Loop() {
			l.SetTimer(&t, Time(time.Minute), fire)
			l.StopTimer(&t)
		}
	})
	b.Run("expire among 10000", func(b *testing.B) {
		b.ReportAllocs()
		l := newWheel()
		timers := make([]Timer, 10000)
		now := Time(0)
		for i := range timers {
			l.SetTimer(&timers[i], Time(i)*Time(time.Millisecond), fire)
		}
		due := func(t *Timer) { l.wheel.set(t, now+Time(10*time.Second)) }
		for b.Loop() {
			now += Time(time.Millisecond)
			l.wheel.advance(now, due)
		}
	})
	// An operation is a second of a million idle timeouts of five minutes that traffic pushes back every minute or so: what
	// is due is looked at once in five minutes.
	b.Run("second of a million", func(b *testing.B) {
		b.ReportAllocs()
		l := newWheel()
		timers := make([]Timer, 1_000_000)
		const timeout = Time(5 * time.Minute)
		now := Time(0)
		for i := range timers {
			l.SetTimer(&timers[i], timeout*Time(i)/Time(len(timers)), fire)
		}
		looks := 0
		due := func(t *Timer) { looks++; l.wheel.set(t, now+timeout) }
		for b.Loop() {
			for range 250 {
				now += Time(4 * time.Millisecond)
				l.wheel.advance(now, due)
			}
		}
		b.ReportMetric(float64(looks)/float64(b.N), "looks/op")
	})
}

package loop

import (
	"testing"
	"testing/synctest"
	"time"
)

// clockOnly is a Kernel that is asked for nothing but the time.
type clockOnly struct {
	Kernel
	start time.Time
}

func (k *clockOnly) Now() Time { return Time(time.Since(k.start)) + 1 }

// TestPace: a loop with much to do lets events gather, one with little does not.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &clockOnly{start: time.Now()}
		l := &Loop{kernel: k, pace: Time(8 * time.Millisecond)}
		l.now = k.Now()
		rests := func(events int) time.Duration {
			l.crowd.n += events
			time.Sleep(time.Duration(crowdTime))
			l.now = k.Now() // A turn that ends the count.
			began := time.Now()
			l.rest()
			return time.Since(began)
		}
		for _, c := range []struct {
			events int
			want   time.Duration
		}{{0, 0}, {crowdEvents - 1, 0}, {crowdEvents, 8 * time.Millisecond}, {10 * crowdEvents, 8 * time.Millisecond}, {3, 0}} {
			if got := rests(c.events); got != c.want {
				t.Errorf("with %d events it rests %s, want %s", c.events, got, c.want)
			}
		}
		rests(crowdEvents)
		time.Sleep(5 * time.Millisecond) // Of work in the turn.
		began := time.Now()
		if l.rest(); time.Since(began) != 0 {
			t.Errorf("it rests %s though the turn took longer than the pace", time.Since(began))
		}
		l.now, l.again = k.Now(), []*Conn{{}}
		if l.rest(); time.Since(began) != 0 {
			t.Error("it rests though a connection waits for its turn")
		}
	})
}

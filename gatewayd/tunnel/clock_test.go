package tunnel

import (
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop/looptest"
)

// A clocked is a rig whose time stands still until the test moves it on.
type clocked struct {
	*rig
	clock *looptest.Clock
	ends  chan error // of peers that were asked to end their side
}

func newClocked(t testing.TB) *clocked {
	t.Helper()
	clock := new(looptest.Clock)
	k, err := clock.Kernel()
	if err != nil {
		t.Fatal(err)
	}
	return &clocked{rig: newRigOn(t, k), clock: clock, ends: make(chan error, 1000)}
}

// at moves the clock to a time since the beginning, and returns when everything has come about that was due by then.
func (r *clocked) at(then time.Duration) {
	r.t.Helper()
	r.clock.Advance(then - r.clock.Gone())
	r.on(func() {})
	r.on(func() {})
}

// after is when a number of a drain's tunnels is told, since the beginning of the last part of it, where n are told in all.
func (r *clocked) after(of Subject, spread time.Duration, number, n int) (d time.Duration) {
	r.on(func() {
		d = time.Duration((float64(number) + r.set.lists[of].phase) / float64(n) * float64(spread) * 7 / 8)
	})
	return d
}

// polite opens tunnels whose clients and backends end their side as soon as they are asked to.
func (r *clocked) polite(n int) {
	r.t.Helper()
	for range n {
		c, s := r.open()
		go func() { r.ends <- answer(c, away, ownClose) }()
		go func() { r.ends <- answer(s, ownClose, replyClose) }()
	}
}

// answer waits for a Close, answers it and waits for the end.
func answer(p *peer, want, reply string) error {
	got := make([]byte, len(want))
	if n, err := io.ReadFull(p.r, got); err != nil || string(got) != want {
		return fmt.Errorf("got % x, want the Close % x: %w", got[:n], want, err)
	}
	if _, err := io.WriteString(p.TCPConn, reply); err != nil {
		return err
	}
	p.CloseWrite()
	if rest, err := io.ReadAll(p.r); err != nil || len(rest) > 0 {
		return fmt.Errorf("got % x behind the Close: %w", rest, err)
	}
	return p.Close()
}

// ended wants n peers to have ended their side, and as many tunnels as that is to be over.
func (r *clocked) ended(tunnels int) {
	r.t.Helper()
	for range 2 * tunnels {
		if err := <-r.ends; err != nil {
			r.t.Fatal(err)
		}
	}
}

// alive wants a tunnel to pass bytes.
func alive(c, s *peer) {
	c.t.Helper()
	c.send(masked)
	s.expect(masked)
	s.send(hello)
	c.expect(hello)
}

// TestCloseIsInTheLastSpread: nobody hears of a drain before the last part of it, then one after the other does, at equal
// distances, and an eighth of that part is left for the last ones to answer.
func TestCloseIsInTheLastSpread(t *testing.T) {
	const n = 16
	for _, c := range []struct {
		name            string
		drain           Drain
		timeout, spread time.Duration
	}{
		{"30s", Drain{Timeout: 30 * time.Second, Spread: 10 * time.Second}, 30 * time.Second, 10 * time.Second},
		{"an hour", Drain{Timeout: time.Hour, Spread: 10 * time.Second}, time.Hour, 10 * time.Second},
		{"an hour, all of it", Drain{Timeout: time.Hour, Spread: 2 * time.Hour}, time.Hour, time.Hour},
		{"what was granted", Drain{Timeout: -1}, 20 * time.Minute, 8 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newClocked(t)
			r.on(func() { r.grant, r.spread = 20*time.Minute, 8*time.Minute })
			r.polite(n)
			const begin = 3 * time.Second
			r.at(begin)
			r.on(func() { r.set.Drain(Subject{Rule: "rule"}, c.drain) })
			for i := range n {
				moment := begin + c.timeout - c.spread + r.after(Subject{Rule: "rule"}, c.spread, i, n)
				r.at(moment - time.Millisecond)
				if got := r.stats(); got.Closed != uint64(i) {
					t.Fatalf("%v before number %d is due, %d were told", time.Millisecond, i, got.Closed)
				}
				r.at(moment + looptest.Late)
				if got := r.stats(); got.Closed != uint64(i+1) {
					t.Fatalf("behind the moment of number %d, %d were told", i, got.Closed)
				}
				r.ended(1)
			}
			until(t, "the last one is gone", func() bool { return r.stats().Open == 0 })
			if left := begin + c.timeout - r.clock.Gone(); left < c.spread/8-looptest.Late {
				t.Errorf("the last one was told %v before the deadline", left)
			}
			if got := r.stats(); got.Cut != 0 {
				t.Errorf("%d were cut", got.Cut)
			}
		})
	}
}

// TestManyDrainsAtOnce: where many subjects are gone at once, each with few tunnels, their Closes are spread all the same.
func TestManyDrainsAtOnce(t *testing.T) {
	const n, spread = 200, time.Hour
	r := newRig(t)
	r.on(func() {
		s := r.set
		var moments []loop.Time
		for i := range n {
			of := Subject{Rule: fmt.Sprint(i)}
			l := s.list(of, ofRule)
			k := s.bare(l)
			s.Drain(of, Drain{Timeout: spread, Spread: spread})
			moments = append(moments, k.account.closeAt-l.start)
			delete(s.lists, of)
		}
		slices.Sort(moments)
		// Of what is left to chance the middle ones are the surest: so far from theirs they are once in a million times.
		for i, want := range map[int]loop.Time{n / 4: loop.Time(spread) * 7 / 32, n / 2: loop.Time(spread) * 7 / 16, n * 3 / 4: loop.Time(spread) * 21 / 32} {
			if off := moments[i] - want; max(off, -off) > loop.Time(spread)/6 {
				t.Errorf("number %d of %d is told after %v, want about %v", i, n, time.Duration(moments[i]), time.Duration(want))
			}
		}
	})
}

// TestCutAtTheDeadline: whoever has not ended by the deadline is cut then, and not before.
func TestCutAtTheDeadline(t *testing.T) {
	const deadline = time.Hour
	for name, do := range map[string]func(r *clocked, c, s *peer) (closed uint64){
		"a frame that never ends": func(r *clocked, c, s *peer) uint64 {
			s.send("\x82\x7e\x10\x00half")
			c.expect("\x82\x7e\x10\x00half")
			return 0
		},
		"a client that is silent within a frame": func(r *clocked, c, s *peer) uint64 {
			c.send(masked[:9])
			s.expect(masked[:9])
			return 1
		},
		"a client that talks on": func(r *clocked, c, s *peer) uint64 {
			r.at(deadline - time.Minute)
			for at := deadline - time.Minute; at < deadline-time.Second; at += 2 * time.Second {
				r.at(at)
				c.send(masked)
				s.expect(masked)
			}
			return 1
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newClocked(t)
			c, s := r.open()
			r.on(func() { r.set.Drain(Subject{Rule: "rule"}, Drain{Timeout: deadline, Spread: 2 * time.Minute}) })
			closed := do(r, c, s)
			r.at(deadline - time.Millisecond)
			if got := r.stats(); got.Open != 1 || got.Cut != 0 || got.Closed != closed {
				t.Fatalf("just before the deadline: %+v", got)
			}
			r.at(deadline + looptest.Late)
			if got := r.stats(); got.Open != 0 || got.Cut != 1 || got.Closed != closed {
				t.Errorf("at the deadline: %+v", got)
			}
		})
	}
}

// TestSilentPeersAreNotWaitedForLong: a client that says nothing to its Close has five seconds, and so has the backend
// behind it.
func TestSilentPeersAreNotWaitedForLong(t *testing.T) {
	r := newClocked(t)
	c, s := r.open()
	r.on(func() { r.set.Drain(Subject{Rule: "rule"}, Drain{Timeout: time.Hour, Spread: time.Hour}) })
	r.at(r.after(Subject{Rule: "rule"}, time.Hour, 0, 1) + looptest.Late)
	c.expect(away)
	told := r.clock.Gone()
	r.at(told + politeTime - looptest.Late)
	r.only(func(tunnel *Tunnel) {
		if tunnel == nil || tunnel.fromClient.drop {
			t.Error("the client was given up too early")
		}
	})
	r.at(told + politeTime + looptest.Late)
	s.bytes(8) // a Close in the client's name
	c.ends()
	c.Close()
	told = r.clock.Gone()
	r.at(told + politeTime - looptest.Late)
	if got := r.stats(); got.Open != 1 {
		t.Errorf("the backend was given up too early: %+v", got)
	}
	r.at(told + politeTime + looptest.Late)
	s.ends()
	s.Close()
	until(t, "the tunnel is gone", func() bool { return r.stats().Open == 0 })
	if got := r.stats(); got.Cut != 0 {
		t.Errorf("%+v", got)
	}
}

// TestReturnWithinTheDrain: what is back just before the first Close keeps all, and within the spread all that were not told
// yet; however much time goes by.
func TestReturnWithinTheDrain(t *testing.T) {
	const n, timeout, spread = 8, time.Hour, 8 * time.Minute
	for name, told := range map[string]int{"before the first one": 0, "within the spread": 3} {
		t.Run(name, func(t *testing.T) {
			r := newClocked(t)
			type pair struct{ c, s *peer }
			var all []pair
			for range n {
				c, s := r.open()
				all = append(all, pair{c, s})
			}
			of := Subject{Backend: r.backend}
			r.on(func() { r.set.Drain(of, Drain{Timeout: timeout, Spread: spread}) })
			// The walk begins with the newest.
			slices.Reverse(all)
			for i := range told {
				r.at(timeout - spread + r.after(of, spread, i, n) + looptest.Late)
				go func() { r.ends <- answer(all[i].c, away, ownClose) }()
				go func() { r.ends <- answer(all[i].s, ownClose, replyClose) }()
				r.ended(1)
			}
			back := timeout - spread + r.after(of, spread, told, n) - time.Millisecond
			r.at(back)
			r.on(func() { r.set.Keep(of) })
			for i := range 12 {
				r.at(back + time.Duration(i)*time.Hour)
			}
			for _, p := range all[told:] {
				alive(p.c, p.s)
			}
			if got := r.stats(); got.Open != n-told || got.Closed != uint64(told) || got.Cut != 0 {
				t.Errorf("%+v", got)
			}
			for _, p := range all[told:] {
				p.c.Close()
				p.s.Close()
			}
		})
	}
}

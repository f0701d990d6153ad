package tunnel

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/ws"
	"github.com/google/go-cmp/cmp"
)

// drain ends the rig's tunnels within a time.
func (r *rig) drain(within time.Duration) {
	r.on(func() { r.set.Drain(Subject{Rule: "rule"}, Drain{Timeout: within}) })
}

// close drains the rig's tunnels with much time, and lets the moment of their Closes come.
func (r *rig) close() {
	r.t.Helper()
	r.drain(time.Hour)
	r.due()
}

// The whole polite end: Close to the client, its bytes until its own Close to the backend, the backend's swallowed.
func TestPoliteEnd(t *testing.T) {
	r := newRig(t)
	c, s := r.open()
	s.send(hello)
	c.expect(hello)
	r.close()
	c.expect(away)
	s.send(hello) // nobody reads it any more
	c.send(masked)
	s.expect(masked)
	c.send(ownClose)
	s.expect(ownClose)
	s.send(replyClose)
	s.Close()
	c.ends()
	c.Close()
	until(t, "the tunnel is gone", func() bool { return r.stats().Open == 0 })
	if got := r.stats(); got.Closed != 1 || got.Cut != 0 {
		t.Errorf("%+v", got)
	}
}

// The Close waits for the end of a frame, behind whatever is queued, spliced bytes included.
func TestCloseAtABoundary(t *testing.T) {
	const size = 8 << 20
	for _, half := range []int{24, 1000, 5 << 20} {
		t.Run(fmt.Sprint(half), func(t *testing.T) {
			r := newRig(t)
			c, s := r.open()
			frame := string(ws.AppendHeader(nil, 0x82, size, nil)) + strings.Repeat("x", size)
			sent := make(chan bool)
			go func() {
				s.send(frame[:half])
				<-sent
				s.send(frame[half:], hello, "\x82\x7f")
				sent <- true
			}()
			c.expect(frame[:half/2])
			r.drain(time.Hour)
			r.due()
			until(t, "the Close is due", func() bool {
				due := false
				r.only(func(t *Tunnel) { due = t.flags&(closeWanted|closeSent) == closeWanted })
				return due
			})
			c.expect(frame[half/2 : half])
			sent <- true
			c.expect(frame[half:])
			c.expect(away)
			<-sent
			c.send(ownClose)
			s.expect(ownClose)
			c.ends()
			s.Close()
			c.Close()
		})
	}
}

// A tunnel whose backend never comes to a boundary is cut at the deadline, and counted.
func TestNoBoundary(t *testing.T) {
	r := newRig(t)
	c, s := r.open()
	s.send("\x82\x7e\x10\x00half")
	c.expect("\x82\x7e\x10\x00half")
	r.drain(50 * time.Millisecond)
	if rest, err := io.ReadAll(c.r); err == nil {
		t.Errorf("the client saw an end and %q", rest)
	}
	if got := r.stats(); got.Closed != 0 || got.Cut != 1 {
		t.Errorf("%+v", got)
	}
}

// For a silent client the gateway closes towards the backend itself, masked.
func TestSilentClient(t *testing.T) {
	r := newRig(t)
	c, s := r.open()
	c.send(masked)
	s.expect(masked)
	r.close()
	c.expect(away)
	r.due() // five seconds later
	head := make([]byte, 8)
	if _, err := io.ReadFull(s.r, head); err != nil {
		t.Fatal(err)
	}
	if head[0] != 0x88 || head[1] != 0x82 || head[2]^head[6] != 0x03 || head[3]^head[7] != 0xe9 {
		t.Errorf("the backend got % x", head)
	}
	c.ends()
	s.send(replyClose)
	s.Close()
	c.Close()
}

// A held back part of a header is no obstacle, and is not sent behind the Close.
func TestCloseBeforeAPartOfAHeader(t *testing.T) {
	r := newRig(t)
	c, s := r.open()
	s.send(hello, "\x82\x7e\x01")
	c.expect(hello)
	until(t, "the part is held", func() bool {
		held := false
		r.only(func(t *Tunnel) { held = t.fromBackend.n == 3 })
		return held
	})
	r.close()
	c.expect(away)
	s.Close()
	c.ends()
	c.Close()
}

// Every tunnel of a subject gets its own moment within the last part of the time.
func TestSpread(t *testing.T) {
	r := newRig(t)
	const n = 50
	for range n {
		r.open()
	}
	r.drain(time.Hour)
	r.drain(40 * time.Minute) // a second drain replaces the first
	r.on(func() {
		l := r.set.lists[Subject{Rule: "rule"}]
		if l.n != n || l.visited != n {
			t.Errorf("%d of %d tunnels were visited", l.visited, l.n)
		}
		want := l.start + loop.Time(40*time.Minute)
		for k := l.first; k != nil; k = k.links[ofRule].next {
			if k.deadline != want {
				t.Fatalf("the deadline is %v off", time.Duration(k.deadline-want))
			}
		}
	})
	moments := func(d Drain) []time.Duration {
		var got []time.Duration
		for i := range 4 {
			got = append(got, time.Duration(d.by(&Tunnel{account: &account{grant: 8 * time.Second, spread: 4 * time.Second}}).moment(0, float64(i)/4)).Round(time.Millisecond))
		}
		return got
	}
	for _, c := range []struct {
		d    Drain
		want []time.Duration
	}{
		{Drain{Timeout: 100 * time.Second, Spread: 10 * time.Second}, []time.Duration{90 * time.Second, 92187500 * time.Microsecond, 94375 * time.Millisecond, 96562500 * time.Microsecond}},
		{Drain{Timeout: -1}, []time.Duration{4 * time.Second, 4875 * time.Millisecond, 5750 * time.Millisecond, 6625 * time.Millisecond}},
		{Drain{Timeout: 8 * time.Second, Spread: time.Minute}, []time.Duration{0, 1750 * time.Millisecond, 3500 * time.Millisecond, 5250 * time.Millisecond}},
		{Drain{Timeout: 8 * time.Second, Spread: 8 * time.Second}, []time.Duration{0, 1750 * time.Millisecond, 3500 * time.Millisecond, 5250 * time.Millisecond}},
		{Drain{Timeout: 8 * time.Second}, []time.Duration{8 * time.Second, 8 * time.Second, 8 * time.Second, 8 * time.Second}},
	} {
		for i := range c.want {
			c.want[i] = c.want[i].Round(time.Millisecond)
		}
		if d := cmp.Diff(c.want, moments(c.d)); d != "" {
			t.Errorf("%+v (-want +got):\n%s", c.d, d)
		}
	}
	r.on(func() { r.set.Keep(Subject{Rule: "rule"}) })
	r.only(func(first *Tunnel) {
		for k := first; k != nil; k = k.links[ofRule].next {
			if k.deadline != 0 {
				t.Fatalf("a kept tunnel has a deadline")
			}
		}
	})
}

// TestALongShutdown: the Closes of a shutdown come though it lasts longer than other drains may.
func TestALongShutdown(t *testing.T) {
	r := newClocked(t)
	r.polite(4)
	r.on(func() { r.set.Shutdown(Drain{Timeout: 3 * time.Hour, Spread: 10 * time.Second}) })
	r.at(3*time.Hour - 11*time.Second)
	if got := r.stats(); got.Closed != 0 || got.Open != 4 {
		t.Errorf("before the last part of it: %+v", got)
	}
	r.at(3*time.Hour - time.Second)
	if got := r.stats(); got.Closed != 4 {
		t.Errorf("in the last part of it %d were told", got.Closed)
	}
}

// Two drains of one tunnel: the earlier one counts, and cancelling it leaves the other.
func TestTwoDrains(t *testing.T) {
	r := newRig(t)
	r.on(func() { r.grant = 10 * time.Minute })
	r.open()
	in := func() (d time.Duration) {
		r.on(func() {
			if t := r.set.lists[Subject{Rule: "rule"}].first; t.deadline != 0 {
				d = time.Duration(t.deadline - r.l.Now()).Round(time.Minute)
			}
		})
		return d
	}
	r.on(func() { r.set.Drain(Subject{Listener: "listener"}, Drain{Timeout: time.Hour}) })
	if got := in(); got != time.Hour {
		t.Errorf("the deadline is in %v", got)
	}
	r.on(func() { r.set.Drain(Subject{Backend: r.backend}, Drain{Timeout: -1}) })
	if got := in(); got != 10*time.Minute {
		t.Errorf("the deadline is in %v", got)
	}
	r.on(func() { r.set.Keep(Subject{Backend: r.backend}) })
	if got := in(); got != time.Hour {
		t.Errorf("the deadline is in %v", got)
	}
	r.on(func() { r.set.Drain(Subject{Health: r.health}, Drain{Timeout: 20 * time.Minute}) })
	if got := in(); got != 20*time.Minute {
		t.Errorf("the deadline is in %v", got)
	}
	r.on(func() { r.set.Keep(Subject{Health: r.health}) })
	if got := in(); got != time.Hour {
		t.Errorf("the deadline is in %v", got)
	}
	r.on(func() { r.set.Keep(Subject{Listener: "listener"}) })
	if got := in(); got != 0 {
		t.Errorf("the deadline is in %v", got)
	}
}

// A tunnel that was routed before its rule went and begins afterwards drains like the others.
func TestLateTunnel(t *testing.T) {
	r := newRig(t)
	r.drain(0)
	c, s := r.open()
	c.expect(away)
	c.ends()
	c.Close()
	s.Close()
}

func TestShutdown(t *testing.T) {
	r := newRig(t)
	c, s := r.open()
	r.on(func() { r.set.Shutdown(Drain{Timeout: 20 * time.Millisecond}) })
	c.expect(restart)
	late, other := r.open()
	late.expect(restart)
	for _, p := range []*peer{c, s, late, other} {
		p.Close()
	}
}

// A backend that resets behind our Close does not destroy it.
func TestBackendResetsBehindClose(t *testing.T) {
	r := newRig(t)
	c, s := r.open()
	s.send(hello)
	c.expect(hello)
	r.close()
	until(t, "the Close is sent", func() bool { return r.stats().Closed == 1 })
	s.reset()
	c.expect(away)
	c.send(ownClose)
	c.ends()
	c.Close()
}

// A deadline is a promise: no peer that is slow to close keeps a tunnel beyond it.
func TestDeadlineCuts(t *testing.T) {
	for name, do := range map[string]func(r *rig, c, s *peer){
		"a client that talks on": func(r *rig, c, s *peer) {
			c.send(masked)
			s.expect(masked)
		},
		"a silent client": func(r *rig, c, s *peer) {},
		"a client within a frame": func(r *rig, c, s *peer) {
			c.send(masked, masked[:9])
			s.expect(masked + masked[:9])
			r.due() // five seconds later
		},
		"a backend that does not answer the Close": func(r *rig, c, s *peer) {
			c.send(ownClose)
			s.expect(ownClose)
			c.ends()
		},
		"a backend that does not answer our Close": func(r *rig, c, s *peer) {
			r.due() // five seconds later
			s.bytes(8)
			c.ends()
		},
		"a client that does not answer its Close, of a gone backend": func(r *rig, c, s *peer) {
			s.reset()
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c, s := r.open()
			s.send(hello)
			c.expect(hello)
			r.close()
			c.expect(away)
			do(r, c, s)
			if n := r.stats().Open; n != 1 {
				t.Fatalf("%d tunnels are open", n)
			}
			// An earlier drain of something else ends it, too.
			r.on(func() { r.set.Drain(Subject{Listener: "listener"}, Drain{Timeout: 20 * time.Millisecond}) })
			until(t, "the tunnel is gone", func() bool { return r.stats().Open == 0 })
			if got := r.stats(); got.Closed != 1 || got.Cut != 1 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// Without any time both peers are told by a Close where it can stand, and nobody's answer is waited for.
func TestNoTime(t *testing.T) {
	r := newRig(t)
	c, s := r.open()
	c.send(masked)
	s.expect(masked)
	r.drain(0)
	c.expect(away)
	c.ends()
	head := s.bytes(8)
	if head[0] != 0x88 || head[1] != 0x82 || head[2]^head[6] != 0x03 || head[3]^head[7] != 0xe9 {
		t.Errorf("the backend got % x", head)
	}
	s.ends()
	c.Close()
	s.Close()
	until(t, "the tunnel is gone", func() bool { return r.stats().Open == 0 })
	if got := r.stats(); got.Closed != 1 || got.Cut != 1 {
		t.Errorf("%+v", got)
	}
}

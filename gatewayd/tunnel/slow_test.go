package tunnel

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/ws"
)

// TestIdleTimeoutOfALongPayload: a payload that is spliced, or taken slowly, is told of only when it is over; it keeps its
// tunnel from being idle all the same.
func TestIdleTimeoutOfALongPayload(t *testing.T) {
	const part = 16 << 20 // More than the systems between hold.
	r := newRig(t)
	r.on(func() { r.limits.Idle, r.limits.Write = time.Hour, time.Hour })
	c, s := r.open()
	go func() {
		_ = c.SetDeadline(time.Now().Add(patience))
		head := ws.AppendHeader(nil, 0x82, 8*part, new([4]byte))
		for b := head; ; b = zeros {
			if _, err := c.Write(b); err != nil {
				return // The test is over.
			}
		}
	}()
	for range 6 {
		until(t, "the backend is waited for", func() (waits bool) {
			r.only(func(t *Tunnel) { waits = t.backend.Queued() > 0 })
			return waits
		})
		r.only(func(t *Tunnel) {
			t.look()
			t.account.stirred = r.l.Now() - loop.Time(2*time.Hour)
		})
		if _, err := io.CopyN(io.Discard, s.r, part); err != nil {
			t.Fatal(err)
		}
		over := false
		r.only(func(t *Tunnel) {
			if t != nil {
				t.moment() // By a timer it might come as late as in the next round.
			}
			over = t == nil || t.flags&(closeWanted|ended) != 0
		})
		if over {
			t.Fatal("it was ended in the midst of a payload that passes")
		}
	}
	c.reset()
	_ = s.Close()
}

// TestIdleTimeoutOfASlowReader: a reader that takes a little of what waits in the system is not idle, one that takes nothing
// is.
func TestIdleTimeoutOfASlowReader(t *testing.T) {
	r := newRig(t)
	r.on(func() { r.limits.Idle, r.limits.Write = time.Hour, 10*time.Hour })
	c, s := r.open()
	go func() {
		_ = s.SetDeadline(time.Now().Add(patience))
		for {
			if _, err := s.Write([]byte(frame(0x82, 1000, false))); err != nil {
				return // The tunnel is over.
			}
		}
	}()
	waits := func() (left int) {
		r.only(func(t *Tunnel) {
			if t != nil && t.client.Queued() > 0 {
				left = t.client.Unsent()
			}
		})
		return left
	}
	before, same := 0, 0
	until(t, "the system takes no more", func() bool {
		if n := waits(); n != before || n == 0 {
			before, same = n, 0
		}
		same++
		return same > 50
	})
	// rests pretends that nothing passed for two hours, but for what the system took meanwhile.
	rests := func(t *Tunnel, seen int) {
		then := r.l.Now() - loop.Time(2*time.Hour)
		t.client.Took()
		t.account.stirred, t.account.waiting[toClient] = then, stalled{seen, then}
	}
	idle := func(seen int) bool {
		r.only(func(t *Tunnel) { rests(t, seen) })
		return r.look(Page{Which: Which{IdleFor: time.Hour}, Limit: 1}).Meant > 0
	}
	if idle(waits() + 1) {
		t.Error("a reader that took a little is seen as idle")
	}
	until(t, "it is seen as idle", func() bool { return idle(waits()) }) // The system may have taken a last little meanwhile.
	rested := func(seen int) (ends bool) {
		r.only(func(t *Tunnel) {
			if t == nil || t.account.waiting == nil {
				return // Nothing waits, or it is over.
			}
			rests(t, seen)
			t.moment()
		})
		r.only(func(t *Tunnel) { ends = t == nil || t.flags&(closeWanted|ended) != 0 })
		return ends
	}
	if rested(waits() + 1) {
		t.Fatal("a reader that took a little was taken for idle")
	}
	// The system may have taken a last little meanwhile.
	until(t, "it is idle", func() bool { return rested(waits()) })
	c.reset()
	_ = s.Close()
}

// TestStallBehindASplice: while a payload is spliced its taker is looked after, also when it had taken all at one time.
func TestStallBehindASplice(t *testing.T) {
	r := newRig(t)
	r.on(func() { r.limits.Write = time.Hour })
	c, s := r.open()
	r.only(func(t *Tunnel) {
		t.stall()
		t.fromBackend.splicing = true
		t.stalled()
		if t.flags&stalling == 0 {
			r.t.Error("nobody looks after whoever takes the rest of the payload")
		}
		t.fromBackend.splicing = false
		t.stalled()
		if t.flags&stalling != 0 {
			r.t.Error("it is looked after though nothing waits")
		}
	})
	c.reset()
	_ = s.Close()
}

// TestCloseBehindAStall: that a peer was slow once does not shorten the time that its Close leaves for what is still said.
func TestCloseBehindAStall(t *testing.T) {
	r := newRig(t)
	r.on(func() { r.limits.Write = time.Millisecond })
	c, s := r.open()
	var stalled loop.Time
	r.only(func(t *Tunnel) {
		t.stall()
		t.expire(meter.ByLimit, ws.CodeGoingAway)
		stalled = r.l.Now()
	})
	c.expect(closing(1001))
	until(t, "the time of the stall is over", func() (over bool) {
		r.on(func() { over = r.l.Now() > stalled+loop.Time(20*time.Millisecond) })
		return over
	})
	said := strings.Repeat(masked, 3)
	c.send(said, ownClose)
	s.expect(said + ownClose)
	_ = s.Close()
	c.ends()
	_ = c.Close()
}

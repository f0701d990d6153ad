package resolve

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/dnstest"
)

func TestSeveralAddresses(t *testing.T) {
	r := newRig(t, steady, nil)
	r.dns.Set("web.test", 60, "10.0.0.9", "2001:db8::2", "10.0.0.1", "127.0.0.1", "10.0.0.1", "::ffff:10.0.0.7", "fd00::1")
	before := time.Now()
	r.settle("Web.TEST")
	r.expect("wEB.test", "10.0.0.1 10.0.0.7 10.0.0.9 127.0.0.1 2001:db8::2 fd00::1", "")
	a := r.Lookup("wEB.test")
	if a.Since.Before(before) || a.Since.After(time.Now()) {
		t.Errorf("the addresses changed at %s", a.Since)
	}
	if n := r.dns.Asked("web.test"); n != 2 {
		t.Errorf("%d questions were asked, want one a family", n)
	}
}

// TestTimesToLive: a name is looked up again within its time to live, and not much earlier.
func TestTimesToLive(t *testing.T) {
	r := newRig(t, steady, nil)
	var names []string
	lives := map[uint32]time.Duration{0: time.Second, 1: time.Second, 30: 30 * time.Second, 300: 5 * time.Minute, 86400: 5 * time.Minute, 1 << 31: time.Second}
	for ttl := range lives {
		name := fmt.Sprint("ttl", ttl, ".test")
		r.dns.Set(name, ttl, "10.0.0.1")
		names = append(names, name)
	}
	before := time.Now()
	r.settle(names...)
	after := time.Now()
	for ttl, live := range lives {
		next := r.Lookup(fmt.Sprint("ttl", ttl, ".test")).Next
		if next.Before(before.Add(live-live/10)) || next.After(after.Add(live)) && ttl > 1 {
			t.Errorf("with a time to live of %ds the name is looked up again after %s, want %s at most", ttl, next.Sub(before), live)
		}
	}
}

func TestChangeIsSeenWithinItsTimeToLive(t *testing.T) {
	r := newRig(t, steady, nil)
	r.dns.Set("web.test", 1, "10.0.0.1")
	r.settle("web.test")
	was := r.Lookup("web.test")
	r.dns.Set("web.test", 300, "10.0.0.2", "10.0.0.1")
	r.expect("web.test", "10.0.0.1 10.0.0.2", "")
	if late := was.Next.Sub(was.Since); late > time.Second {
		t.Errorf("a name with a time to live of 1s was looked up again after %s", late)
	}
	if words(was) != "10.0.0.1" {
		t.Errorf("an answer that was given away became %s", words(was))
	}
	r.until("two calls of Changed", func() bool { return r.changed("web.test") == 2 })
}

// TestOrderIsNoChange has a server that answers round robin.
func TestOrderIsNoChange(t *testing.T) {
	r := newRig(t, brisk, nil)
	var turn atomic.Int64
	r.dns.Set("web.test", 0, "10.0.0.1", "10.0.0.2", "10.0.0.3")
	r.dns.Fail("web.test", dnstest.Fault{Edit: func(m *dns.Msg) {
		if len(m.Answer) == 3 {
			n := int(turn.Add(1)) % 3
			m.Answer = append(m.Answer[n:len(m.Answer):len(m.Answer)], m.Answer[:n]...)
		}
	}})
	r.settle("web.test")
	was := r.Lookup("web.test")
	r.again("web.test", 12)
	if is := r.Lookup("web.test"); !is.Since.Equal(was.Since) || words(is) != "10.0.0.1 10.0.0.2 10.0.0.3" {
		t.Errorf("a change of order counts as one: %+v", is)
	}
	if n := r.changed("web.test"); n != 1 {
		t.Errorf("Changed was called %d times, want once", n)
	}
}

func TestTooManyAddresses(t *testing.T) {
	r := newRig(t, steady, nil)
	var addrs []string
	for i := range 1500 {
		addrs = append(addrs, fmt.Sprintf("10.0.%d.%d", i/250, i%250))
	}
	r.dns.Set("web.test", 60, addrs...)
	r.settle("web.test")
	a := r.Lookup("web.test")
	if len(a.Addrs) != 1000 || a.Addrs[999] != netip.MustParseAddr("10.0.3.249") {
		t.Errorf("there are %d addresses", len(a.Addrs))
	}
	if text := r.log.String(); !strings.Contains(text, "number=500") {
		t.Errorf("the log does not say that addresses were left out:\n%s", text)
	}
}

// TestForgottenNamesAreNotAskedFor: Sync takes names away, also while they are looked up.
func TestForgottenNamesAreNotAskedFor(t *testing.T) {
	r := newRig(t, brisk, nil)
	for _, name := range []string{"a.test", "b.test", "hung.test"} {
		r.dns.Set(name, 0, "10.0.0.1")
	}
	r.dns.Fail("hung.test", dnstest.Fault{Silent: true})
	r.Sync([]string{"a.test", "b.test", "hung.test"})
	r.Await(t.Context(), []string{"a.test", "b.test"})
	r.again("a.test", 4)
	r.Sync([]string{"b.test"})
	r.Await(t.Context(), []string{"a.test", "hung.test"}) // Nobody waits for what is not wanted.
	if a := r.Lookup("a.test"); a.Known || a.Addrs != nil {
		t.Errorf("of a forgotten name is known: %+v", a)
	}
	r.again("b.test", 4) // What was under way has come.
	a, hung := r.dns.Asked("a.test"), r.dns.Asked("hung.test")
	r.again("b.test", 40)
	if n, m := r.dns.Asked("a.test")-a, r.dns.Asked("hung.test")-hung; n > 0 || m > 0 {
		t.Errorf("%d and %d questions were asked for names that are not wanted any more", n, m)
	}
	r.settle("a.test", "b.test")
	r.expect("a.test", "10.0.0.1", "")
}

func TestAwait(t *testing.T) {
	r := newRig(t, steady, nil)
	r.dns.Fail("", dnstest.Fault{Silent: true})
	r.Sync([]string{"hung.test", "10.0.0.1"})
	r.Await(t.Context(), []string{"10.0.0.1", "never.test"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.Await(ctx, []string{"hung.test"})
	var waiting sync.WaitGroup
	waiting.Go(func() { r.Await(context.Background(), []string{"hung.test"}) })
	r.until("a question", func() bool { return r.dns.Asked("hung.test") == 2 })
	r.Close()
	waiting.Wait()
	r.Sync([]string{"late.test"})
	r.Await(t.Context(), []string{"late.test"})
	if n := r.dns.Asked("late.test"); n > 0 || r.Lookup("late.test").Known {
		t.Error("a closed resolver looks names up")
	}
}

// TestChangedMayCallBack: a call of Changed sees the change, may ask for other names, and is never beside another.
func TestChangedMayCallBack(t *testing.T) {
	var r *rig
	var inside, calls atomic.Int64
	ready := make(chan struct{})
	names := []string{"n0.test"}
	r = newRig(t, brisk, func(c *Config) {
		c.Changed = func(name string) {
			<-ready
			if inside.Add(1) > 1 {
				t.Error("two calls at once")
			}
			defer inside.Add(-1)
			calls.Add(1)
			if a := r.Lookup(name); words(a) != "10.0.0.1" {
				t.Errorf("%s is told to have changed and has [%s]", name, words(a))
			}
			if len(names) < 20 {
				names = append(names, fmt.Sprintf("n%d.test", len(names)))
				r.Sync(names)
			}
		}
	})
	for i := range 20 {
		r.dns.Set(fmt.Sprintf("n%d.test", i), 60, "10.0.0.1")
	}
	r.Sync(names)
	close(ready)
	r.until("a call for each name", func() bool { return calls.Load() == 20 })
}

// TestChangedIsPatient: what changes while a call of Changed lasts is told once, and not at all where nobody wants to
// know it any more.
func TestChangedIsPatient(t *testing.T) {
	var r *rig
	begun, goOn := make(chan struct{}), make(chan struct{})
	r = newRig(t, brisk, func(c *Config) {
		c.Changed = func(name string) {
			r.note(name)
			if name == "10.0.0.1" {
				close(begun)
				<-goOn
			}
		}
	})
	r.dns.Set("web.test", 0, "10.0.0.1")
	r.dns.Set("gone.test", 0, "10.0.0.1")
	r.Sync([]string{"10.0.0.1"})
	<-begun
	r.settle("web.test", "gone.test")
	for _, addr := range []string{"10.0.0.2", "10.0.0.3"} {
		r.dns.Set("web.test", 0, addr)
		r.expect("web.test", addr, "")
	}
	r.settle("web.test", "10.0.0.2")
	close(goOn)
	r.until("a call for the last change", func() bool { return r.changed("10.0.0.2") == 1 })
	if web, gone := r.changed("web.test"), r.changed("gone.test"); web != 1 || gone != 0 {
		t.Errorf("Changed was called %d and %d times, want once and never", web, gone)
	}
}

// TestClose ends look-ups of every sort: answered, waiting, hanging, over TCP.
func TestClose(t *testing.T) {
	r := newRig(t, steady, nil)
	names := []string{"good.test", "localhost", "10.0.0.1", "cut.test"}
	r.dns.Set("good.test", 0, "10.0.0.1")
	r.dns.Set("cut.test", 0, "10.0.0.1")
	r.dns.Fail("cut.test", dnstest.Fault{Truncated: true, Delay: 3 * time.Second})
	r.dns.Fail("", dnstest.Fault{Silent: true})
	r.dns.Fail("good.test", dnstest.Fault{})
	for i := range 200 {
		names = append(names, fmt.Sprintf("hung%d.test", i))
	}
	r.Sync(names)
	r.Await(t.Context(), names[:2])
	r.until("questions", func() bool { return r.dns.Asked("") > maxFresh && r.dns.Asked("cut.test") > 0 })
	r.Close()
	r.mu.Lock()
	calls := len(r.changes)
	r.mu.Unlock()
	if left := goroutines(); left != "" {
		t.Errorf("the resolver is closed and left goroutines:\n%s", left)
	}
	r.dns.Set("good.test", 0, "10.0.0.2")
	if a := r.Lookup("good.test"); words(a) != "10.0.0.1" {
		t.Errorf("what was known is [%s] now", words(a))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.changes) != calls {
		t.Error("Changed was called after Close")
	}
}

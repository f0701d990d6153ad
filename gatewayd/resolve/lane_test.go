package resolve

import (
	"fmt"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/dnstest"
)

// TestHundredsOfNames are looked up, again and again, and only so many at once.
func TestHundredsOfNames(t *testing.T) {
	r := newRig(t, steady, nil)
	r.dns.Fail("", dnstest.Fault{Delay: 5 * time.Millisecond})
	var names []string
	for i := range 800 {
		names = append(names, fmt.Sprintf("n%d.test", i))
		r.dns.Set(names[i], uint32(i%3), fmt.Sprintf("10.0.%d.%d", i/250, i%250), fmt.Sprintf("fd00::%x", i+1))
	}
	r.settle(names...)
	for i, name := range names {
		r.expect(name, fmt.Sprintf("10.0.%d.%d fd00::%x", i/250, i%250, i+1), "")
	}
	for i, name := range names {
		r.dns.Set(name, 60, fmt.Sprintf("10.1.%d.%d", i/250, i%250))
	}
	for i, name := range names {
		r.expect(name, fmt.Sprintf("10.1.%d.%d", i/250, i%250), "")
	}
	if n, most := r.dns.Busiest(), families*maxLooks; n > most {
		t.Errorf("%d questions were under way at once, want %d at most", n, most)
	}
}

// TestHangingNamesDelayNobody has names for which no server answers, for longer than any test waits, more than there is
// room for: others are found and followed beside them.
func TestHangingNamesDelayNobody(t *testing.T) {
	p := brisk
	p.patience, p.timeout, p.longest = time.Second/2, time.Hour, time.Hour
	r := newRig(t, p, nil)
	r.dns.Set("old.test", 0, "10.0.0.1")
	r.dns.Set("new.test", 0, "10.0.0.1")
	r.settle("old.test")
	r.dns.Fail("", dnstest.Fault{Silent: true})
	r.dns.Fail("old.test", dnstest.Fault{})
	r.dns.Fail("new.test", dnstest.Fault{})
	names := []string{"old.test"}
	for i := range 2 * (maxFresh + maxSilent) {
		names = append(names, fmt.Sprintf("hung%d.test", i))
	}
	r.Sync(names)
	r.until("all places taken", func() bool { return len(r.lanes.silent) == maxSilent })
	r.Sync(append(names, "new.test"))
	r.expect("new.test", "10.0.0.1", "")
	r.dns.Set("new.test", 0, "10.0.0.2")
	r.dns.Set("old.test", 0, "10.0.0.2")
	r.expect("old.test", "10.0.0.2", "")
	r.expect("new.test", "10.0.0.2", "")
	r.until("each name asked for", func() bool {
		for _, name := range names {
			if r.dns.Asked(name) == 0 {
				return false
			}
		}
		return true
	})
	for _, name := range names[1:] {
		if r.Lookup(name).Known {
			t.Fatalf("something is known of %s, which hangs", name)
		}
	}
	if n, most := r.dns.Asked("")-r.dns.Asked("old.test")-r.dns.Asked("new.test"), families*2*len(names); n > most {
		t.Errorf("%d questions were asked for names that hang, want %d at most", n, most)
	}
}

// TestLateAnswers: a name whose server takes its time is followed beside names that hang.
func TestLateAnswers(t *testing.T) {
	p := brisk
	p.patience, p.timeout, p.longest = 20*time.Millisecond, time.Hour, time.Hour
	r := newRig(t, p, nil)
	r.dns.Set("late.test", 0, "10.0.0.1")
	r.settle("late.test")
	r.dns.Fail("", dnstest.Fault{Silent: true})
	r.dns.Fail("late.test", dnstest.Fault{Delay: 100 * time.Millisecond})
	names := []string{"late.test"}
	for i := range 2 * maxSilent {
		names = append(names, fmt.Sprintf("hung%d.test", i))
	}
	r.Sync(names)
	r.until("all places taken", func() bool { return len(r.lanes.silent) == maxSilent })
	for _, addr := range []string{"10.0.0.2", "10.0.0.3", "10.0.0.4"} {
		r.dns.Set("late.test", 0, addr)
		r.expect("late.test", addr, "")
	}
}

// TestOneFamilyHangs: a name of which one family never comes is followed beside names that hang, also where there is no
// place to wait for that family.
func TestOneFamilyHangs(t *testing.T) {
	p := brisk
	p.head, p.patience, p.grace, p.timeout, p.longest = 10*time.Millisecond, 200*time.Millisecond, 400*time.Millisecond, time.Hour, time.Hour
	r := newRig(t, p, nil)
	r.dns.Fail("", dnstest.Fault{Silent: true})
	var names []string
	for i := range 2 * maxSilent {
		names = append(names, fmt.Sprintf("hung%d.test", i))
	}
	r.Sync(names)
	r.until("all places taken", func() bool { return len(r.lanes.silent) == maxSilent })
	follow := func(name string) {
		t.Helper()
		r.dns.Fail(name, dnstest.Fault{Type: dns.TypeAAAA, Silent: true})
		r.dns.Set(name, 0, "10.0.0.1")
		names = append(names, name)
		r.Sync(names)
		for _, addr := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"} {
			r.dns.Set(name, 0, addr)
			r.expect(name, addr, r.server()+fmt.Sprintf("did not answer in time for the IPv6 addresses of %q", name))
		}
	}
	follow("one.test")
	for range maxLate {
		r.lanes.late <- struct{}{}
	}
	follow("two.test")
}

// TestHangingNamesComeToAnEnd: each gets its time, a reason, and an answer once there is one, also where there is no
// room for all of them.
func TestHangingNamesComeToAnEnd(t *testing.T) {
	p := brisk
	p.patience, p.timeout, p.longest = 20*time.Millisecond, 300*time.Millisecond, 10*time.Second
	r := newRig(t, p, nil)
	r.dns.Fail("", dnstest.Fault{Silent: true})
	var names []string
	for i := range 2 * (maxFresh + maxSilent) {
		names = append(names, fmt.Sprintf("hung%d.test", i))
		r.dns.Set(names[i], 60, "10.0.0.1")
	}
	r.settle(names...)
	for _, name := range names {
		if a := r.Lookup(name); a.Reason != r.server()+fmt.Sprintf("did not answer in time for %q", name) {
			t.Fatalf("of %s is known: %+v", name, a)
		}
	}
	r.dns.Fail("", dnstest.Fault{})
	for _, name := range names {
		r.expect(name, "10.0.0.1", "")
	}
}

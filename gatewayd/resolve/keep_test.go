package resolve

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/dnstest"
)

// TestUnwantedForAMoment: what is known of a name outlives a moment in which nobody wants it, while DNS fails as well,
// and is found out anew at once.
func TestUnwantedForAMoment(t *testing.T) {
	for what, fault := range map[string]dnstest.Fault{
		"SERVFAIL": {Rcode: dns.RcodeServerFailure},
		"silence":  {Silent: true},
	} {
		t.Run(what, func(t *testing.T) {
			r := newRig(t, hasty(), nil)
			r.dns.Set("web.test", 0, "10.0.0.1", "fd00::1")
			r.settle("web.test")
			r.dns.Fail("web.test", fault)
			r.expect("web.test", "10.0.0.1 fd00::1", r.server())
			r.Sync(nil)
			if a := r.Lookup("web.test"); a.Known || a.Addrs != nil {
				t.Errorf("of a name that is not wanted is known: %+v", a)
			}
			r.until("nobody follows the name", func() bool { return !running("(*Resolver).follow") })
			asked, told := r.dns.Asked("web.test"), r.changed("web.test")
			r.Sync([]string{"WEB.test"})
			if a := r.Lookup("web.test"); !a.Known || words(a) != "10.0.0.1 fd00::1" || a.Reason == "" || a.Since.IsZero() {
				t.Errorf("of a name that is wanted again is known: %+v", a)
			}
			r.until("a call of Changed", func() bool { return r.changed("web.test") > told })
			r.until("a question", func() bool { return r.dns.Asked("web.test") > asked })
			r.expect("web.test", "10.0.0.1 fd00::1", r.server())
			r.dns.Fail("web.test", dnstest.Fault{Type: dns.TypeAAAA, Rcode: dns.RcodeServerFailure})
			r.dns.Set("web.test", 0, "10.0.0.2")
			r.expect("web.test", "10.0.0.2 fd00::1", r.server()) // It is still known which are of which family.
		})
	}
}

// TestWantedAgain: what is kept is looked up at once, however long it would have been good, and is waited for only where
// it is not good any more.
func TestWantedAgain(t *testing.T) {
	r := newRig(t, brisk, nil)
	r.dns.Set("long.test", 300, "10.0.0.1")
	r.dns.Set("short.test", 0, "10.0.0.1")
	r.settle("long.test", "short.test", "none.test")
	r.Sync(nil)
	r.until("a time to live is over", func() bool {
		r.Resolver.mu.Lock()
		defer r.Resolver.mu.Unlock()
		return time.Now().After(r.kept["short.test"].answer.Next)
	})
	for _, name := range []string{"long.test", "short.test", "none.test"} {
		r.dns.Set(name, 300, "10.0.0.2")
	}
	r.dns.Fail("long.test", dnstest.Fault{Delay: 50 * time.Millisecond})
	r.settle("long.test", "short.test", "none.test")
	for name, want := range map[string]string{"long.test": "10.0.0.1 or 10.0.0.2", "short.test": "10.0.0.2", "none.test": "10.0.0.2"} {
		if a := r.Lookup(name); words(a) == "" || !strings.Contains(want, words(a)) {
			t.Errorf("%s has the addresses [%s] and the reason %q, want %s", name, words(a), a.Reason, want)
		}
	}
	r.expect("long.test", "10.0.0.2", "")
	r.dns.Fail("long.test", dnstest.Fault{Silent: true})
	r.Sync(nil)
	ctx, cancel := context.WithTimeout(t.Context(), brisk.timeout/2)
	defer cancel()
	r.Sync([]string{"long.test"})
	r.Await(ctx, []string{"long.test"})
	if ctx.Err() != nil {
		t.Error("a name that is good for minutes is waited for")
	}
}

// TestUnwantedWhileLookedUp: what has come until then is kept.
func TestUnwantedWhileLookedUp(t *testing.T) {
	p := brisk
	p.head, p.grace, p.timeout, p.longest = 10*time.Millisecond, time.Hour, time.Hour, time.Hour
	r := newRig(t, p, nil)
	r.dns.Set("web.test", 60, "10.0.0.1")
	r.dns.Fail("web.test", dnstest.Fault{Type: dns.TypeAAAA, Silent: true})
	r.Sync([]string{"web.test"})
	r.expect("web.test", "10.0.0.1", "")
	r.Sync(nil)
	r.dns.Fail("web.test", dnstest.Fault{Silent: true})
	for range 3 {
		r.Sync([]string{"web.test"})
		if a := r.Lookup("web.test"); !a.Known || words(a) != "10.0.0.1" {
			t.Errorf("of a name that is wanted again is known: %+v", a)
		}
		r.Sync(nil)
	}
	r.Close()
	if len(r.kept) > 0 {
		t.Errorf("a closed resolver keeps %d names", len(r.kept))
	}
}

// TestKeepingEnds: after some time, and where there is too much, the oldest first.
func TestKeepingEnds(t *testing.T) {
	m := memories{}
	began := time.Now()
	at := func(i int) time.Time { return began.Add(time.Duration(i) * time.Millisecond) }
	keep := func(i int) {
		e := &entry{name: fmt.Sprint(i), answer: Answer{Known: true, Addrs: []netip.Addr{netip.IPv6Loopback()}}}
		m.keep(e, at(i))
		m.trim(at(i))
	}
	for i := range 100 {
		keep(i)
	}
	m.trim(began.Add(keepFor))
	if _, ok := m["0"]; ok || len(m) != 99 {
		t.Errorf("after 5 minutes %d names are kept, want 99", len(m))
	}
	if _, ok := m.take("1", at(1).Add(keepFor)); ok || len(m) != 98 {
		t.Error("a name is taken over after 5 minutes")
	}
	if _, ok := m.take("2", at(2).Add(keepFor-1)); !ok || len(m) != 97 {
		t.Error("a name is not taken over within 5 minutes")
	}
	for i := range maxKept {
		m.keep(&entry{name: fmt.Sprint("n", i), answer: Answer{Addrs: []netip.Addr{netip.IPv6Loopback()}}}, at(1000))
	}
	keep(1001)
	if _, newest := m["1001"]; len(m) != maxKept || !newest {
		t.Errorf("%d names are kept, the newest: %t", len(m), newest)
	}
	if _, ok := m["99"]; ok {
		t.Error("not the oldest name was forgotten")
	}
	m.trim(at(1001).Add(keepFor))
	if len(m) > 0 {
		t.Errorf("%d names are kept for ever", len(m))
	}
}

// running says whether a goroutine is in a function.
func running(function string) bool {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		panic(err)
	}
	return strings.Contains(profile.String(), function)
}

package resolve

import (
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/dnstest"
)

// TestFailuresKeepTheLastGoodSet: whatever goes wrong, the addresses stay, the reason says why, and both change when it
// is over.
func TestFailuresKeepTheLastGoodSet(t *testing.T) {
	many := func(m *dns.Msg) { // Each answer leads to one more name.
		m.Answer = []dns.RR{&dns.CNAME{Target: "x" + m.Question[0].Name, Hdr: dns.RR_Header{
			Name: m.Question[0].Name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET}}}
		m.Rcode, m.Ns = dns.RcodeSuccess, nil
	}
	for what, c := range map[string]struct {
		fail   func(d *dnstest.Server)
		reason string // behind the server
	}{
		"NXDOMAIN": {func(d *dnstest.Server) { d.Remove("web.test") }, `does not know the name "web.test" (NXDOMAIN)`},
		"NODATA":   {func(d *dnstest.Server) { d.Set("web.test", 0) }, `knows no address of the name "web.test" (NODATA)`},
		"no SOA": {func(d *dnstest.Server) { d.Remove("web.test"); d.Fail("web.test", dnstest.Fault{NoSOA: true}) },
			`does not know the name "web.test" (NXDOMAIN)`},
		"SERVFAIL": {fault(dnstest.Fault{Rcode: dns.RcodeServerFailure}), `could not look up "web.test" (SERVFAIL)`},
		"REFUSED":  {fault(dnstest.Fault{Rcode: dns.RcodeRefused}), `refuses to look up "web.test" (REFUSED)`},
		"FORMERR":  {fault(dnstest.Fault{Rcode: dns.RcodeFormatError}), `does not understand the question for "web.test" (FORMERR)`},
		"NOTAUTH":  {fault(dnstest.Fault{Rcode: dns.RcodeNotAuth}), `answers with an error for "web.test" (NOTAUTH)`},
		"silence":  {fault(dnstest.Fault{Silent: true}), `did not answer in time for "web.test"`},
		"too late": {fault(dnstest.Fault{Delay: time.Second}), `did not answer in time for "web.test"`},
		"malformed": {fault(dnstest.Fault{Instead: func(q *dns.Msg) []byte {
			b, _ := new(dns.Msg).SetReply(q).Pack()
			b[7] = 200 // answers announced
			return append(b, "this is no record"...)
		}}), `sent a malformed answer for "web.test"`},
		"fewer records than announced": {fault(dnstest.Fault{Instead: func(q *dns.Msg) []byte {
			m := new(dns.Msg).SetReply(q)
			m.Answer = []dns.RR{&dns.A{A: netip.MustParseAddr("10.0.0.9").AsSlice(), Hdr: dns.RR_Header{Name: "web.test.", Rrtype: dns.TypeA, Class: dns.ClassINET}}}
			b, _ := m.Pack()
			b[7] = 2
			return b
		}}), `sent a malformed answer for "web.test"`},
		"a record without an address": {fault(dnstest.Fault{Edit: func(m *dns.Msg) {
			m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "web.test.", Rrtype: dns.TypeA, Class: dns.ClassINET}}}
		}}), `sent a malformed answer for "web.test"`},
		"cut off": {fault(dnstest.Fault{Edit: func(m *dns.Msg) { m.Truncated = true }}), `sent half an answer, over TCP as well, for "web.test"`},
		"no question": {fault(dnstest.Fault{Edit: func(m *dns.Msg) { m.Question, m.Answer, m.Rcode = nil, nil, dns.RcodeRefused }}),
			`refuses to look up "web.test" (REFUSED)`},
		"referral": {fault(dnstest.Fault{Edit: func(m *dns.Msg) {
			m.RecursionAvailable, m.Answer = false, nil
			m.Ns = []dns.RR{&dns.NS{Hdr: dns.RR_Header{Name: "test.", Rrtype: dns.TypeNS, Class: dns.ClassINET}, Ns: "ns.test."}}
		}}), `only names other servers when asked for "web.test"`},
		"alias of itself": {func(d *dnstest.Server) { d.Alias("web.test", "b.test", 0); d.Alias("b.test", "web.test", 0) },
			`finds only more and more names (CNAME) for "web.test"`},
		"aliases without end": {func(d *dnstest.Server) { d.Fail("", dnstest.Fault{Edit: many}) }, `finds only more and more names (CNAME) for "web.test"`},
		"cloud metadata": {func(d *dnstest.Server) { d.Set("web.test", 0, "169.254.169.254") },
			`gives only addresses that are not taken for "web.test": 169.254.169.254 (link-local)`},
		"gone": {func(d *dnstest.Server) { d.Close() }, `could not be asked for "web.test": connection refused`},
	} {
		t.Run(what, func(t *testing.T) {
			p := brisk
			if strings.Contains(c.reason, "in time") {
				p = hasty()
			}
			r := newRig(t, p, nil)
			r.dns.Set("web.test", 0, "10.0.0.1", "10.0.0.2", "fd00::1")
			r.settle("web.test")
			was := r.Lookup("web.test")
			c.fail(r.dns)
			r.expect("web.test", "10.0.0.1 10.0.0.2 fd00::1", r.server()+c.reason)
			is := r.Lookup("web.test")
			if is.Reason != r.server()+c.reason || !is.Since.Equal(was.Since) {
				t.Errorf("after a failure: %+v, want the reason %q", is, r.server()+c.reason)
			}
			if what == "gone" {
				return
			}
			r.again("web.test", 2)
			if n := r.changed("web.test"); n > 3 && p.timeout == brisk.timeout { // The first answer, the failure, and half of it.
				t.Errorf("Changed was called %d times for one failure", n)
			}
			r.dns.Fail("", dnstest.Fault{})
			r.dns.Fail("web.test", dnstest.Fault{})
			r.dns.Set("web.test", 0, "10.0.0.3")
			r.expect("web.test", "10.0.0.3", "")
			r.until("a call of Changed", func() bool { return r.changed("web.test") >= 3 })
		})
	}
}

func fault(f dnstest.Fault) func(*dnstest.Server) {
	return func(d *dnstest.Server) { d.Fail("web.test", f) }
}

// TestNothingWasEverKnown: a name that never had addresses has a reason, and gets them when there are some.
func TestNothingWasEverKnown(t *testing.T) {
	r := newRig(t, brisk, nil)
	r.settle("web.test")
	if a := r.Lookup("web.test"); !a.Known || a.Addrs != nil || !a.Since.IsZero() || a.Reason != r.server()+`does not know the name "web.test" (NXDOMAIN)` {
		t.Errorf("of a name that does not exist is known: %+v", a)
	}
	r.dns.Set("web.test", 0, "10.0.0.1")
	r.expect("web.test", "10.0.0.1", "")
}

// TestOneFamilyFails: what came is taken, and of the other family the last good addresses stay.
func TestOneFamilyFails(t *testing.T) {
	for what, c := range map[string]struct {
		fault  dnstest.Fault
		addrs  string
		reason string
	}{
		"AAAA SERVFAIL": {dnstest.Fault{Type: dns.TypeAAAA, Rcode: dns.RcodeServerFailure}, "10.0.0.2 fd00::1", `could not look up the IPv6 addresses of "web.test" (SERVFAIL)`},
		"A SERVFAIL":    {dnstest.Fault{Type: dns.TypeA, Rcode: dns.RcodeServerFailure}, "10.0.0.1 fd00::2", `could not look up the IPv4 addresses of "web.test" (SERVFAIL)`},
		"AAAA refused":  {dnstest.Fault{Type: dns.TypeAAAA, Rcode: dns.RcodeRefused}, "10.0.0.2 fd00::1", `refuses to look up the IPv6 addresses of "web.test" (REFUSED)`},
		"AAAA silence":  {dnstest.Fault{Type: dns.TypeAAAA, Silent: true}, "10.0.0.2 fd00::1", `did not answer in time for the IPv6 addresses of "web.test"`},
		"A silence":     {dnstest.Fault{Type: dns.TypeA, Silent: true}, "10.0.0.1 fd00::2", `did not answer in time for the IPv4 addresses of "web.test"`},
		"AAAA NXDOMAIN": {dnstest.Fault{Type: dns.TypeAAAA, Rcode: dns.RcodeNameError}, "10.0.0.2", ""},
		"A NXDOMAIN":    {dnstest.Fault{Type: dns.TypeA, Rcode: dns.RcodeNameError}, "fd00::2", ""},
		"AAAA NODATA":   {dnstest.Fault{Type: dns.TypeAAAA, Edit: func(m *dns.Msg) { m.Answer = nil }}, "10.0.0.2", ""},
	} {
		t.Run(what, func(t *testing.T) {
			p := brisk
			if c.fault.Silent {
				p = hasty()
			}
			r := newRig(t, p, nil)
			r.dns.Set("web.test", 0, "10.0.0.1", "fd00::1")
			r.settle("web.test")
			r.dns.Fail("web.test", c.fault)
			r.dns.Set("web.test", 0, "10.0.0.2", "fd00::2")
			if c.reason != "" {
				c.reason = r.server() + c.reason
			}
			r.expect("web.test", c.addrs, c.reason)
			r.dns.Fail("web.test", dnstest.Fault{})
			r.expect("web.test", "10.0.0.2 fd00::2", "")
		})
	}
}

// TestOneFamilyNeverAnswers: the addresses of the other are there although a server says nothing for ever.
func TestOneFamilyNeverAnswers(t *testing.T) {
	p := hasty()
	p.timeout, p.longest = time.Hour, time.Hour
	r := newRig(t, p, nil)
	r.dns.Set("web.test", 60, "10.0.0.1")
	r.dns.Fail("web.test", dnstest.Fault{Type: dns.TypeAAAA, Silent: true})
	r.settle("web.test")
	r.expect("web.test", "10.0.0.1", r.server()+`did not answer in time for the IPv6 addresses of "web.test"`)
}

// TestOneFamilyComesFirst: the addresses of a new name do not wait for the other family's, which are taken as well when
// they come.
func TestOneFamilyComesFirst(t *testing.T) {
	for first, other := range map[string]uint16{"10.0.0.1": dns.TypeAAAA, "fd00::1": dns.TypeA} {
		t.Run(first, func(t *testing.T) {
			come := make(chan struct{})
			letCome := sync.OnceFunc(func() { close(come) })
			p := brisk
			p.head, p.grace, p.patience, p.timeout, p.longest = 10*time.Millisecond, time.Hour, time.Hour, time.Hour, time.Hour
			r := newRig(t, p, nil)
			t.Cleanup(letCome)
			r.dns.Set("web.test", 60, "10.0.0.1", "fd00::1")
			r.dns.Fail("web.test", dnstest.Fault{Type: other, Before: func(*dns.Msg) [][]byte { <-come; return nil }})
			r.Sync([]string{"web.test"})
			r.expect("web.test", first, "")
			r.Await(t.Context(), []string{"web.test"})
			r.until("a call of Changed", func() bool { return r.changed("web.test") == 1 })
			if a := r.Lookup("web.test"); a.Since.IsZero() || a.Next.IsZero() {
				t.Errorf("of a name with one family is known: %+v", a)
			}
			letCome()
			r.expect("web.test", "10.0.0.1 fd00::1", "")
			r.until("a call of Changed", func() bool { return r.changed("web.test") == 2 })
			if n := r.dns.Asked("web.test"); n != 2 {
				t.Errorf("%d questions were asked, want one a family", n)
			}
		})
	}
}

// TestBothFamiliesTogether: where the other family comes soon a new name is told once.
func TestBothFamiliesTogether(t *testing.T) {
	r := newRig(t, brisk, nil)
	r.dns.Set("web.test", 0, "10.0.0.1", "fd00::1")
	r.dns.Fail("web.test", dnstest.Fault{Type: dns.TypeAAAA, Delay: 50 * time.Millisecond})
	r.settle("web.test")
	if a := r.Lookup("web.test"); words(a) != "10.0.0.1 fd00::1" {
		t.Errorf("the first answer is [%s]", words(a))
	}
	r.until("a call of Changed", func() bool { return r.changed("web.test") == 1 })
	r.again("web.test", 4)
	if n := r.changed("web.test"); n != 1 {
		t.Errorf("Changed was called %d times, want once", n)
	}
}

// TestBarredAddresses: some addresses are never taken, whoever says them.
func TestBarredAddresses(t *testing.T) {
	bad := []string{"0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.0.1", "224.0.0.1", "239.1.2.3", "255.255.255.255", "::", "fe80::1", "ff02::1",
		"::ffff:169.254.169.254", "::ffff:0.0.0.0", "64:ff9b::a9fe:a9fe", "fd00:ec2::254", "febf::1"}
	good := []string{"10.0.0.1", "127.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "8.8.8.8", "::1", "fd00::1", "2001:db8::1", "64:ff9b::808:808"}
	r := newRig(t, brisk, nil)
	var lines strings.Builder
	for _, a := range bad {
		lines.WriteString(a + " hosts.test bad.hosts.test\n")
	}
	for _, a := range good {
		lines.WriteString(a + " hosts.test\n")
	}
	lines.WriteString("fe80::1%lo hosts.test\nfd00::9%lo hosts.test")
	r.write(r.hosts, lines.String())
	r.dns.Set("dns.test", 0, append(bad, good...)...)
	r.dns.Set("bad.test", 0, bad...)
	r.settle("dns.test", "hosts.test", "bad.test", "bad.hosts.test")
	want := "8.8.8.8 10.0.0.1 100.64.0.1 127.0.0.1 172.16.0.1 192.168.1.1 ::1 64:ff9b::808:808 2001:db8::1 fd00::1"
	r.expect("dns.test", want, `not all addresses of "dns.test" are taken: 0.0.0.0 (unspecified), 0.1.2.3 (unspecified), 169.254.0.1 (link-local), 4 more`)
	r.expect("hosts.test", want, `not all addresses of "hosts.test" are taken: `)
	r.expect("bad.test", "", r.server()+`gives only addresses that are not taken for "bad.test": `)
	r.expect("bad.hosts.test", "", `the hosts file gives only addresses that are not taken for "bad.hosts.test": `)
	if n := r.dns.Asked("bad.hosts.test") + r.dns.Asked("hosts.test"); n > 0 {
		t.Errorf("names of the hosts file were asked for %d times", n)
	}
}

// TestWaits: after a failure a name is looked up again soon, and then less and less often.
func TestWaits(t *testing.T) {
	found1 := outcome{kind: found, ttl: time.Minute}
	for what, c := range map[string]struct {
		of   [families]outcome
		want []time.Duration
	}{
		"found":              {[families]outcome{found1, {kind: empty, denied: time.Second}}, []time.Duration{time.Minute, time.Minute}},
		"both":               {[families]outcome{found1, {kind: found, ttl: 2 * time.Second}}, []time.Duration{2 * time.Second, 2 * time.Second}},
		"half":               {[families]outcome{found1, {kind: confused}}, []time.Duration{1e9, 2e9, 4e9, 8e9, 16e9, 30e9, 30e9}},
		"failed":             {[families]outcome{{kind: silent}, {kind: silent}}, []time.Duration{1e9, 2e9, 4e9, 8e9, 16e9, 30e9, 30e9}},
		"unknown":            {[families]outcome{{kind: unknown}, {kind: unknown}}, []time.Duration{1e9, 2e9, 4e9, 8e9, 16e9, 30e9, 30e9}},
		"unknown for a time": {[families]outcome{{kind: unknown, denied: 9e9}, {kind: unknown, denied: 5e9}}, []time.Duration{5e9, 5e9}},
		"unknown for long":   {[families]outcome{{kind: empty, denied: time.Hour}, {kind: empty, denied: time.Hour}}, []time.Duration{30e9, 30e9}},
		"unknown for short":  {[families]outcome{{kind: empty, denied: 1}, {kind: empty}}, []time.Duration{1e9, 1e9}},
	} {
		var e entry
		for i, want := range c.want {
			f := finding{of: c.of}
			f.conclude()
			if got := e.learn(&f, steady); got > want || got < want-want/10-1 {
				t.Errorf("%s: after %d times the wait is %s, want %s", what, i+1, got, want)
			}
		}
	}
	var e entry
	seen := map[time.Duration]bool{}
	for range 100 {
		f := finding{of: [families]outcome{found1, {kind: empty}}}
		seen[e.learn(&f, steady)] = true
	}
	if len(seen) < 50 {
		t.Error("names that come together are looked up together for ever")
	}
}

func TestNamesThatAreNone(t *testing.T) {
	long := strings.Repeat("a", 63)
	r := newRig(t, brisk, nil)
	for name, want := range map[string]string{
		"10.0.0.1": "IP address", "::1": "IP address", "[::1]": "IP address", "10.0.0.1.": "IP address", "127.1": "IP address",
		"0x7f000001": "IP address", "0x7F.1": "IP address", "2130706433": "IP address", "fe80::1%eth0": "IP address",
		"": "253 characters", ".": "253 characters", strings.Repeat("a.", 128): "253 characters", "a..b": "63 characters", ".a": "63 characters",
		long + "a.test": "63 characters", "a b": "letters", "a/b": "letters", `a\.b`: "letters", "ä.test": "letters", "\u212A.test": "letters", "*.test": "letters",
		"web.test": "", "a": "", "_sip._tcp.x": "", "1.2.3.4.test": "", "0xg": "", "web-1.test.": "", long + ".test": "",
		strings.Repeat("a.", 126) + "a": "",
	} {
		if got := wrong(lower(name)); want == "" && got != "" || !strings.Contains(got, want) || len(got) > maxReason {
			t.Errorf("%q: %q, want it to say %q", name, got, want)
		}
		if want == "" {
			continue
		}
		r.settle(name)
		if a := r.Lookup(name); !a.Known || a.Addrs != nil || !strings.Contains(a.Reason, want) || !a.Next.IsZero() {
			t.Errorf("of %q is known: %+v", name, a)
		}
	}
	if n := r.dns.Asked(""); n > 0 {
		t.Errorf("%d questions were asked", n)
	}
	r.settle("10.0.0.1", "a b")
	r.until("a call of Changed for each", func() bool { return r.changed("10.0.0.1") > 0 && r.changed("a b") > 0 })
}

package resolve

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/dnstest"
)

func TestAliases(t *testing.T) {
	r := newRig(t, steady, nil)
	r.dns.Alias("www.test", "Web.Example", 20)
	r.dns.Alias("web.example", "host.example", 10)
	r.dns.Set("host.example", 60, "10.0.0.1", "fd00::1")
	r.dns.Alias("short.test", "brief.example", 60)
	r.dns.Set("brief.example", 5, "10.0.0.2")
	r.dns.Alias("none.test", "nowhere.example", 60)
	r.dns.Alias("empty.test", "void.example", 60)
	r.dns.Set("void.example", 60)
	for i := range 9 {
		r.dns.Alias(fmt.Sprintf("deep%d.test", i), fmt.Sprintf("deep%d.test", i+1), 60)
	}
	r.dns.Set("deep9.test", 60, "10.0.0.3")
	names := []string{"www.test", "short.test", "none.test", "empty.test", "deep0.test"}
	before := time.Now()
	r.settle(names...)
	after := time.Now()
	r.expect("www.test", "10.0.0.1 fd00::1", "")
	r.expect("short.test", "10.0.0.2", "")
	r.expect("deep0.test", "10.0.0.3", "")
	r.expect("none.test", "", r.server()+`does not know the name "none.test" (NXDOMAIN)`)
	r.expect("empty.test", "", r.server()+`knows no address of the name "empty.test" (NODATA)`)
	for name, live := range map[string]time.Duration{"www.test": 10 * time.Second, "short.test": 5 * time.Second} {
		if next := r.Lookup(name).Next; next.Before(before.Add(live-live/10)) || next.After(after.Add(live)) {
			t.Errorf("%s is looked up again after %s, want %s, the smallest time to live on the way", name, next.Sub(before), live)
		}
	}
	if n := r.dns.Asked("") - 2*len(names); n > 0 {
		t.Errorf("%d questions more than needed were asked", n)
	}
}

// TestAliasesThatLeaveTheAnswer: the server tells an alias and leaves it to the resolver to ask on.
func TestAliasesThatLeaveTheAnswer(t *testing.T) {
	r := newRig(t, steady, nil)
	r.dns.Fail("", dnstest.Fault{Bare: true})
	r.dns.Alias("www.test", "web.example", 60)
	r.dns.Alias("web.example", "host.example", 10)
	r.dns.Set("host.example", 60, "10.0.0.1")
	before := time.Now()
	r.settle("www.test")
	r.expect("www.test", "10.0.0.1", "")
	if next := r.Lookup("www.test").Next; next.After(time.Now().Add(10*time.Second)) || next.Before(before) {
		t.Errorf("the name is looked up again after %s, want 10s", next.Sub(before))
	}
}

// TestForgeriesAreIgnored has somebody answer before the server does, who knows the port but not all of the question.
func TestForgeriesAreIgnored(t *testing.T) {
	forged := func(name string, q *dns.Msg) *dns.Msg {
		m := new(dns.Msg).SetReply(q)
		m.RecursionAvailable = true
		m.Answer = []dns.RR{&dns.A{A: netip.MustParseAddr("6.6.6.6").AsSlice(), Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 300}}}
		return m
	}
	pack := func(m *dns.Msg) []byte {
		b, err := m.Pack()
		if err != nil {
			t.Error(err)
		}
		return b
	}
	before := func(q *dns.Msg) (list [][]byte) {
		m := forged("web.test.", q)
		m.Id++
		list = append(list, pack(m))
		m = forged("web.test.", q)
		m.Response = false
		list = append(list, pack(m))
		m = forged("web.test.", q)
		m.Opcode = dns.OpcodeNotify
		list = append(list, pack(m))
		for _, other := range []dns.Question{{Name: "other.test.", Qtype: dns.TypeA, Qclass: dns.ClassINET},
			{Name: "web.test.", Qtype: dns.TypeMX, Qclass: dns.ClassINET}, {Name: "web.test.", Qtype: q.Question[0].Qtype, Qclass: dns.ClassCHAOS}} {
			m = forged("web.test.", q)
			m.Question = []dns.Question{other}
			list = append(list, pack(m))
		}
		m = forged("web.test.", q)
		m.Question = append(m.Question, m.Question[0])
		list = append(list, pack(m))
		m = forged("web.test.", q)
		m.Question = nil
		return append(list, pack(m), nil, []byte("x"), []byte("what is this, says whoever reads it"))
	}
	r := newRig(t, brisk, nil)
	r.dns.Fail("", dnstest.Fault{Before: before})
	r.dns.Set("web.test", 0, "10.0.0.1")
	r.settle("web.test", "none.test")
	r.expect("web.test", "10.0.0.1", "")
	r.expect("none.test", "", r.server()+`does not know the name "none.test" (NXDOMAIN)`)
}

// TestRecordsOfOtherNamesAreIgnored: only what leads from the question to addresses counts, in the answer section alone.
func TestRecordsOfOtherNamesAreIgnored(t *testing.T) {
	record := func(name, kind, value string) dns.RR {
		rr, err := dns.NewRR(fmt.Sprintf("%s 300 %s %s", name, kind, value))
		if err != nil {
			t.Fatal(err)
		}
		return rr
	}
	r := newRig(t, brisk, nil)
	r.dns.Set("web.test", 0, "10.0.0.1")
	r.dns.Set("other.test", 0, "10.0.0.2")
	r.dns.Fail("web.test", dnstest.Fault{Edit: func(m *dns.Msg) {
		m.Answer = append([]dns.RR{record("other.test.", "A", "6.6.6.6"), record("www.other.test.", "CNAME", "web.test."),
			record("other.test.", "CNAME", "evil.test."), record("web.test.", "TXT", "6.6.6.6"), record("web.test.", "CH A", "6.6.6.6")}, m.Answer...)
		m.Ns = append(m.Ns, record("web.test.", "NS", "ns.evil.test."), record("web.test.", "A", "6.6.6.6"))
		m.Extra = append(m.Extra, record("ns.evil.test.", "A", "6.6.6.6"), record("web.test.", "A", "6.6.6.6"))
	}})
	r.settle("web.test")
	r.expect("web.test", "10.0.0.1", "")
	r.dns.Fail("other.test", dnstest.Fault{Edit: func(m *dns.Msg) {
		m.Rcode = dns.RcodeNameError // And addresses all the same.
	}})
	r.settle("web.test", "other.test")
	r.expect("other.test", "", r.server()+`does not know the name "other.test" (NXDOMAIN)`)
}

func TestTruncatedAnswersAreFetchedOverTCP(t *testing.T) {
	r := newRig(t, steady, nil)
	r.dns.Set("web.test", 60, "10.0.0.1", "fd00::1")
	r.dns.Set("small.test", 60, "10.0.0.1")
	r.dns.Fail("web.test", dnstest.Fault{Truncated: true})
	var addrs []string
	for i := range 100 { // 16 bytes each, and 1232 fit.
		addrs = append(addrs, fmt.Sprint("10.0.0.", 100+i))
	}
	r.dns.Set("large.test", 60, addrs...)
	r.settle("web.test", "small.test", "large.test")
	r.expect("web.test", "10.0.0.1 fd00::1", "")
	r.expect("large.test", strings.Join(addrs, " "), "")
	if n := r.dns.OverTCP(); n != 3 {
		t.Errorf("%d questions were asked over TCP, want 2 for one name and 1 for another", n)
	}
	if n := r.dns.Asked("small.test"); n != 2 {
		t.Errorf("a small answer took %d questions", n)
	}
}

func TestOverTCPAlone(t *testing.T) {
	r := newRig(t, steady, nil)
	r.write(r.conf, "options use-vc")
	r.dns.Set("web.test", 60, "10.0.0.1")
	r.settle("web.test.")
	r.expect("web.test.", "10.0.0.1", "")
	if n := r.dns.OverTCP(); n != 2 || r.dns.Asked("") != 2 {
		t.Errorf("%d of %d questions were asked over TCP, want 2", n, r.dns.Asked(""))
	}
}

// TestQuestions: ids are drawn anew, EDNS0 says 1232 bytes, and is left out where the server does not know it.
func TestQuestions(t *testing.T) {
	var mu sync.Mutex
	ids, sizes := map[uint16]bool{}, map[uint16]int{}
	r := newRig(t, brisk, nil)
	r.dns.Fail("", dnstest.Fault{Before: func(q *dns.Msg) [][]byte {
		mu.Lock()
		defer mu.Unlock()
		ids[q.Id] = true
		if opt := q.IsEdns0(); opt != nil {
			sizes[opt.UDPSize()]++
		}
		return nil
	}})
	r.dns.Set("web.test", 0, "10.0.0.1")
	r.dns.Set("old.test", 0, "10.0.0.1")
	r.dns.Fail("old.test", dnstest.Fault{NoEDNS: true})
	r.settle("web.test", "old.test")
	r.expect("old.test", "10.0.0.1", "")
	r.until("questions", func() bool { return r.dns.Asked("web.test") >= 40 })
	mu.Lock()
	defer mu.Unlock()
	if len(ids) < 35 || len(sizes) != 1 || sizes[1232] < 40 {
		t.Errorf("40 questions had %d ids and the sizes %v", len(ids), sizes)
	}
}

// TestSilentServer: the next server is asked, and the silent one no more with each name.
func TestSilentServer(t *testing.T) {
	dead := dnstest.New(t)
	dead.Fail("", dnstest.Fault{Silent: true})
	refuses := dnstest.New(t)
	refuses.Fail("", dnstest.Fault{Rcode: dns.RcodeRefused})
	p := brisk
	p.timeout = time.Second
	r := newRig(t, p, func(c *Config) { c.Servers = []string{dead.Addr(), refuses.Addr(), c.Servers[0]} })
	r.dns.Set("first.test", 0, "10.0.0.1")
	r.settle("first.test")
	r.expect("first.test", "10.0.0.1", "")
	asked := dead.Asked("")
	var names []string
	for i := range 50 {
		names = append(names, fmt.Sprintf("n%d.test", i))
		r.dns.Set(names[i], 60, "10.0.0.1")
	}
	r.settle(names...)
	for _, name := range names {
		r.expect(name, "10.0.0.1", "")
	}
	if n := dead.Asked("") - asked; n > 2 {
		t.Errorf("a server that is silent was asked %d times more", n)
	}
	if text := r.log.String(); strings.Count(text, "does not answer\" server="+dead.Addr()) != 1 {
		t.Errorf("the log does not say once that a server is silent:\n%s", text)
	}
}

func TestRotate(t *testing.T) {
	second := dnstest.New(t)
	second.Set("web.test", 0, "10.0.0.1")
	r := newRig(t, brisk, func(c *Config) { c.Servers = append(c.Servers, second.Addr()) })
	r.dns.Set("web.test", 0, "10.0.0.1")
	r.settle("web.test")
	r.again("web.test", 10)
	if n := second.Asked(""); n > 0 {
		t.Errorf("the second server was asked %d times although the first answers", n)
	}
	r.write(r.conf, "options rotate")
	r.until("questions to both", func() bool { return second.Asked("web.test") > 10 })
	r.again("web.test", 10)
}

// TestTruce: a silent server is tried at its own place once in a while, by one name alone.
func TestTruce(t *testing.T) {
	s := newServers(slog.New(slog.DiscardHandler))
	list := []string{"a", "b", "c"}
	order := func() string { return strings.Join(s.order(list, false), "") }
	steps := []struct {
		do   func()
		want string
	}{
		{func() {}, "abc"},
		{func() { s.missed("a", "") }, "bca"},
		{func() { s.missed("c", "") }, "bac"},
		{func() { s.known["a"].until = time.Now().Add(-1) }, "abc"},
		{func() {}, "bac"},
		{func() { s.missed("b", "") }, "abc"},
		{func() { s.heard("b") }, "bac"},
		{func() { s.heard("a"); s.heard("c") }, "abc"},
	}
	for i, step := range steps {
		step.do()
		if got := order(); got != step.want {
			t.Errorf("step %d: the order is %s, want %s", i, got, step.want)
		}
	}
	for i := range 1000 {
		s.missed(fmt.Sprint(i), "")
	}
	if len(s.known) > maxKnown {
		t.Errorf("%d servers are remembered", len(s.known))
	}
}

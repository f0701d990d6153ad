package resolve

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// seeds are answers to a question for the addresses of web.test, as zone files write records.
var seeds = [][]string{
	{},
	{"web.test. 60 A 10.0.0.1", "web.test. 30 A 10.0.0.2"},
	{"WEB.test. 60 CNAME b.test.", "b.test. 10 A 10.0.0.1", "b.test. 10 AAAA fd00::1"},
	{"c.test. 10 AAAA ::ffff:169.254.169.254", "b.test. 5 CNAME c.test.", "web.test. 60 CNAME b.test."},
	{"web.test. 60 CNAME b.test.", "b.test. 60 CNAME web.test."},
	{"web.test. 60 CNAME elsewhere.test.", "other.test. 60 A 6.6.6.6", "web.test. 60 CH A 6.6.6.6"},
}

// seed packs an answer.
func seed(f *testing.F, q question, rcode int, records []string) []byte {
	m := new(dns.Msg).SetReply(q.message(true))
	m.Rcode, m.RecursionAvailable, m.Compress = rcode, true, true
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			f.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	soa, err := dns.NewRR("test. 60 SOA ns.test. root.test. 1 60 60 60 5")
	if err != nil {
		f.Fatal(err)
	}
	m.Ns = []dns.RR{soa}
	b, err := m.Pack()
	if err != nil {
		f.Fatal(err)
	}
	return b
}

// FuzzAnswer reads bytes as a server's answer: whatever they are, addresses come of them only where an answer to the
// very question leads to them, and only those that may be taken.
func FuzzAnswer(f *testing.F) {
	for _, records := range seeds {
		for _, rcode := range []int{dns.RcodeSuccess, dns.RcodeNameError} {
			b := seed(f, question{"web.test.", dns.TypeA}, rcode, records)
			f.Add(b, false)
			f.Add(b[:len(b)-7], false)
			f.Add(seed(f, question{"web.test.", dns.TypeAAAA}, rcode, records), true)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, six bool) {
		q := question{"web.test.", dns.TypeA}
		if six {
			q.qtype = dns.TypeAAAA
		}
		query := q.message(true)
		if len(b) > 2 {
			query.Id = binary.BigEndian.Uint16(b)
		}
		m, err := decode(b, query)
		if err != nil {
			if m != nil || !errors.Is(err, errOther) && !errors.Is(err, errMalformed) {
				t.Fatalf("%v with the error %v", m, err)
			}
			return
		}
		query.Id++
		if _, err := decode(b, query); !errors.Is(err, errOther) {
			t.Fatalf("the answer to another question: %v", err)
		}
		if o := judge("s", m, nil); o.kind != found || m.Truncated {
			return
		}
		checkReply(t, q, m)
	})
}

// checkReply compares a reply with the plainest way to read the same answer.
func checkReply(t *testing.T, q question, m *dns.Msg) {
	reached := map[string]bool{q.name: true}
	for range m.Answer {
		for _, rr := range m.Answer {
			if alias, ok := rr.(*dns.CNAME); ok && reached[lower(alias.Hdr.Name)] && alias.Hdr.Class == dns.ClassINET {
				reached[lower(alias.Target)] = true
			}
		}
	}
	var can []netip.Addr
	for _, rr := range m.Answer {
		h, text := rr.Header(), strings.TrimPrefix(rr.String(), rr.Header().String())
		if a, err := netip.ParseAddr(text); err == nil && reached[lower(h.Name)] && h.Class == dns.ClassINET && h.Rrtype == q.qtype {
			can = append(can, a)
		}
	}
	r := q.reply(m)
	for _, a := range r.addrs {
		if !slices.Contains(can, a) && !slices.Contains(can, a.Unmap()) {
			t.Fatalf("%s does not follow from %s", a, m)
		}
	}
	if m.Rcode == dns.RcodeNameError && len(r.addrs) > 0 || r.next != "" && (len(r.addrs) > 0 || r.endless || !reached[r.next]) {
		t.Fatalf("%+v does not follow from %s", r, m)
	}
	if len(can) > 0 && len(reached) == 1 && m.Rcode == dns.RcodeSuccess && len(r.addrs) != len(can) {
		t.Fatalf("of %v came %v", can, r.addrs)
	}
	if r.ttl < 0 || r.ttl > maxTTL || r.none < 0 || r.none > 1<<31*time.Second {
		t.Fatalf("the times of %+v are out of bounds", r)
	}
	var o outcome
	o.take(r.addrs, failure{})
	for i, a := range o.addrs {
		if objection(a) != "" || a.Is4In6() || i > 0 && !o.addrs[i-1].Less(a) {
			t.Fatalf("%v of %v are taken", o.addrs, r.addrs)
		}
	}
}

// FuzzHosts reads hosts files: what came of one is the same when it is written out and read again.
func FuzzHosts(f *testing.F) {
	for _, text := range []string{"127.0.0.1 localhost\n::1\tlocalhost ip6-localhost # six", "10.0.0.1 A.example. b\n10.0.0.2 b", "#", "10.0.0.1", "x y\r\n\xff 1"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		h := parseHosts(text)
		for name, list := range h {
			if name == "" || strings.HasSuffix(name, ".") {
				continue
			}
			var again strings.Builder
			for _, a := range list {
				again.WriteString(a.String() + " " + name + "\n")
			}
			if got := parseHosts([]byte(again.String()))[name]; !slices.Equal(got, list) {
				t.Fatalf("%q has %v, and then %v", name, list, got)
			}
			if got := h.local(name); !slices.Equal(got, list) {
				t.Fatalf("%q has %v, found are %v", name, list, got)
			}
		}
	})
}

// FuzzConf reads resolv.conf files and keeps to the limits, whatever they say.
func FuzzConf(f *testing.F) {
	f.Add([]byte("nameserver 10.0.0.1\nsearch a.example b.example\noptions ndots:5 timeout:1 attempts:2 rotate"), "web")
	f.Add([]byte("domain .\noptions ndots:-1 timeout:999999999999999999999 attempts:0\nnameserver fe80::1%x"), "a.b.")
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		c := parseConf(text)
		if len(c.servers) < 1 || len(c.servers) > maxServers || len(c.search) > maxSearch || c.attempts < 1 || c.attempts > maxAttempts ||
			c.timeout < time.Second || c.timeout > maxTimeout*time.Second || c.ndots < 0 || c.ndots > maxNdots {
			t.Fatalf("%+v", c)
		}
		name = lower(name)
		if wrong(name) != "" {
			return
		}
		list := c.candidates(name)
		if len(list) < 1 || len(list) > maxSearch+1 {
			t.Fatalf("%q stands for %q", name, list)
		}
		for _, full := range list {
			if _, ok := dns.IsDomainName(full); !ok || !dns.IsFqdn(full) || !strings.HasPrefix(full, name) {
				t.Fatalf("%q stands for %q", name, full)
			}
			if _, err := (question{full, dns.TypeA}).message(true).Pack(); err != nil {
				t.Fatalf("%q: %s", full, err)
			}
		}
	})
}

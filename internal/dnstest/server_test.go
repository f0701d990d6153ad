package dnstest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// patience bounds every wait; nothing takes that long unless it is broken.
const patience = 15 * time.Second

// ask puts a question as any client does and tells the answer's code and data, as "NOERROR 10.0.0.1 10.0.0.2".
func ask(t *testing.T, network, server, name string, qtype uint16) string {
	t.Helper()
	client := dns.Client{Net: network, Timeout: patience}
	m, _, err := client.Exchange(new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype), server)
	if err != nil {
		t.Fatal(err)
	}
	list := []string{dns.RcodeToString[m.Rcode]}
	for _, rr := range m.Answer {
		list = append(list, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	for _, rr := range m.Ns {
		list = append(list, dns.TypeToString[rr.Header().Rrtype])
	}
	if m.Truncated {
		list = append(list, "truncated")
	}
	return strings.Join(list, " ")
}

func TestServer(t *testing.T) {
	s := New(t)
	s.Set("Web.test", 60, "10.0.0.2", "fd00::1", "10.0.0.1")
	s.Alias("www.test.", "web.test", 60)
	s.Alias("lost.test", "nowhere.test", 60)
	s.Set("empty.test", 60)
	s.Set("gone.test", 60, "10.0.0.1")
	s.Remove("gone.test")
	s.Set("cut.test", 60, "10.0.0.1")
	s.Fail("cut.test", Fault{Truncated: true})
	s.Set("half.test", 60, "10.0.0.1", "fd00::1")
	s.Fail("half.test", Fault{Type: dns.TypeAAAA, Rcode: dns.RcodeServerFailure})
	s.Alias("bare.test", "web.test", 60)
	s.Fail("bare.test", Fault{Bare: true})
	tests := []struct {
		network, name string
		qtype         uint16
		want          string
	}{
		{"udp", "web.test", dns.TypeA, "NOERROR 10.0.0.2 10.0.0.1"},
		{"tcp", "WEB.test.", dns.TypeAAAA, "NOERROR fd00::1"},
		{"udp", "www.test", dns.TypeAAAA, "NOERROR web.test. fd00::1"},
		{"udp", "lost.test", dns.TypeA, "NXDOMAIN nowhere.test. SOA"},
		{"udp", "empty.test", dns.TypeA, "NOERROR SOA"},
		{"udp", "web.test", dns.TypeMX, "NOERROR SOA"},
		{"udp", "gone.test", dns.TypeA, "NXDOMAIN SOA"},
		{"udp", "cut.test", dns.TypeA, "NOERROR truncated"},
		{"tcp", "cut.test", dns.TypeA, "NOERROR 10.0.0.1"},
		{"udp", "half.test", dns.TypeA, "NOERROR 10.0.0.1"},
		{"udp", "half.test", dns.TypeAAAA, "SERVFAIL"},
		{"udp", "bare.test", dns.TypeA, "NOERROR web.test."},
	}
	for _, c := range tests {
		if got := ask(t, c.network, s.Addr(), c.name, c.qtype); got != c.want {
			t.Errorf("%s for %s of %s: %q, want %q", c.network, dns.TypeToString[c.qtype], c.name, got, c.want)
		}
	}
	if s.Asked("web.test") != 3 || s.Asked("") != len(tests) || s.OverTCP() != 2 || s.Busiest() != 1 {
		t.Errorf("%d, %d, %d and %d are counted", s.Asked("web.test"), s.Asked(""), s.OverTCP(), s.Busiest())
	}
}

func TestSilenceAndEnd(t *testing.T) {
	s := New(t)
	s.Fail("", Fault{Silent: true})
	s.Set("web.test", 60, "10.0.0.1")
	s.Fail("web.test", Fault{})
	c, err := dns.Dial("udp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, name := range []string{"hung.test.", "web.test."} { // The answer that comes first is that to the second.
		if err := c.WriteMsg(new(dns.Msg).SetQuestion(name, dns.TypeA)); err != nil {
			t.Fatal(err)
		}
	}
	m, err := c.ReadMsg()
	if err != nil || !slices.ContainsFunc(m.Question, func(q dns.Question) bool { return q.Name == "web.test." }) {
		t.Errorf("a silent server answers %v, %v", m, err)
	}
	s.Close()
	for _, network := range []string{"udp", "tcp"} {
		client := dns.Client{Net: network, Timeout: patience}
		if _, _, err := client.Exchange(new(dns.Msg).SetQuestion("web.test.", dns.TypeA), s.Addr()); err == nil {
			t.Errorf("a server that is closed answers over %s", network)
		}
	}
}

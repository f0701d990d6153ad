package dnstest

import (
	"time"

	"github.com/miekg/dns"
)

// serve answers one question. That a client is gone by then is no concern of the server.
func (s *Server) serve(w dns.ResponseWriter, question *dns.Msg) {
	udp := w.LocalAddr().Network() == "udp"
	q := question.Question[0]
	f := s.note(q, udp)
	there := s.wait(f.Delay)
	s.done() // Before the answer: who has that may ask the next question.
	if !there {
		return
	}
	if f.Before != nil && udp {
		for _, b := range f.Before(question) {
			_, _ = w.Write(b)
		}
	}
	switch {
	case f.Silent:
		return
	case f.Instead != nil:
		_, _ = w.Write(f.Instead(question))
		return
	}
	_ = w.WriteMsg(s.answer(question, f, udp))
}

// note counts a question and tells how it is answered.
func (s *Server) note(q dns.Question, udp bool) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now++
	s.most = max(s.most, s.now)
	s.asked[key(q.Name)]++
	s.asked[key("")]++
	if !udp {
		s.overTCP++
	}
	f, ok := s.faults[key(q.Name)]
	if !ok {
		f = s.faults[key("")]
	}
	if f.Type != 0 && f.Type != q.Qtype {
		return Fault{}
	}
	return f
}

func (s *Server) done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now--
}

// wait says whether the server is still there after some time.
func (s *Server) wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.closed:
		return false
	}
}

func (s *Server) answer(question *dns.Msg, f Fault, udp bool) *dns.Msg {
	m := new(dns.Msg).SetReply(question)
	m.RecursionAvailable, m.Compress = true, true
	switch {
	case f.NoEDNS && question.IsEdns0() != nil:
		m.Rcode = dns.RcodeFormatError
		return m
	case f.Rcode != dns.RcodeSuccess:
		m.Rcode = f.Rcode
	case f.Truncated && udp:
		m.Truncated = true
	default:
		s.fill(m, f)
	}
	if opt := question.IsEdns0(); opt != nil {
		m.SetEdns0(opt.UDPSize(), false)
		if udp {
			m.Truncate(int(opt.UDPSize()))
		}
	} else if udp {
		m.Truncate(dns.MinMsgSize)
	}
	if f.Edit != nil {
		f.Edit(m)
	}
	return m
}

// fill writes what is known of a name, and of those that it is another name for.
func (s *Server) fill(m *dns.Msg, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := m.Question[0]
	at := key(q.Name)
	for range 10 {
		records, exists := s.records[at]
		if !exists {
			m.Rcode = dns.RcodeNameError
			break
		}
		next := ""
		for _, rr := range records {
			switch alias, ok := rr.(*dns.CNAME); {
			case rr.Header().Rrtype == q.Qtype:
				m.Answer = append(m.Answer, dns.Copy(rr))
			case ok:
				m.Answer = append(m.Answer, dns.Copy(rr))
				next = alias.Target
			}
		}
		if next == "" || f.Bare {
			break
		}
		at = next
	}
	if last := len(m.Answer) - 1; !f.NoSOA && (last < 0 || m.Answer[last].Header().Rrtype != q.Qtype) && !(f.Bare && last >= 0) {
		m.Ns = append(m.Ns, soa())
	}
}

// soa says that the server answers for all names, and for how long there is nothing.
func soa() dns.RR {
	return &dns.SOA{
		Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: NegativeTTL},
		Ns:  "ns.test.", Mbox: "hostmaster.test.", Serial: 1, Refresh: 60, Retry: 60, Expire: 60, Minttl: NegativeTTL,
	}
}

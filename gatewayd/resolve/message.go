package resolve

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// maxChain bounds how many names one leads to, one after the other, by CNAME records.
const maxChain = 16

// A question is what one message asks.
type question struct {
	name  string // absolute, lower case, as the DNS library writes names
	qtype uint16 // dns.TypeA or dns.TypeAAAA
}

// message writes a question with a random id. With EDNS0 it says that 1232 bytes come through in one piece (RFC 6891).
func (q question) message(edns bool) *dns.Msg {
	m := new(dns.Msg).SetQuestion(q.name, q.qtype)
	if edns {
		m.SetEdns0(1232, false)
	}
	return m
}

// What decode says of bytes that are no answer.
var (
	// errOther is an answer to something else, or forged: whoever waits goes on waiting.
	errOther = errors.New("an answer to another question")
	// errMalformed is an answer that cannot be read.
	errMalformed = errors.New("a malformed answer")
)

// headerLen is the length of a message's head, in bytes (RFC 1035, section 4.1.1).
const headerLen = 12

// counts are how many entries the head of a message says its sections have. The DNS library takes fewer for good.
func counts(b []byte) (n [4]int) {
	for i := range n {
		n[i] = int(binary.BigEndian.Uint16(b[4+2*i:]))
	}
	return n
}

// hollow says whether a record that matters holds nothing, which the DNS library lets pass.
func hollow(m *dns.Msg) bool {
	for _, rr := range m.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			if len(rr.A) == 0 {
				return true
			}
		case *dns.AAAA:
			if len(rr.AAAA) == 0 {
				return true
			}
		case *dns.CNAME:
			if rr.Target == "" {
				return true
			}
		}
	}
	return false
}

// decode reads the answer to a query. Of a truncated one only that is told that cannot be read to its end.
func decode(b []byte, query *dns.Msg) (*dns.Msg, error) {
	if len(b) < headerLen || binary.BigEndian.Uint16(b) != query.Id || b[2]>>7 == 0 || b[2]>>3&0xf != dns.OpcodeQuery {
		return nil, errOther
	}
	m := new(dns.Msg)
	whole := m.Unpack(b) == nil && counts(b) == [4]int{len(m.Question), len(m.Answer), len(m.Ns), len(m.Extra)} && !hollow(m)
	switch {
	case !whole && m.Truncated:
		return &dns.Msg{MsgHdr: dns.MsgHdr{Truncated: true}}, nil
	case !whole:
		return nil, errMalformed
	case len(m.Question) == 0 && m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError:
		return m, nil // A server that did not read the question; nothing else is taken from it.
	case len(m.Question) != 1:
		return nil, errOther
	}
	asked, got := query.Question[0], m.Question[0]
	if got.Qtype != asked.Qtype || got.Qclass != asked.Qclass || lower(got.Name) != asked.Name {
		return nil, errOther
	}
	return m, nil
}

// A reply is what an answer without an error says to a question.
type reply struct {
	addrs   []netip.Addr  // as they came
	next    string        // where there are none: the name that the answer leads to and tells nothing more of
	endless bool          // the answer leads from name to name and never to addresses
	ttl     time.Duration // the smallest on the way to addrs or next
	none    time.Duration // where there are neither: for how long that is so; 0 where the answer does not say
}

// reply reads an answer that decode has let pass. It follows the names from the question on, so that records of other
// names mean nothing, wherever they stand.
func (q question) reply(m *dns.Msg) reply {
	r := reply{ttl: maxTTL}
	at := q.name
	for hops := 0; ; hops++ {
		alias := q.step(m, at, &r)
		if len(r.addrs) > 0 || alias == "" {
			break
		}
		if hops == maxChain {
			r.endless = true
			return r
		}
		at = alias
	}
	negative, denied := denial(m, at)
	switch {
	case m.Rcode == dns.RcodeNameError: // It tells of the last name of the chain (RFC 6604, section 3).
		r.addrs, r.none = nil, negative
	case len(r.addrs) > 0:
	case at == q.name || denied:
		r.none = negative
	default:
		r.next = at
	}
	return r
}

// step takes what an answer says of one name: its addresses, else where it leads to.
func (q question) step(m *dns.Msg, at string, r *reply) (alias string) {
	ttl := r.ttl
	for _, rr := range m.Answer {
		h := rr.Header()
		if h.Class != dns.ClassINET || lower(h.Name) != at {
			continue
		}
		var ip []byte
		switch rr := rr.(type) {
		case *dns.A:
			ip = rr.A
		case *dns.AAAA:
			ip = rr.AAAA
		case *dns.CNAME:
			if alias == "" {
				alias, ttl = lower(rr.Target), min(r.ttl, seconds(h.Ttl))
			}
			continue
		}
		if a, ok := netip.AddrFromSlice(ip); ok && h.Rrtype == q.qtype {
			r.addrs, r.ttl = append(r.addrs, a), min(r.ttl, seconds(h.Ttl))
		}
	}
	if len(r.addrs) == 0 {
		r.ttl = ttl
	}
	return alias
}

// denial is how long it is true that a name has no addresses, and whether the answer says so at all (RFC 2308,
// section 5).
func denial(m *dns.Msg, name string) (time.Duration, bool) {
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok && dns.IsSubDomain(soa.Hdr.Name, name) {
			return min(seconds(soa.Hdr.Ttl), seconds(soa.Minttl)), true
		}
	}
	return 0, false
}

// seconds is a time to live. One with its first bit set means none (RFC 2181, section 8).
func seconds(ttl uint32) time.Duration {
	if ttl > 1<<31-1 {
		return 0
	}
	return time.Duration(ttl) * time.Second
}

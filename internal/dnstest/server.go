package dnstest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// NegativeTTL is how long, in seconds, the server has others remember that there is nothing.
const NegativeTTL = 1

// A Server answers for every name it is told of and knows no others: these do not exist (NXDOMAIN). It says that it
// looks up names for everybody. Names are written as "web.example", with or without a dot at the end and in any case.
//
// All methods may be called by any goroutine.
type Server struct {
	tb     testing.TB
	addr   string
	udp    *dns.Server
	tcp    *dns.Server
	served sync.WaitGroup
	closed chan struct{}
	once   sync.Once

	mu      sync.Mutex // guards what follows
	records map[string][]dns.RR
	faults  map[string]Fault
	asked   map[string]int
	overTCP int
	now     int
	most    int
}

// A Fault is how the server misbehaves. The zero value is none.
type Fault struct {
	// Type is the type of the questions that are concerned, as dns.TypeAAAA; 0 means all.
	Type uint16
	// Delay is waited before anything is sent.
	Delay time.Duration
	// Silent leaves the question without an answer.
	Silent bool
	// Rcode is answered, without records, where it is not 0 (dns.RcodeSuccess).
	Rcode int
	// Truncated has UDP answers carry no records, and say that there are more.
	Truncated bool
	// Bare answers an alias alone, without the records of the name that it leads to.
	Bare bool
	// NoEDNS refuses questions that use EDNS0, as servers of old do.
	NoEDNS bool
	// NoSOA leaves out for how long a negative answer is good.
	NoSOA bool
	// Edit changes each answer before it is sent.
	Edit func(answer *dns.Msg)
	// Before is sent over UDP before each answer: forged answers, or bytes that are none.
	Before func(question *dns.Msg) [][]byte
	// Instead is sent in place of the answer.
	Instead func(question *dns.Msg) []byte
}

// New starts a server on a free port of 127.0.0.1, the same of UDP and TCP. It ends with the test.
func New(tb testing.TB) *Server {
	tb.Helper()
	packets, listener, err := bind()
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{
		tb: tb, addr: listener.Addr().String(), closed: make(chan struct{}),
		records: map[string][]dns.RR{}, faults: map[string]Fault{}, asked: map[string]int{},
	}
	ready := make(chan struct{}, 2)
	started := func() { ready <- struct{}{} }
	s.udp = &dns.Server{PacketConn: packets, Handler: dns.HandlerFunc(s.serve), NotifyStartedFunc: started}
	s.tcp = &dns.Server{Listener: listener, Handler: dns.HandlerFunc(s.serve), NotifyStartedFunc: started}
	for _, server := range []*dns.Server{s.udp, s.tcp} {
		s.served.Go(func() {
			if err := server.ActivateAndServe(); err != nil && !errors.Is(err, net.ErrClosed) {
				tb.Errorf("the DNS server has ended: %s", err)
			}
		})
	}
	<-ready
	<-ready
	tb.Cleanup(s.Close)
	return s
}

// bind finds a port that is free for both.
func bind() (net.PacketConn, net.Listener, error) {
	var err error
	for range 20 {
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			break
		}
		var p net.PacketConn
		if p, err = net.ListenPacket("udp", l.Addr().String()); err == nil {
			return p, l, nil
		}
		l.Close()
	}
	return nil, nil, fmt.Errorf("DNS server: %w", err)
}

// Addr is where the server listens, as "127.0.0.1:5353".
func (s *Server) Addr() string { return s.addr }

// Close ends the server. Its port refuses questions from then on.
func (s *Server) Close() {
	s.once.Do(func() {
		close(s.closed)
		for _, server := range []*dns.Server{s.udp, s.tcp} {
			if err := server.Shutdown(); err != nil {
				s.tb.Errorf("end the DNS server: %s", err)
			}
		}
		s.served.Wait()
	})
}

// Set gives a name these addresses, IPv4 and IPv6, in the order they are answered in, for so many seconds, and nothing
// else. Without addresses the name exists and has none (NODATA).
func (s *Server) Set(name string, ttl uint32, addrs ...string) {
	s.tb.Helper()
	records := []dns.RR{}
	for _, text := range addrs {
		a, err := netip.ParseAddr(text)
		if err != nil {
			s.tb.Fatal(err)
		}
		head := dns.RR_Header{Name: key(name), Class: dns.ClassINET, Ttl: ttl}
		if a.Is4() {
			head.Rrtype = dns.TypeA
			records = append(records, &dns.A{Hdr: head, A: a.AsSlice()})
		} else {
			head.Rrtype = dns.TypeAAAA
			records = append(records, &dns.AAAA{Hdr: head, AAAA: a.AsSlice()})
		}
	}
	s.put(name, records)
}

// Alias makes a name another name for target (CNAME), for so many seconds, and nothing else.
func (s *Server) Alias(name, target string, ttl uint32) {
	head := dns.RR_Header{Name: key(name), Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: ttl}
	s.put(name, []dns.RR{&dns.CNAME{Hdr: head, Target: key(target)}})
}

// Remove has a name not exist.
func (s *Server) Remove(name string) { s.put(name, nil) }

func (s *Server) put(name string, records []dns.RR) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if records == nil {
		delete(s.records, key(name))
		return
	}
	s.records[key(name)] = records
}

// Fail has questions for a name answered with a fault from now on; the zero Fault is none. Name "" is all those names
// for which Fail was not called.
func (s *Server) Fail(name string, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[key(name)] = f
}

// Asked counts the questions for a name so far, of any type and also those that got no answer; all of them for "".
// A name asked for both kinds of addresses was asked for twice.
func (s *Server) Asked(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[key(name)]
}

// OverTCP counts the questions over TCP so far.
func (s *Server) OverTCP() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.overTCP
}

// Busiest is how many questions the server had before it at once, at most.
func (s *Server) Busiest() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}

// key is a name as the server compares it; that of "" is "." and stands for all.
func key(name string) string { return dns.CanonicalName(strings.TrimSuffix(name, ".")) }

package secure

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

func asking(mode string, of ...int) *Auth {
	var all []*x509.Certificate
	for _, n := range of {
		all = append(all, certtest.Sample(n).Leaf)
	}
	return NewAuth(mode, all)
}

// TestCurrent: a handshake of before holds where one of now would come to the same, and only then.
func TestCurrent(t *testing.T) {
	for _, c := range []struct {
		what     string
		was, now *Auth
		verdict  Verdict
		holds    bool
	}{
		{"nothing is asked", nil, nil, NoCertificate, true},
		{"something is asked now", nil, asking(spec.AuthStrict, 1), NoCertificate, false},
		{"nothing is asked any more", asking(spec.AuthStrict, 1), nil, Verified, false},
		{"the same, in another order", asking(spec.AuthStrict, 1, 2), asking(spec.AuthStrict, 2, 1, 2), Verified, true},
		{"an authority more", asking(spec.AuthStrict, 1), asking(spec.AuthStrict, 2, 1), Verified, true},
		{"an authority more, for somebody it may be of", asking(spec.AuthOptional, 1), asking(spec.AuthOptional, 2, 1), UnknownAuthority, false},
		{"an authority more, for somebody who showed nothing", asking(spec.AuthOptional, 1), asking(spec.AuthOptional, 2, 1), NoCertificate, false},
		{"an authority less", asking(spec.AuthStrict, 1, 2), asking(spec.AuthStrict, 1), Verified, false},
		{"another authority", asking(spec.AuthStrict, 1), asking(spec.AuthStrict, 2), Verified, false},
		{"another mode", asking(spec.AuthOptional, 1), asking(spec.AuthStrict, 1), Verified, false},
		{"nothing is verified any more", asking(spec.AuthOptional), asking(spec.AuthPassthrough), NoCertificate, false},
	} {
		p := &Peer{Auth: c.was, Verdict: c.verdict}
		if got := p.Current(c.now); got != c.holds {
			t.Errorf("%s: it holds: %t", c.what, got)
		}
	}
}

// TestStrangersAreOne: clients of whom nothing was asked cost no memory each, and asking for nothing shares one configuration.
func TestStrangersAreOne(t *testing.T) {
	pair := certtest.Sample(1)
	offer := Offer{Listener: "l", Identities: []*Identity{NewIdentity([]*x509.Certificate{pair.Leaf}, pair.Signer)}, Policy: (*spec.TLS)(nil).Effective()}
	s := NewServer(offer)
	var m Meeting
	state := &tls.ConnectionState{Version: tls.VersionTLS12, CipherSuite: tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	other := &tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256}
	hello := &tls.ClientHelloInfo{SupportedCurves: []tls.CurveID{tls.X25519}}
	config, p := s.Config(hello, &m), m.Peer(state)
	if s.Config(hello, &m) != config || m.Peer(state) != p || m.Peer(other) == p {
		t.Error("strangers are told apart, or all are one")
	}
	if p := m.Peer(other); p.Protocol() != "TLSv1.3" || p.Cipher() != "TLS_AES_128_GCM_SHA256" || p.Listener != "l" {
		t.Errorf("a stranger is %+v", p)
	}
	if n := testing.AllocsPerRun(100, func() { s.Config(hello, &m); m.Peer(state); m.Peer(other) }); n != 0 {
		t.Errorf("a handshake allocates %v times", n)
	}
	offer.Auth = asking(spec.AuthOptional, 1)
	if s := NewServer(offer); s.Quick(hello) || s.Config(hello, &m).VerifyConnection == nil {
		t.Error("what a client shows is verified by nobody, or on a loop")
	}
}

// TestSessionOfNobodyIsNotRenewed: a strict listener gives no ticket to a client that it does not let in, whether that showed its
// certificates now or with a session that they were good in. It is asked anew then, and can show what it has got since; with a new
// ticket each time it would come back with the old ones for ever.
func TestSessionOfNobodyIsNotRenewed(t *testing.T) {
	server := certtest.Sample(1)
	root := certtest.New(certtest.Issue{Names: []string{"root"}, CA: true})
	shown := func(until time.Time) []*x509.Certificate {
		between := certtest.New(certtest.Issue{Names: []string{"between"}, CA: true, By: root, From: time.Now().AddDate(-1, 0, 0), Until: until})
		return []*x509.Certificate{certtest.New(certtest.Issue{By: between}).Leaf, between.Leaf}
	}
	good, expired := shown(time.Time{}), shown(time.Now().AddDate(0, 0, -1))
	s := NewServer(Offer{
		Identities: []*Identity{NewIdentity([]*x509.Certificate{server.Leaf}, server.Signer)}, Policy: (*spec.TLS)(nil).Effective(),
		Auth: NewAuth(spec.AuthStrict, []*x509.Certificate{root.Leaf}), Tickets: NewTickets(),
	})
	for _, c := range []struct {
		what    string
		shown   []*x509.Certificate
		verdict Verdict
	}{
		{"good", good, Verified}, {"expired", expired, Expired}, {"none", nil, NoCertificate},
	} {
		for _, resumed := range []bool{false, true} {
			for _, early := range []bool{false, true} { // A ticket is made ahead of VerifyConnection with TLS 1.3, where a session is taken up.
				var m Meeting
				config := s.Config(&tls.ClientHelloInfo{}, &m)
				state := tls.ConnectionState{Version: tls.VersionTLS13, PeerCertificates: c.shown, DidResume: resumed}
				if !early {
					_ = config.VerifyConnection(state)
				}
				ticket, err := config.WrapSession(state, &tls.SessionState{})
				if given := !bytes.Equal(ticket, noTicket); err != nil || given != (c.verdict == Verified) {
					t.Errorf("%s, resumed %t, early %t: a ticket was given: %t, %v", c.what, resumed, early, given, err)
				}
				_ = config.VerifyConnection(state)
				if p := m.Peer(&state); p.Verdict != c.verdict || len(c.shown) > 0 && p.Certificate != c.shown[0] {
					t.Errorf("%s, resumed %t, early %t: the peer is %+v", c.what, resumed, early, p)
				}
			}
		}
	}
}

// TestLargeCertificatesOfClients: whoever shows more than anybody has does not get as far as a request, and what is known of a
// client stays small.
func TestLargeCertificatesOfClients(t *testing.T) {
	server, root := certtest.Sample(1), certtest.New(certtest.Issue{Names: []string{"root"}, CA: true})
	s := NewServer(Offer{
		Identities: []*Identity{NewIdentity([]*x509.Certificate{server.Leaf}, server.Signer)}, Policy: (*spec.TLS)(nil).Effective(),
		Auth: NewAuth(spec.AuthOptional, []*x509.Certificate{root.Leaf}), Tickets: NewTickets(),
	})
	leaf := func(names ...string) *x509.Certificate {
		return certtest.New(certtest.Issue{Names: names, By: root}).Leaf
	}
	many := make([]string, 1500)
	for i := range many {
		many[i] = fmt.Sprintf("name-%d.of.a.client.test", i)
	}
	for _, c := range []struct {
		what  string
		shown []*x509.Certificate
		large bool
	}{
		{"one of common size", []*x509.Certificate{leaf("alice")}, false},
		{"many names", []*x509.Certificate{leaf(many...)}, true},
		{"a long subject", []*x509.Certificate{leaf(strings.Repeat("a", 3000))}, true},
		{"a long chain", slices.Repeat([]*x509.Certificate{leaf("alice")}, 100), true},
	} {
		var m Meeting
		config, state := s.Config(&tls.ClientHelloInfo{}, &m), tls.ConnectionState{Version: tls.VersionTLS13, PeerCertificates: c.shown}
		err := config.VerifyConnection(state)
		if (err != nil) != c.large {
			t.Errorf("%s: %v", c.what, err)
		}
		if p := m.Peer(&state); c.large && (p.Certificate != nil || p.Verdict != NoCertificate) {
			t.Errorf("%s: the peer is %v", c.what, p.Verdict)
		}
	}
}

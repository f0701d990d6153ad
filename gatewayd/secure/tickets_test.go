package secure

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// at is tickets at a time.
func (t *Tickets) at(now time.Time) *Tickets {
	return &Tickets{secret: t.secret, now: func() time.Time { return now }}
}

// TestTicketsHoldForAWhile: a ticket is opened for the epoch that it is of and the next, by whoever has the secret, and by
// nobody else.
func TestTicketsHoldForAWhile(t *testing.T) {
	t0 := time.Unix(int64(epoch/time.Second)*1000+10, 0)
	tickets := NewTickets()
	plain := []byte("what crypto/tls keeps")
	ticket, err := (&keys{tickets: tickets.at(t0), scope: "listener a"}).seal(plain)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseTickets(tickets.Text())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		by    *Tickets
		scope string
		opens bool
	}{
		"at once":                        {tickets.at(t0), "listener a", true},
		"later, by another process":      {again.at(t0.Add(epoch)), "listener a", true},
		"by a clock that is behind":      {again.at(t0.Add(-epoch)), "listener a", true},
		"too late":                       {tickets.at(t0.Add(2 * epoch)), "listener a", false},
		"by another listener":            {tickets.at(t0), "listener b", false},
		"by somebody with other secrets": {NewTickets().at(t0), "listener a", false},
	} {
		got, ok := (&keys{tickets: c.by, scope: c.scope}).open(ticket)
		if ok != c.opens || ok && !bytes.Equal(got, plain) {
			t.Errorf("%s: got %q, %t", name, got, ok)
		}
	}
}

// TestForgedTickets: whatever of a ticket is changed, it is none any more.
func TestForgedTickets(t *testing.T) {
	k := &keys{tickets: NewTickets(), scope: "s"}
	ticket, err := k.seal([]byte("state"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range ticket {
		forged := bytes.Clone(ticket)
		forged[i] ^= 1
		if _, ok := k.open(forged); ok {
			t.Errorf("with another byte %d it was opened", i)
		}
		if _, ok := k.open(ticket[:i]); ok {
			t.Errorf("the first %d bytes were opened", i)
		}
	}
}

// TestSecretIsShownByNothing but by Text, which is for its file.
func TestSecretIsShownByNothing(t *testing.T) {
	tickets := NewTickets()
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
		if got := fmt.Sprintf(format, tickets); got != "secure.Tickets" || strings.Contains(got, tickets.Text()) {
			t.Errorf("%s prints %q", format, got)
		}
	}
	for _, text := range []string{"", "AAAA", tickets.Text() + "AA", strings.Repeat("?", 43)} {
		if _, err := ParseTickets(text); err == nil || strings.Contains(err.Error(), text) && text != "" {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestLongSessions: a client with so many certificates that its ticket would make its next hello too long goes through a
// full handshake then, and others do not.
func TestLongSessions(t *testing.T) {
	one := certtest.Sample(2)
	for certificates, resumes := range map[int]bool{1: true, 60: false} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			server := NewServer(Offer{Identities: identities(), Policy: (*spec.TLS)(nil).Effective(), Tickets: NewTickets(), Auth: asking(spec.AuthPassthrough)})
			shown := one.TLS()
			for len(shown.Certificate) < certificates {
				shown.Certificate = append(shown.Certificate, one.Leaf.Raw)
			}
			cache := tls.NewLRUClientSessionCache(1)
			for visit := range 2 {
				var state tls.ConnectionState
				near, far := connected(t) // A pipe holds nothing, and here both may send at once.
				err := servedOver(near, far, server, func(c net.Conn) error {
					client := tls.Client(c, &tls.Config{
						InsecureSkipVerify: true, ServerName: "a.test", MaxVersion: version, Certificates: []tls.Certificate{shown}, ClientSessionCache: cache,
					})
					if err := client.Handshake(); err != nil {
						return err
					}
					state = client.ConnectionState()
					_, _ = client.Read(make([]byte, 1)) // Tickets of TLS 1.3 come behind the handshake; then the server ends.
					return nil
				})
				if err != nil || state.DidResume != (resumes && visit == 1) {
					t.Errorf("%d certificates, %s, visit %d: %v, resumed: %t", certificates, tls.VersionName(version), visit, err, state.DidResume)
				}
				session, ok := cache.Get("a.test")
				if !ok {
					t.Fatalf("%d certificates, %s: there is no ticket", certificates, tls.VersionName(version))
				}
				if ticket, _, err := session.ResumptionState(); err != nil || len(ticket) > maxSession+256 {
					t.Errorf("%d certificates, %s: a ticket of %d bytes, %v", certificates, tls.VersionName(version), len(ticket), err)
				}
			}
		}
	}
}

// connected is a TCP connection, both ends of it.
func connected(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

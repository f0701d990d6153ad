package acctest

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
)

// partnerConn is a client's connection to a port of loopback, which goes on from request to request and shows a certificate
// where there is one.
type partnerConn struct {
	s    *stage
	http *http.Client
}

func (s *stage) partner(shows *certtest.Pair) *partnerConn {
	config := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	if shows != nil {
		pair := shows.TLS() // Whatever is wanted; many clients show none then.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	c := &partnerConn{s, &http.Client{Transport: &http.Transport{TLSClientConfig: config, MaxConnsPerHost: 1}}}
	s.Cleanup(c.http.CloseIdleConnections)
	return c
}

// says is what a request of the client is answered, which claims to come from somebody else.
func (c *partnerConn) says(want string) {
	c.s.Helper()
	r, err := http.NewRequest(http.MethodGet, fmt.Sprintf("https://localhost:%d/", c.s.variables["port"]), nil)
	if err != nil {
		c.s.Fatal(err)
	}
	r.Header.Set("X-Client-Subject", "CN=admin")
	answer, err := c.http.Do(r)
	if err != nil {
		c.s.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		c.s.Fatal(err)
	}
	got := fmt.Sprintf("%d %s", answer.StatusCode, body)
	if reason := answer.Header.Get("Gatewayd-Reason"); reason != "" {
		got = fmt.Sprintf("%d %s, page %t", answer.StatusCode, reason, strings.Contains(string(body), "a certificate that we gave you"))
	}
	if got != want {
		c.s.Errorf("got %q, want %q", got, want)
	}
}

// runPartners runs the example of client certificates, and replaces the authority of partners step by step: while the bundle
// has both everybody is served, and behind the last apply nobody of the old one.
func (s *stage) runPartners(dir string) {
	s.Helper()
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Join(r.Header.Values("X-Client-Subject"), "; "))
	}))
	s.Cleanup(target.Close)
	s.variables["servers"] = map[string]any{"one": map[string]any{"address": "127.0.0.1", "port": target.Listener.Addr().(*net.TCPAddr).Port}}
	shown := certtest.New(certtest.Issue{})
	s.variables["api_certificate"], s.variables["api_key"] = shown.Certificate, shown.Key
	old := certtest.New(certtest.Issue{Names: []string{"old authority"}, CA: true})
	fresh := certtest.New(certtest.Issue{Names: []string{"fresh authority"}, CA: true})
	alice := s.partner(certtest.New(certtest.Issue{Names: []string{"alice"}, By: old}))
	bob := s.partner(certtest.New(certtest.Issue{Names: []string{"bob"}, By: fresh}))
	nobody := s.partner(nil)
	s.variables["partner_authorities"] = old.Certificate
	only := s.example(dir, after(func() {
		alice.says("200 CN=alice")
		bob.says("400 client_certificate_untrusted, page true")
		nobody.says("400 no_client_certificate, page true")
	}))
	replaced := planned(actions(map[string]string{"gatewayd_ca_bundle.partners": "update"}))
	s.variables["partner_authorities"] = old.Certificate + fresh.Certificate
	both := s.example(dir, replaced, after(func() {
		alice.says("200 CN=alice")
		bob.says("200 CN=bob")
	}))
	s.variables["partner_authorities"] = fresh.Certificate
	s.run(only, both, s.example(dir, replaced, after(func() {
		alice.http.CloseIdleConnections() // One that stands has one more answer.
		alice.says("400 client_certificate_untrusted, page true")
		bob.says("200 CN=bob")
		nobody.says("400 no_client_certificate, page true")
	})))
}

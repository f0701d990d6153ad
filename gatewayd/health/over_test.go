package health

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/proxyproto"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secure"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// authority signs the certificates of targets of tests.
var authority = sync.OnceValue(func() *certtest.Pair { return certtest.New(certtest.Issue{Names: []string{"root.test"}, CA: true}) })

func signed(names ...string) certtest.Issue { return certtest.Issue{Names: names, By: authority()} }

func expired(names ...string) certtest.Issue {
	return certtest.Issue{Names: names, By: authority(), From: time.Unix(1, 0), Until: time.Unix(86400, 0)}
}

// forClients is a certificate of the authority that only clients may show.
func forClients(name string) tls.Certificate {
	pair := certtest.New(signed(name))
	template := *pair.Leaf
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	der, err := x509.CreateCertificate(rand.Reader, &template, authority().Leaf, pair.Signer.Public(), authority().Signer)
	if err != nil {
		panic(err) // It was made from one that could be made.
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: pair.Signer}
}

// proving is a configuration that shows a certificate; change may alter it.
func proving(t *testing.T, of certtest.Issue, change func(*tls.Config)) *tls.Config {
	t.Helper()
	pair := certtest.New(of)
	config := &tls.Config{Certificates: []tls.Certificate{pair.TLS()}}
	if change != nil {
		change(config)
	}
	return config
}

// overTLS begins a server over TLS that answers 200.
func overTLS(of certtest.Issue, change func(*tls.Config)) start {
	return func(t *testing.T) backend.Address {
		config := proving(t, of, change)
		return speak(t, func(c net.Conn) {
			over := tls.Server(c, config)
			if over.Handshake() == nil {
				readHead(over)
				_, _ = io.WriteString(over, ok)
			}
			// Not before the prober has read what is told of a handshake that failed.
			_ = c.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, c)
		})
	}
}

// overEnded begins a server that hears a ClientHello and has nothing to say.
func overEnded(t *testing.T) backend.Address {
	return speak(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096)) // What is not read would make a reset of the end.
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	})
}

// believing is TLS that believes the authority.
func believing(change func(*secure.Terms)) *secure.Client {
	terms := secure.Terms{Verify: true, Roots: []*x509.Certificate{authority().Leaf}}
	if change != nil {
		change(&terms)
	}
	return secure.NewClient(terms)
}

// TestVerdictsOverTLS: each way in which TLS fails has words of its own, that say what is wrong and what to do.
func TestVerdictsOverTLS(t *testing.T) {
	asking := func(version uint16) func(*tls.Config) {
		return func(c *tls.Config) {
			c.ClientAuth, c.ClientCAs, c.MaxVersion = tls.RequireAndVerifyClientCert, x509.NewCertPool(), version
			c.ClientCAs.AddCert(authority().Leaf)
		}
	}
	stranger := certtest.New(certtest.Issue{Names: []string{"stranger.test"}})
	showing := func(p *certtest.Pair) func(*secure.Terms) {
		return func(t *secure.Terms) { t.Identity = secure.NewIdentity([]*x509.Certificate{p.Leaf}, p.Signer) }
	}
	between := certtest.New(certtest.Issue{Names: []string{"between.test"}, CA: true, By: authority()})
	old := certtest.New(certtest.Issue{Names: []string{"old.test"}, CA: true, By: authority(), From: time.Unix(1, 0), Until: time.Unix(86400, 0)})
	namesake := certtest.New(certtest.Issue{Names: []string{"root.test"}, CA: true})
	reversed := func(c *tls.Config) { slices.Reverse(c.Certificates[0].Certificate) }
	alone := func(c *tls.Config) { c.Certificates[0].Certificate = c.Certificates[0].Certificate[:1] }
	for name, c := range map[string]struct {
		at     start
		terms  func(*secure.Terms)
		probe  func(*spec.Probe)
		reason string // how it begins
	}{
		"healthy":                    {at: overTLS(signed("a.test"), nil)},
		"another name":               {at: overTLS(signed("b.test", "c.test"), nil), reason: `the certificate is not for a.test, but for "b.test", "c.test"; name one of these`},
		"an address":                 {at: overTLS(signed("b.test", "127.0.0.1"), nil), reason: `the certificate is not for a.test, but for "b.test", 127.0.0.1; `},
		"expired":                    {at: overTLS(expired("a.test"), nil), reason: `the certificate of "a.test" expired at 1970-01-02T00:00:00Z`},
		"not yet valid":              {at: overTLS(certtest.Issue{Names: []string{"a.test"}, By: authority(), From: time.Unix(4e9, 0), Until: time.Unix(5e9, 0)}, nil), reason: `the certificate of "a.test" is not valid before 2096-10-02T07:06:40Z`},
		"signed by itself":           {at: overTLS(certtest.Issue{Names: []string{"a.test"}}, nil), reason: `the certificate is signed by "a.test", an authority that is not trusted; name a bundle with it (ca_bundles`},
		"authority between missing":  {at: overTLS(certtest.Issue{Names: []string{"a.test"}, By: between}, alone), reason: `the certificate is signed by "between.test", an authority that is not trusted; `},
		"authority between there":    {at: overTLS(certtest.Issue{Names: []string{"a.test"}, By: between}, nil)},
		"the authority first":        {at: overTLS(certtest.Issue{Names: []string{"a.test"}, By: between}, reversed), reason: "the target shows its certificates in the wrong order: that for a.test must be first"},
		"the authority alone":        {at: overTLS(certtest.Issue{Names: []string{"a.test"}, By: between}, func(c *tls.Config) { reversed(c); alone(c) }), reason: `the target shows the certificate of the authority "between.test" in the place of its own`},
		"the name in the CN":         {at: overTLS(certtest.Issue{Names: []string{"a.test"}, By: authority(), CA: true}, nil), reason: "the certificate has a.test as its common name (CN) alone"},
		"a namesake of the root":     {at: overTLS(certtest.Issue{Names: []string{"a.test"}, By: namesake}, nil), reason: "an authority of the name that the certificate is signed by is known, but has another key or may not sign: "},
		"not for servers":            {at: overTLS(signed("a.test"), func(c *tls.Config) { c.Certificates[0] = forClients("a.test") }), reason: `the certificate of "a.test" is not one for servers (extended key usage)`},
		"an authority expired":       {at: overTLS(certtest.Issue{Names: []string{"a.test"}, By: old}, nil), reason: `the certificate of "old.test" expired at `},
		"not signed by an authority": {at: overTLS(certtest.Issue{Names: []string{"a.test"}, By: certtest.New(signed("no.test"))}, nil), reason: "an authority of the name that the certificate is signed by is known, but has another key or may not sign: "},
		"no HTTP":                    {at: overTLS(signed("a.test"), func(c *tls.Config) { c.NextProtos = []string{"spdy/3"} }), reason: reasonNoHTTP},
		"verified by nobody":         {at: overTLS(certtest.Issue{}, nil), terms: func(t *secure.Terms) { t.Verify = false }},
		"another protocol first":     {at: banner("220 mail.test ESMTP\r\n"), reason: reasonNotTLS},
		"an answer in clear":         {at: banner(ok), reason: reasonNotTLS},
		"silence":                    {at: banner(""), probe: short, reason: "no TLS handshake within 100ms: "},
		"the end at once":            {at: overEnded, reason: reasonShakeEnd},
		"a client certificate":       {at: overTLS(signed("a.test"), asking(tls.VersionTLS13)), reason: reasonAsksClient},
		"the same, TLS 1.2":          {at: overTLS(signed("a.test"), asking(tls.VersionTLS12)), reason: "the target refused the TLS handshake: it wants a client certificate, or "},
		"that one":                   {at: overTLS(signed("a.test"), asking(tls.VersionTLS13)), terms: showing(certtest.New(signed("gateway.test")))},
		"another one":                {at: overTLS(signed("a.test"), asking(tls.VersionTLS13)), terms: showing(stranger), reason: "the target does not take the client certificate"},
		"an expired one":             {at: overTLS(signed("a.test"), asking(tls.VersionTLS13)), terms: showing(certtest.New(expired("gateway.test"))), reason: "the target does not take the client certificate (alert 45: expired certificate)"},
		"another one, TLS 1.2":       {at: overTLS(signed("a.test"), asking(tls.VersionTLS12)), terms: showing(stranger), reason: "the target does not take the client certificate"},
		"old TLS":                    {at: overTLS(signed("a.test"), func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }), reason: reasonOldTLS},
		"no name there": {at: overTLS(signed("a.test"), func(c *tls.Config) {
			c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, errors.New("no") }
		}), reason: "the target ended TLS: "},
		"nobody there": {at: refusing, reason: reasonRefused},
	} {
		t.Run(name, func(t *testing.T) {
			r := prober(t, nil)
			list := r.targets("p", 1, c.at(t), newProbe(c.probe))
			list[0].TLS, list[0].ServerName = believing(c.terms), "a.test"
			r.Sync(list)
			v := verdict(t, list[0].Health)
			if got := v.Reason; c.reason == "" && got != "" || !strings.HasPrefix(got, c.reason) {
				t.Errorf("got %q, want %q", got, c.reason)
			}
		})
	}
}

// TestProbesOverTLS: the connection is kept between probes, a new bundle makes a new one, and PROXY goes before it all.
func TestProbesOverTLS(t *testing.T) {
	s := &station{answer: always(ok), counts: map[string]int{}, busy: map[string]bool{}}
	config := proving(t, signed("a.test"), nil)
	names := make(chan string, 64)
	at := speak(t, func(c net.Conn) {
		head := make([]byte, len(proxyproto.Local))
		n, err := io.ReadFull(c, head)
		if n == 0 {
			return // The prober gave up before it had connected: a Sync or the end of the test.
		}
		if string(head[:n]) != proxyproto.Local {
			t.Errorf("a connection began with %q, %v", head[:n], err)
		}
		over := tls.Server(c, config)
		if over.Handshake() == nil {
			names <- over.ConnectionState().ServerName
			s.serve(from{over, c.RemoteAddr()})
		}
	})
	r := prober(t, nil)
	list := r.targets("p", 1, at, every("20ms"))
	list[0].TLS, list[0].ServerName, list[0].ProxyProtocol, list[0].KeepFor = believing(nil), "a.test", true, time.Minute
	r.Sync(list)
	until(t, "probes come again and again", func() bool { return s.count("p0") >= 5 })
	if n := s.connections(); n != 1 || <-names != "a.test" {
		t.Errorf("five probes took %d connections", n)
	}
	again := append([]Target(nil), list...)
	again[0].TLS = believing(nil)
	r.Sync(again)
	until(t, "there is a new connection", func() bool { return s.connections() == 2 })
	again = append([]Target(nil), list...)
	again[0].TLS = believing(func(t *secure.Terms) { t.Roots = []*x509.Certificate{} })
	r.Sync(again)
	until(t, "nobody is believed", func() bool { return list[0].Health.Status() == backend.Unhealthy })
}

// from is a connection with the address of another one.
type from struct {
	net.Conn
	addr net.Addr
}

func (f from) RemoteAddr() net.Addr { return f.addr }

// TestWordsOfALibrary: what a target may have written into them is neither long nor anything that a terminal obeys.
func TestWordsOfALibrary(t *testing.T) {
	for in, want := range map[string]string{
		"tls: x":                        "x",
		"x509: a\x1b[2J\nb\u202e":       "a?[2J?b?",
		strings.Repeat("a", 199) + "éé": strings.Repeat("a", 199) + "...",
		strings.Repeat("a", 200):        strings.Repeat("a", 200),
	} {
		if got := brief(in); got != want {
			t.Errorf("%q: got %q", in, got)
		}
	}
}

package proxy

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"net"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// certified is a certificate object.
func certified(name string, pair *certtest.Pair) *spec.Certificate {
	return &spec.Certificate{Name: name, CertificatePEM: &pair.Certificate, PrivateKeyPEM: &pair.Key}
}

// shown is the first name of the certificate that a client is shown which asks for a name, or for none.
func (r *rig) shown(name string, change func(*tls.Config)) (string, tls.ConnectionState) {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	config := &tls.Config{InsecureSkipVerify: true, ServerName: name}
	if change != nil {
		change(config)
	}
	over := tls.Client(newPeer(r.t, c).Conn, config)
	if err := over.Handshake(); err != nil {
		return err.Error(), tls.ConnectionState{}
	}
	state := over.ConnectionState()
	return state.PeerCertificates[0].Subject.CommonName, state
}

// TestCertificateOfAName: the listener of the name that a client asks for shows its own certificate, of a kind of key that the
// client knows; where no listener has the name, that without host names, or the first.
func TestCertificateOfAName(t *testing.T) {
	issued := func(names ...string) *certtest.Pair { return certtest.New(certtest.Issue{Names: names}) }
	listener := func(name string, certificates []string, hosts ...string) *spec.Listener {
		l := spec.Listeners.New().(*spec.Listener)
		l.Name, l.Port, l.Protocol, l.Certificates, l.Hostnames = name, 80, spec.HTTPS, certificates, hosts
		return l
	}
	r := newRig(t, func(r *rig) {
		r.listener = listener("web", []string{"a", "wild"}, "a.test", "*.wild.test")
		r.more = []spec.Object{
			certified("a", issued("a.test")), certified("wild", issued("*.wild.test")), certified("b", issued("b.test")), certified("any", issued("any.test")),
			listener("b", []string{"b"}, "b.test"),
		}
	}, answering(t, ok("x")).addr)
	check := func(want map[string]string) {
		t.Helper()
		for name, want := range want {
			if got, _ := r.shown(name, nil); got != want {
				t.Errorf("a client that asks for %q is shown %q, want %q", name, got, want)
			}
		}
	}
	check(map[string]string{
		"a.test": "a.test", "A.Test": "a.test", "x.wild.test": "*.wild.test", "b.test": "b.test",
		"": "b.test", "c.test": "b.test", // that of the first listener by name
	})
	r.on(func() { r.more = append(r.more, listener("everybody", []string{"any"})); r.publish() })
	check(map[string]string{"a.test": "a.test", "b.test": "b.test", "": "any.test", "c.test": "any.test", "127.0.0.1": "any.test"})
}

// TestNewCertificate: the first handshake behind a change is shown the new certificate, and nobody who is connected notices.
func TestNewCertificate(t *testing.T) {
	r := newRig(t, func(r *rig) { r.https() }, echo(t))
	open := r.websocket(nil)
	for n := range 5 {
		fresh := certtest.Sample(n)
		r.on(func() {
			r.more[0] = certified("shown", fresh)
			r.publish()
		})
		if got, _ := r.shown("a.test", nil); got != fresh.Leaf.Subject.CommonName {
			t.Errorf("shown is %q, want %q", got, fresh.Leaf.Subject.CommonName)
		}
		if err := open.WriteMessage(1, []byte("still here")); err != nil {
			t.Fatal(err)
		}
		if _, got, err := open.ReadMessage(); err != nil || string(got) != "still here" {
			t.Fatalf("got %q, %v", got, err)
		}
	}
}

// TestLongHandshakes: where a key signs, or what a client has to offer takes, too long for a loop a handshake begins anew
// beside it, of which nobody notices.
func TestLongHandshakes(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string]*certtest.Pair{
		"rsa.test": certtest.New(certtest.Issue{Names: []string{"rsa.test"}, Key: key}), "ec.test": certtest.New(certtest.Issue{Names: []string{"ec.test"}}),
	} {
		r := newRig(t, func(r *rig) { r.https(); r.more[0] = certified("shown", pair) }, answering(t, ok("x")).addr)
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			for _, curve := range []tls.CurveID{tls.X25519, tls.CurveP521} {
				got, state := r.shown("a.test", func(c *tls.Config) { c.MaxVersion, c.CurvePreferences = version, []tls.CurveID{curve} })
				if got != name || state.Version != version || state.CurveID != curve {
					t.Errorf("%s by %v: a client is shown %q by %s, %v", tls.VersionName(version), curve, got, tls.VersionName(state.Version), state.CurveID)
				}
			}
		}
	}
}

// TestSessions: a client takes up its session, also of a version before, until other tickets hold.
func TestSessions(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		r := newRig(t, func(r *rig) { r.https() }, answering(t, ok("x")).addr)
		cache := tls.NewLRUClientSessionCache(8)
		ask := func() bool {
			t.Helper()
			c, err := net.Dial("tcp", r.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			over := tls.Client(newPeer(t, c).Conn, &tls.Config{InsecureSkipVerify: true, ServerName: "a.test", ClientSessionCache: cache, MaxVersion: version})
			p := newPeer(t, over)
			p.send(get) // Tickets of TLS 1.3 are read with the answer.
			p.expect(200, "x")
			return over.ConnectionState().DidResume
		}
		if ask() {
			t.Error("the first handshake took up a session")
		}
		if !ask() {
			t.Errorf("%s: the second handshake took up none", tls.VersionName(version))
		}
		r.on(func() { r.publish() }) // Configurations that are made anew take the tickets of those before.
		if !ask() {
			t.Errorf("%s: behind a publication none was taken up", tls.VersionName(version))
		}
	}
}

// TestProtocolsOfAConnection: what the listener's tls does not allow is not agreed on.
func TestProtocolsOfAConnection(t *testing.T) {
	for name, c := range map[string]struct {
		of     *spec.TLS
		client func(*tls.Config)
		want   string // version, or what the client is told
	}{
		"as it comes": {nil, nil, "TLS 1.3"},
		"old clients": {nil, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, "protocol version"},
		"TLS 1.2":     {nil, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, "TLS 1.2"},
		"no forward secrecy": {nil, func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		}, "handshake failure"},
		"a policy of Azure": {&spec.TLS{Policy: new("AppGwSslPolicy20170401S")}, nil, "TLS 1.2"},
		"the oldest": {&spec.TLS{Policy: new("AppGwSslPolicy20150501")}, func(c *tls.Config) {
			c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
		}, "TLS 1.0"},
		"the newest alone": {&spec.TLS{MinVersion: new("1.3")}, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, "protocol version"},
		"an own suite": {&spec.TLS{MaxVersion: new("1.2"), CipherSuites: []string{"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"}}, func(c *tls.Config) {
			c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
		}, "handshake failure"},
		"another protocol": {nil, func(c *tls.Config) { c.NextProtos = []string{"spdy/3"} }, "no application protocol"},
		"HTTP/1.1":         {nil, func(c *tls.Config) { c.NextProtos = []string{"h2", "http/1.1"} }, "TLS 1.3"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(r *rig) { r.https(); r.listener.TLS = c.of }, answering(t, ok("x")).addr)
			got, state := r.shown("a.test", c.client)
			if state.Version != 0 {
				got = tls.VersionName(state.Version)
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestNoCertificate: a listener whose certificates cannot be shown serves nobody, and harms no other.
func TestNoCertificate(t *testing.T) {
	r := newRig(t, func(r *rig) {
		r.https()
		r.more = nil
	}, answering(t, ok("x")).addr)
	if got, _ := r.shown("a.test", nil); !strings.Contains(got, "internal error") {
		t.Errorf("the client is told %q", got)
	}
	until(t, "it is counted", func() bool { s := r.stats(); return s.Handshakes.Failed[shakeNone] == 1 && s.Clients == 0 })
}

// TestProxyHeaderBeforeTLS: the PROXY protocol tells of the client before the handshake, and TLS begins right behind it.
func TestProxyHeaderBeforeTLS(t *testing.T) {
	s := naming(t)
	r := newRig(t, func(r *rig) {
		greeted("127.0.0.1")(r)
		r.https()
	}, s.addr)
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p := newPeer(t, c)
	p.send(greeting4)
	over := newPeer(t, tls.Client(c, &tls.Config{InsecureSkipVerify: true, ServerName: "a.test"}))
	over.send(get)
	over.expect(200, "192.0.2.9")
}

// TestProtocolChangesInPlace: a connection of before the change ends behind its next answer, so that no client goes on in the
// clear where there is TLS.
func TestProtocolChangesInPlace(t *testing.T) {
	r := newRig(t, func(r *rig) { inClear(r) }, answering(t, ok("x")).addr)
	connect := func(secure bool) *peer {
		t.Helper()
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		p := newPeer(t, c)
		if secure {
			p = newPeer(t, tls.Client(p.Conn, &tls.Config{InsecureSkipVerify: true, ServerName: "a.test"}))
		}
		p.send(get)
		if h := p.expect(200, "x"); h.Get("Connection") != "" {
			t.Errorf("a fresh connection has %v", h)
		}
		return p
	}
	for _, secure := range []bool{true, false} {
		before := connect(!secure)
		r.on(func() {
			changed := *r.listener
			if r.listener = &changed; secure {
				r.https()
			} else {
				inClear(r)
			}
			r.publish()
		})
		connect(secure)
		before.send(get)
		if h := before.expect(200, "x"); h.Get("Connection") != "close" {
			t.Errorf("a connection of before the change to TLS %t has %v", secure, h)
		}
		if got := before.rest(); got != "" {
			t.Errorf("behind the answer came %q", got)
		}
	}
}

// TestInClearOnAPortOfTLS: whoever does not speak TLS is told so, whatever else is wrong with what it says.
func TestInClearOnAPortOfTLS(t *testing.T) {
	for name, send := range map[string]string{
		"a request":          get,
		"no Host":            "GET / HTTP/1.1\r\n\r\n",
		"no HTTP":            "EHLO a.test\r\n\r\n",
		"a bare LF":          "GET / HTTP/1.1\nHost: a\n\n",
		"two lengths":        posted + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
		"another version":    "GET / HTTP/3.0\r\nHost: a\r\n\r\n",
		"HTTP/2":             "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"a head too large":   "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 40<<10),
		"a target too large": "GET /" + strings.Repeat("x", 40<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n",
		"half a head":        "GET / HT",
		"a PROXY header":     "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
	} {
		for _, ends := range []bool{false, true} {
			r := newRig(t, func(r *rig) {
				r.https()
				r.listener.HeaderTimeout = "100ms"
			})
			c, err := net.Dial("tcp", r.addr)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			p := newPeer(t, c)
			p.send(send)
			if ends {
				p.CloseWrite()
			}
			if h := p.expect(400, "*"); h.Get("Gatewayd-Reason") != "not_tls" || h.Get("Connection") != "close" {
				t.Errorf("%s, %t: refused with %v", name, ends, h)
			}
			p.gone()
		}
	}
}

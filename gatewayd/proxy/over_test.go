package proxy

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// authority signs the certificates of targets of tests.
var authority = sync.OnceValue(func() *certtest.Pair { return certtest.New(certtest.Issue{Names: []string{"root.test"}, CA: true}) })

// proving is a target with a certificate, over TLS; change may alter its configuration.
func proving(t testing.TB, pair *certtest.Pair, change func(*tls.Config), fn func(*peer)) *server {
	t.Helper()
	config := &tls.Config{Certificates: []tls.Certificate{pair.TLS()}}
	if change != nil {
		change(config)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, tls.NewListener(ln, config), fn)
}

// signed is a certificate of the authority.
func signed(names ...string) *certtest.Pair {
	return certtest.New(certtest.Issue{Names: names, By: authority()})
}

// believing has the rig's setting speak TLS and believe the authority; change may alter its tls.
func believing(change func(*spec.TLSOut)) func(*rig) {
	return func(r *rig) {
		r.more = append(r.more, &spec.CABundle{Name: "roots", PEM: authority().Certificate})
		r.setting.Protocol, r.setting.TLS = spec.HTTPS, &spec.TLSOut{Verify: true, CABundles: []string{"roots"}}
		if change != nil {
			change(r.setting.TLS)
		}
	}
}

// saying answers every request with what it says of the connection.
func saying(of func(tls.ConnectionState) string) func(*peer) {
	return func(p *peer) {
		for {
			if _, _, alive := p.message(); !alive {
				return
			}
			p.send(ok(of(p.Conn.(*tls.Conn).ConnectionState())))
		}
	}
}

func serverName(s tls.ConnectionState) string { return s.ServerName }

// TestWhomToBelieve: a target must prove the name that the setting says, or its own; the client's host plays no part.
func TestWhomToBelieve(t *testing.T) {
	for name, c := range map[string]struct {
		of     *certtest.Pair
		tls    func(*spec.TLSOut)
		host   string
		target string // by which the backend came
		want   string // SNI; "-" where the target is not believed
	}{
		"by its address":              {of: signed("127.0.0.1"), want: ""},
		"another address":             {of: signed("127.0.0.2"), want: "-"},
		"by its DNS name":             {of: signed("app.internal"), target: "app.internal", want: "app.internal"},
		"not by its address then":     {of: signed("127.0.0.1"), target: "app.internal", want: "-"},
		"by the setting's host":       {of: signed("shop.test"), target: "app.internal", host: "shop.test:8443", want: "shop.test"},
		"by server_name":              {of: signed("inner.test"), target: "app.internal", host: "shop.test", tls: func(o *spec.TLSOut) { o.ServerName = new("inner.test") }, want: "inner.test"},
		"by an address":               {of: signed("10.1.1.1"), tls: func(o *spec.TLSOut) { o.ServerName = new("10.1.1.1") }, want: ""},
		"a wildcard":                  {of: signed("*.test"), tls: func(o *spec.TLSOut) { o.ServerName = new("inner.test") }, want: "inner.test"},
		"not by the client's host":    {of: signed("a.test", "a"), want: "-"},
		"a stranger":                  {of: certtest.New(certtest.Issue{}), want: "-"},
		"the machine's authorities":   {of: signed("127.0.0.1"), tls: func(o *spec.TLSOut) { o.CABundles = nil }, want: "-"},
		"expired":                     {of: certtest.New(certtest.Issue{Names: []string{"127.0.0.1"}, By: authority(), Until: authority().Leaf.NotBefore.Add(1)}), want: "-"},
		"anybody":                     {of: certtest.New(certtest.Issue{}), tls: func(o *spec.TLSOut) { o.Verify, o.CABundles = false, nil }, want: ""},
		"anybody, asked for its name": {of: certtest.New(certtest.Issue{}), tls: func(o *spec.TLSOut) { o.Verify, o.CABundles, o.ServerName = false, nil, new("x.test") }, want: "x.test"},
		"of a bundle that is gone":    {of: signed("127.0.0.1"), tls: func(o *spec.TLSOut) { o.CABundles = []string{"gone"} }, want: "-"},
	} {
		t.Run(name, func(t *testing.T) {
			s := proving(t, c.of, nil, saying(serverName))
			r := newRig(t, func(r *rig) {
				believing(c.tls)(r)
				r.setting.ConnectTimeout = "1m" // The machine's authorities are read by the first handshake that needs them.
				if c.host != "" {
					r.setting.Host = &c.host
				}
			}, s.addr)
			for _, h := range r.registry.Healths() {
				h.Backend.SetName(c.target)
			}
			p := r.dial()
			p.send(get)
			if c.want != "-" {
				p.expect(200, c.want)
			} else if h := p.expect(502, "*"); h.Get("Gatewayd-Reason") != "tls_failed" {
				t.Errorf("refused with %s", h.Get("Gatewayd-Reason"))
			}
		})
	}
}

// TestConnectionsOverTLS: they serve one request after the other, new ones take up the session of one before, and none that
// was made under other terms is used again.
func TestConnectionsOverTLS(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		var mu sync.Mutex
		var resumed []bool
		s := proving(t, signed("127.0.0.1"), func(c *tls.Config) { c.MaxVersion = version }, func(p *peer) {
			if p.Conn.(*tls.Conn).Handshake() != nil {
				return
			}
			mu.Lock()
			resumed = append(resumed, p.Conn.(*tls.Conn).ConnectionState().DidResume)
			mu.Unlock()
			for {
				head, _, alive := p.message()
				if !alive {
					return
				}
				p.send(ok("x"))
				if strings.HasPrefix(head, "GET /last ") {
					return
				}
			}
		})
		r := newRig(t, believing(nil), s.addr)
		ask := func(path string) {
			t.Helper()
			p := r.dial()
			p.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n")
			p.expect(200, "x")
		}
		conns := func(want int64, what string) {
			t.Helper()
			if n := s.conns.Load(); n != want {
				t.Errorf("%s: %s: the target saw %d connections, want %d", tls.VersionName(version), what, n, want)
			}
		}
		kept := func(n int) {
			t.Helper()
			until(t, "connections are kept", func() bool { return r.stats().Idle == n })
		}
		for range 5 {
			ask("/")
			kept(1)
		}
		conns(1, "five requests")
		ask("/last")
		kept(0)
		ask("/")
		kept(1)
		conns(2, "behind the end of one")
		r.on(func() { r.setting.Retries = 2; r.publish() })
		ask("/")
		kept(1)
		conns(2, "behind a change of something else")
		r.on(func() {
			r.more[len(r.more)-1] = &spec.CABundle{Name: "roots", PEM: authority().Certificate + signed("other.test").Certificate}
			r.publish()
		})
		ask("/")
		conns(3, "with another bundle")
		mu.Lock()
		if len(resumed) != 3 || resumed[0] || !resumed[1] || resumed[2] {
			t.Errorf("%s: sessions taken up: %v, want that of the second connection", tls.VersionName(version), resumed)
		}
		mu.Unlock()
	}
}

// TestClientCertificate: a target that asks gets the setting's, a new one from the next connection on.
func TestClientCertificate(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		s := proving(t, signed("127.0.0.1"), func(c *tls.Config) {
			c.ClientAuth, c.ClientCAs, c.MaxVersion = tls.RequireAndVerifyClientCert, x509.NewCertPool(), version
			c.ClientCAs.AddCert(authority().Leaf)
		}, saying(func(s tls.ConnectionState) string { return s.PeerCertificates[0].Subject.CommonName }))
		r := newRig(t, believing(func(o *spec.TLSOut) { o.ClientCertificate = new("mine") }), s.addr)
		p := r.dial()
		p.send(get)
		if h := p.expect(502, "*"); h.Get("Gatewayd-Reason") != "tls_failed" {
			t.Errorf("%s: without a certificate refused with %s", tls.VersionName(version), h.Get("Gatewayd-Reason"))
		}
		r.on(func() { r.more = append(r.more, certified("mine", signed("first.test"))); r.publish() })
		for _, want := range []string{"first.test", "second.test"} {
			p := r.dial()
			p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			p.expect(200, want)
			r.on(func() { r.more[len(r.more)-1] = certified("mine", signed("second.test")); r.publish() })
		}
	}
}

// TestBadCertificateMeetsAnotherTarget: nothing of the request was sent, so that whatever its method another one serves it,
// and the one is to blame.
func TestBadCertificateMeetsAnotherTarget(t *testing.T) {
	bad := proving(t, certtest.New(certtest.Issue{}), nil, saying(serverName))
	good := proving(t, signed("127.0.0.1"), nil, saying(func(tls.ConnectionState) string { return "good" }))
	r := newRig(t, func(r *rig) {
		believing(nil)(r)
		r.setting.Eject = &spec.Eject{Failures: 2, For: "1h"}
	}, bad.addr, good.addr)
	for range 6 {
		p := r.dial()
		p.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
		p.expect(200, "good")
	}
	if n := bad.conns.Load(); n < 2 {
		t.Errorf("the target with another's certificate was tried %d times", n)
	}
	until(t, "it is ejected", func() bool {
		return slices.ContainsFunc(r.registry.Healths(), func(h *backend.Health) bool {
			return h.Backend.Key.Addr.TCP == bad.addr && !h.View().Ejected.IsZero()
		})
	})
}

// TestClearTextIsNoAnswer: what a target says before there is TLS is nobody's, however it looks.
func TestClearTextIsNoAnswer(t *testing.T) {
	for name, fn := range map[string]func(*peer){
		"first":  func(p *peer) { io.WriteString(p.Conn, ok("forged")); p.gone() },
		"behind": func(p *peer) { p.Read(make([]byte, 1)); io.WriteString(p.Conn, ok("forged")); p.gone() },
	} {
		for method, verify := range map[string]bool{"verified": true, "not verified": false} {
			r := newRig(t, believing(func(o *spec.TLSOut) {
				if o.Verify = verify; !verify {
					o.CABundles = nil
				}
			}), newClearServer(t, fn).addr)
			p := r.dial()
			p.send(get)
			_, h, body := p.answer("GET")
			if got := h.Get("Gatewayd-Reason"); got != "tls_failed" || strings.Contains(body, "forged") {
				t.Errorf("%s, %s: reason %q, body %q", name, method, got, body)
			}
		}
	}
}

// TestTruncatedAnswerOverTLS: an answer without a length ends with close_notify alone; FIN may be anybody's.
func TestTruncatedAnswerOverTLS(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
	for name, c := range map[string]struct {
		end   func(*tls.Conn)
		whole bool
	}{
		"close_notify": {func(c *tls.Conn) { c.CloseWrite() }, true},
		"FIN":          {func(c *tls.Conn) { c.NetConn().(*net.TCPConn).CloseWrite() }, false},
	} {
		s := proving(t, signed("127.0.0.1"), nil, func(p *peer) {
			p.message()
			p.send(head + "half of it")
			c.end(p.Conn.(*tls.Conn))
			p.gone()
		})
		p := newRig(t, believing(nil), s.addr).dial()
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		_, body, err := p.tryAnswer()
		if (err == nil) != c.whole || c.whole && body != "half of it" {
			t.Errorf("%s: got %q, %v", name, body, err)
		}
	}
}

// TestWebSocketOverTLS: messages of every size go both ways.
func TestWebSocketOverTLS(t *testing.T) {
	hs := httptest.NewUnstartedServer(echoing())
	hs.TLS = &tls.Config{Certificates: []tls.Certificate{signed("127.0.0.1").TLS()}}
	hs.StartTLS()
	t.Cleanup(hs.Close)
	c := newRig(t, believing(nil), hs.Listener.Addr().(*net.TCPAddr).AddrPort()).websocket(nil)
	for _, size := range []int{0, 1, 126, 70_000, 3 << 20} {
		message := bytes.Repeat([]byte{byte(size)}, size)
		sent := make(chan error)
		go func() { sent <- c.WriteMessage(websocket.BinaryMessage, message) }()
		_, got, err := c.ReadMessage()
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		if err != nil || !bytes.Equal(got, message) {
			t.Fatalf("%d bytes came back as %d: %v", size, len(got), err)
		}
	}
}

// TestSendProxyProtocolBeforeTLS: the header tells of the client in clear, and TLS begins right behind it.
func TestSendProxyProtocolBeforeTLS(t *testing.T) {
	config := &tls.Config{Certificates: []tls.Certificate{signed("127.0.0.1").TLS()}}
	got := make(chan netip.AddrPort, 1)
	s := newClearServer(t, func(p *peer) {
		from, _ := told(p)
		over := newPeer(t, tls.Server(buffered{p.Conn, p.r}, config))
		over.message()
		got <- from
		over.send(ok("x"))
		over.gone()
	})
	r := newRig(t, func(r *rig) {
		believing(nil)(r)
		r.setting.SendProxyProtocol = true
	}, s.addr)
	p := r.dial()
	p.send(get)
	p.expect(200, "x")
	if from := <-got; from.String() != p.LocalAddr().String() {
		t.Errorf("the target was told of %s, want %s", from, p.LocalAddr())
	}
}

// buffered is a connection of which something was read ahead.
type buffered struct {
	net.Conn
	r io.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

// TestClientLeavesInAHandshake: the connection to the target ends with the request that it was made for, wherever it stands.
func TestClientLeavesInAHandshake(t *testing.T) {
	gone := make(chan struct{}, 1)
	s := newClearServer(t, func(p *peer) { p.gone(); gone <- struct{}{} })
	r := newRig(t, believing(nil), s.addr)
	p := r.dial()
	p.send(get)
	until(t, "the target is dialled", func() bool { return s.conns.Load() == 1 })
	p.reset()
	<-gone
	until(t, "nothing is open", func() bool { return r.stats().Open == 0 })
}

// TestSilentTargetOverTLS: a handshake that does not end is over with the connect_timeout.
func TestSilentTargetOverTLS(t *testing.T) {
	r := newRig(t, func(r *rig) {
		believing(nil)(r)
		r.setting.ConnectTimeout = "100ms"
	}, newClearServer(t, func(p *peer) { p.gone() }).addr)
	p := r.dial()
	p.send(get)
	if h := p.expect(502, "*"); h.Get("Gatewayd-Reason") != "connect_timeout" {
		t.Errorf("refused with %s", h.Get("Gatewayd-Reason"))
	}
}

// TestLateAlert: with TLS 1.3 a target tells behind the handshake that it does not take what it was shown. The request is on
// its way by then, however long it is; the client is told the true reason all the same, and only what may be repeated goes to
// another target.
func TestLateAlert(t *testing.T) {
	strict := func(c *tls.Config) {
		c.ClientAuth, c.ClientCAs, c.MinVersion = tls.RequireAndVerifyClientCert, x509.NewCertPool(), tls.VersionTLS13
		c.ClientCAs.AddCert(authority().Leaf)
	}
	refusing := proving(t, signed("127.0.0.1"), strict, saying(serverName))
	alone := newRig(t, believing(nil), refusing.addr)
	good := proving(t, signed("127.0.0.1"), nil, saying(func(tls.ConnectionState) string { return "good" }))
	both := newRig(t, believing(nil), refusing.addr, good.addr)
	long := strings.Repeat("x", 1<<20)
	requests := map[string]struct {
		text   string
		repeat bool
	}{
		"GET":        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
		"POST":       {posted + "Content-Length: 1\r\n\r\nx", false},
		"long POST":  {posted + "Content-Length: 1048576\r\n\r\n" + long, false},
		"WebSocket":  {wsRequest, false},
		"small PUT":  {"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", true},
		"chunks":     {inChunks + "100000\r\n" + long + "\r\n0\r\n\r\n", false},
		"incomplete": {posted + "Content-Length: 2\r\n\r\nx", false},
	}
	for name, c := range requests {
		for range 5 {
			p := alone.dial()
			go io.WriteString(p.Conn, c.text)
			if h := p.expect(502, "*"); h.Get("Gatewayd-Reason") != "tls_failed" {
				t.Errorf("%s: refused with %s", name, h.Get("Gatewayd-Reason"))
			}
			p.reset()
			if !c.repeat {
				continue
			}
			p = both.dial()
			p.send(c.text)
			p.expect(200, "good")
		}
	}
	if n := both.stats().Retries; n == 0 {
		t.Error("the target that refuses was never asked")
	}
}

// TestConnectionsAreOfOneName: what was proved under the name of one setting, or of one DNS name of the target, serves no
// request that another one is asked of, nor is a session taken up by it.
func TestConnectionsAreOfOneName(t *testing.T) {
	s := proving(t, signed("a.test", "b.test", "c.internal", "d.internal"), nil, saying(func(s tls.ConnectionState) string {
		if s.DidResume {
			return s.ServerName + ", resumed"
		}
		return s.ServerName
	}))
	r := newRig(t, func(r *rig) {
		believing(nil)(r)
		r.setting.KeepAlive.IdleTimeout = "1h"
		r.rules = nil
		for _, name := range []string{"a", "b", "own"} {
			o := *r.setting
			own := *r.setting.TLS
			o.Name, o.TLS = name, &own
			if name != "own" {
				own.ServerName = new(name + ".test")
			}
			r.more = append(r.more, &o)
			r.rules = append(r.rules, &spec.Rule{Name: name, Listener: "web", Match: &spec.Match{Paths: []string{"/" + name}}, Pool: new("apps"), Setting: &name})
		}
	}, s.addr)
	named := func(name string) {
		for _, h := range r.registry.Healths() {
			h.Backend.SetName(name)
		}
	}
	named("c.internal")
	conns := int64(0)
	ask := func(rule, want string, fresh bool) {
		t.Helper()
		p := r.dial()
		p.send("GET /" + rule + " HTTP/1.1\r\nHost: a\r\n\r\n")
		p.expect(200, want)
		until(t, "the connection is kept", func() bool { return r.stats().Open == 0 })
		if fresh {
			conns++
		}
		if n := s.conns.Load(); n != conns {
			t.Errorf("%s: the target saw %d connections, want %d", rule, n, conns)
		}
	}
	for i := range 3 {
		for rule, want := range map[string]string{"a": "a.test", "b": "b.test", "own": "c.internal"} {
			ask(rule, want, i == 0)
		}
	}
	named("d.internal")
	for i := range 3 {
		ask("own", "d.internal", i == 0)
		ask("a", "a.test", false)
	}
	named("c.internal")
	ask("own", "c.internal, resumed", true) // That it proved before, and nobody else did.
}

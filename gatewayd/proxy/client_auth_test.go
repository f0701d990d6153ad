package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secure"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// signer is one that signs.
func signer(name string) *certtest.Pair {
	return certtest.New(certtest.Issue{Names: []string{name}, CA: true})
}

// bundle is a CA bundle with these authorities.
func bundle(name string, of ...*certtest.Pair) *spec.CABundle {
	b := &spec.CABundle{Name: name}
	for _, ca := range of {
		b.PEM += ca.Certificate
	}
	return b
}

// wants has the rig's listener ask for certificates, which the bundle "clients" verifies.
func (r *rig) wants(mode string, of ...*certtest.Pair) {
	r.https()
	r.listener.ClientAuth = &spec.ClientAuth{Mode: mode}
	if mode != spec.AuthPassthrough {
		r.listener.ClientAuth.CABundles = []string{"clients"}
		r.more = append(r.more, bundle("clients", of...))
	}
}

// bundles replaces what the bundle "clients" holds.
func (r *rig) bundles(of ...*certtest.Pair) {
	r.on(func() {
		for i, o := range r.more {
			if o.Key() == "clients" {
				r.more[i] = bundle("clients", of...)
			}
		}
		r.publish()
	})
}

// as is a client's connection that shows a certificate, where pair is not nil, and asks for a name.
func (r *rig) as(pair *certtest.Pair, name string, change func(*tls.Config)) (*peer, *tls.Conn) {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	config := &tls.Config{InsecureSkipVerify: true, ServerName: name}
	if pair != nil {
		shown := pair.TLS()
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &shown, nil }
	}
	if change != nil {
		change(config)
	}
	over := tls.Client(newPeer(r.t, c).Conn, config)
	if err := over.Handshake(); err != nil {
		r.t.Fatal(err)
	}
	return newPeer(r.t, over), over
}

// telling is a target that answers with what the rewrite of tells tells it.
func telling(t testing.TB) *server {
	return newServer(t, func(p *peer) {
		for {
			head, _, alive := p.message()
			if !alive {
				return
			}
			var told []string
			for _, name := range []string{"x-client-verify", "x-client-subject"} {
				for line := range strings.Lines(head) {
					if of, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && strings.EqualFold(of, name) {
						told = append(told, value)
					}
				}
			}
			p.send(ok(strings.Join(told, "|")))
		}
	})
}

// tells has targets told of clients.
func (r *rig) tells() {
	r.rewriting("tell", `{"request_headers":{"X-Client-Verify":{"value":"{var_client_certificate_verification}"},"X-Client-Subject":{"value":"{var_client_certificate_subject}"}}}`)
}

// forging is a request that says of its client what only the gateway may say.
const forging = "GET / HTTP/1.1\r\nHost: a.test\r\nX-Client-Verify: SUCCESS\r\nx-client-subject: CN=admin\r\nX-CLIENT-SUBJECT: CN=root\r\n\r\n"

// TestClientAuth: who is served and what targets are told, in each mode, by both versions of TLS. What a client says of
// itself in headers never comes through.
func TestClientAuth(t *testing.T) {
	root, other := signer("root"), signer("other")
	between := certtest.New(certtest.Issue{Names: []string{"between"}, CA: true, By: root})
	issue := func(i certtest.Issue) *certtest.Pair { i.Names = []string{"alice"}; return certtest.New(i) }
	hour := time.Hour
	type want struct{ strict, optional string } // the reason of 400, or what the target is told
	clients := map[string]struct {
		shows *certtest.Pair
		want
	}{
		"nothing":              {nil, want{"no_client_certificate", "NONE"}},
		"a good one":           {issue(certtest.Issue{By: root}), want{"SUCCESS|CN=alice", "SUCCESS|CN=alice"}},
		"one with a chain":     {issue(certtest.Issue{By: between}), want{"SUCCESS|CN=alice", "SUCCESS|CN=alice"}},
		"another authority's":  {issue(certtest.Issue{By: other}), want{"client_certificate_untrusted", "FAILED:unknown_authority|CN=alice"}},
		"one of its own":       {issue(certtest.Issue{}), want{"client_certificate_untrusted", "FAILED:unknown_authority|CN=alice"}},
		"one that has expired": {issue(certtest.Issue{By: root, From: time.Now().Add(-2 * hour), Until: time.Now().Add(-hour)}), want{"client_certificate_expired", "FAILED:expired|CN=alice"}},
		"one for tomorrow":     {issue(certtest.Issue{By: root, From: time.Now().Add(hour), Until: time.Now().Add(2 * hour)}), want{"client_certificate_expired", "FAILED:not_yet_valid|CN=alice"}},
		"one for servers":      {issue(certtest.Issue{By: root, Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}), want{"client_certificate_invalid", "FAILED:not_for_clients|CN=alice"}},
	}
	for _, mode := range []string{spec.AuthStrict, spec.AuthOptional, spec.AuthPassthrough, ""} {
		target := telling(t)
		r := newRig(t, func(r *rig) {
			if r.tells(); mode != "" {
				r.wants(mode, root)
			} else {
				r.https()
			}
		}, target.addr)
		for shows, c := range clients {
			want := c.optional
			switch {
			case mode == spec.AuthStrict:
				want = c.strict
			case mode == spec.AuthPassthrough && c.shows != nil:
				want = "FAILED:not_verified|CN=alice"
			case mode == "":
				want = "NONE"
			}
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				t.Run(fmt.Sprintf("%q, %s, %s", mode, shows, tls.VersionName(version)), func(t *testing.T) {
					p, _ := r.as(c.shows, "a.test", func(c *tls.Config) { c.MaxVersion = version })
					p.send(forging)
					status, h, body := p.answer("GET")
					got, refused := body, status != 200
					if refused {
						got = h.Get("Gatewayd-Reason")
					}
					if got != want || refused != (h.Get("Connection") == "close") || refused && status != 400 {
						t.Fatalf("got %d %v %q, want %s", status, h, body, want)
					}
					if refused {
						if rest := p.rest(); rest != "" {
							t.Errorf("behind the answer came %q", rest)
						}
						return
					}
					p.send(forging)
					p.expect(200, want)
				})
			}
		}
	}
}

// shared are listeners of one port that ask their clients for different things.
func shared(r *rig, root, other *certtest.Pair) {
	r.https()
	r.listener.Hostnames = []string{"a.test"}
	r.more = append(r.more, bundle("clients", root), bundle("others", other), bundle("the same", root))
	listener := func(host string, auth *spec.ClientAuth) {
		l := *r.listener
		l.Name, l.Hostnames, l.ClientAuth = host, []string{host}, auth
		r.more = append(r.more, &l)
		r.rules = append(r.rules, &spec.Rule{Name: host, Listener: host, Pool: new("apps"), Setting: new("plain"), Rewrite: r.rules[0].Rewrite})
	}
	listener("open.test", nil)
	listener("strict.test", &spec.ClientAuth{Mode: spec.AuthStrict, CABundles: []string{"clients"}})
	listener("alike.test", &spec.ClientAuth{Mode: spec.AuthStrict, CABundles: []string{"the same"}})
	listener("both.test", &spec.ClientAuth{Mode: spec.AuthStrict, CABundles: []string{"clients", "others"}})
	listener("optional.test", &spec.ClientAuth{Mode: spec.AuthOptional, CABundles: []string{"clients"}})
	listener("pass.test", &spec.ClientAuth{Mode: spec.AuthPassthrough})
}

// TestMisdirected: a certificate that was shown, or not, to one listener says nothing to another that asks for something else.
// The connection goes on, and each request is for itself.
func TestMisdirected(t *testing.T) {
	root, other := signer("root"), signer("other")
	target := telling(t)
	r := newRig(t, func(r *rig) { r.tells(); shared(r, root, other) }, target.addr)
	alice := certtest.New(certtest.Issue{Names: []string{"alice"}, By: root})
	alike := map[string][]string{
		"a.test": {"a.test", "open.test"}, "open.test": {"a.test", "open.test"}, "": {"alike.test", "strict.test"}, // the first by name
		"strict.test": {"strict.test", "alike.test"}, "alike.test": {"strict.test", "alike.test"}, "both.test": {"both.test"},
		"optional.test": {"optional.test"}, "pass.test": {"pass.test"},
	}
	for sni, fit := range alike {
		p, _ := r.as(alice, sni, nil)
		for range 2 {
			for host := range alike {
				if host == "" {
					continue
				}
				served := host == fit[0] || len(fit) > 1 && host == fit[1]
				p.send("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
				status, h, body := p.answer("GET")
				switch {
				case served && (status != 200 || h.Get("Connection") == "close"):
					t.Errorf("a connection for %q asks %s: got %d %v %q", sni, host, status, h, body)
				case !served && (status != 421 || h.Get("Gatewayd-Reason") != "misdirected" || h.Get("Connection") == "close"):
					t.Errorf("a connection for %q asks %s: got %d %v %q, want 421", sni, host, status, h, body)
				}
			}
		}
	}
	// A path that is refused does not tell of a listener to whom it does not serve.
	p, _ := r.as(nil, "open.test", nil)
	p.send("GET /%5c HTTP/1.1\r\nHost: strict.test\r\n\r\n")
	if h := p.expect(421, "*"); h.Get("Gatewayd-Reason") != "misdirected" {
		t.Errorf("got %v", h)
	}
}

// TestAdmissionAllocatesNothing: nobody pays for what others ask for, nor does one who showed what was wanted.
func TestAdmissionAllocatesNothing(t *testing.T) {
	root := signer("root").Leaf
	strict, again := secure.NewAuth(spec.AuthStrict, []*x509.Certificate{root}), secure.NewAuth(spec.AuthStrict, []*x509.Certificate{root})
	more := secure.NewAuth(spec.AuthStrict, []*x509.Certificate{root, certtest.Sample(1).Leaf})
	for what, c := range map[string]struct {
		met *secure.Peer
		of  *table.Listener
	}{
		"in clear":         {nil, &table.Listener{ID: "l"}},
		"nothing is asked": {&secure.Peer{Listener: "l"}, &table.Listener{ID: "l"}},
		"shown":            {&secure.Peer{Listener: "l", Auth: strict, Verdict: secure.Verified}, &table.Listener{ID: "l", Auth: strict}},
		"shown to another": {&secure.Peer{Listener: "m", Auth: strict, Verdict: secure.Verified}, &table.Listener{ID: "l", Auth: again}},
		"shown before":     {&secure.Peer{Listener: "l", Auth: strict, Verdict: secure.Verified}, &table.Listener{ID: "l", Auth: more}},
	} {
		down := &client{met: c.met, flags: cKeep}
		if n := testing.AllocsPerRun(100, func() {
			if why := down.admit(c.of); why != 0 {
				t.Errorf("%s: %s", what, why)
			}
		}); n != 0 || down.flags&cKeep == 0 {
			t.Errorf("%s: %v allocations, flags %x", what, n, down.flags)
		}
	}
}

// asking is a client with sessions, and says how a request of it is answered and whether it took up a session.
func (r *rig) asking(pair *certtest.Pair, name string, version uint16, cache tls.ClientSessionCache) (answer string, resumed bool) {
	r.t.Helper()
	p, over := r.as(pair, name, func(c *tls.Config) { c.ClientSessionCache, c.MaxVersion = cache, version })
	p.send("GET / HTTP/1.1\r\nHost: " + name + "\r\n\r\n")
	status, h, body := p.answer("GET")
	over.Close()
	if status != 200 {
		body = fmt.Sprint(status, " ", h.Get("Gatewayd-Reason"))
	}
	return body, over.ConnectionState().DidResume
}

// oneName is a cache that offers the sessions of every name for every name.
type oneName struct{ tls.ClientSessionCache }

func (o oneName) Get(string) (*tls.ClientSessionState, bool)  { return o.ClientSessionCache.Get("") }
func (o oneName) Put(_ string, state *tls.ClientSessionState) { o.ClientSessionCache.Put("", state) }

// TestSessionsOfClients: who a client is goes on with its session, is looked at anew, and ends with the authority's leaving
// (golang.org/issue CVE-2025-68121, nginx CVE-2025-23419, Apache CVE-2025-23048).
func TestSessionsOfClients(t *testing.T) {
	old, fresh, other := signer("old"), signer("fresh"), signer("other")
	alice, bob := certtest.New(certtest.Issue{Names: []string{"alice"}, By: old}), certtest.New(certtest.Issue{Names: []string{"bob"}, By: fresh})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			target := telling(t)
			r := newRig(t, func(r *rig) { r.tells(); shared(r, old, other) }, target.addr)
			caches := map[*certtest.Pair]tls.ClientSessionCache{}
			ask := func(pair *certtest.Pair, name, want string, resumes bool) {
				t.Helper()
				if caches[pair] == nil {
					caches[pair] = oneName{tls.NewLRUClientSessionCache(8)}
				}
				if got, resumed := r.asking(pair, name, version, caches[pair]); got != want || resumed != resumes {
					t.Errorf("at %s: got %q, resumed %t; want %q, %t", name, got, resumed, want, resumes)
				}
			}
			const isAlice, isBob = "SUCCESS|CN=alice", "SUCCESS|CN=bob"
			ask(alice, "strict.test", isAlice, false)
			ask(alice, "strict.test", isAlice, true)
			ask(alice, "strict.test", isAlice, true) // with the ticket of a session that was taken up
			// Nobody else takes it up: not a listener that asks for the same, nor one that asks for less, and the other way.
			ask(alice, "alike.test", isAlice, false)
			ask(alice, "optional.test", isAlice, false)
			ask(alice, "open.test", "NONE", false)
			ask(alice, "strict.test", isAlice, false)
			// Whoever showed nothing is asked again, and need not wait for the end of a session.
			ask(nil, "strict.test", "400 no_client_certificate", false)
			ask(nil, "strict.test", "400 no_client_certificate", false)
			caches[bob] = caches[nil]
			ask(bob, "strict.test", "400 client_certificate_untrusted", false)
			// An authority comes, and the old one goes.
			r.bundles(old, fresh)
			ask(alice, "strict.test", isAlice, false)
			ask(bob, "strict.test", isBob, false)
			ask(bob, "strict.test", isBob, true)
			r.bundles(fresh)
			ask(bob, "strict.test", isBob, false)
			ask(alice, "strict.test", "400 client_certificate_untrusted", false)
			ask(alice, "optional.test", "FAILED:unknown_authority|CN=alice", false)
			ask(alice, "optional.test", "FAILED:unknown_authority|CN=alice", true)
			r.bundles(old, fresh)
			ask(alice, "strict.test", isAlice, false)
		})
	}
}

// TestSessionIsVerifiedAnew: an authority between that has expired since ends what a session was believed for.
func TestSessionIsVerifiedAnew(t *testing.T) {
	root := signer("root")
	until := time.Now().Add(2 * time.Second).Truncate(time.Second)
	between := certtest.New(certtest.Issue{Names: []string{"between"}, CA: true, By: root, Until: until})
	alice := certtest.New(certtest.Issue{Names: []string{"alice"}, By: between})
	target := telling(t)
	r := newRig(t, func(r *rig) { r.tells(); r.wants(spec.AuthOptional, root) }, target.addr)
	cache := tls.NewLRUClientSessionCache(8)
	r.asking(alice, "a.test", tls.VersionTLS13, cache)
	for {
		late := time.Now().After(until.Add(time.Second))
		got, resumed := r.asking(alice, "a.test", tls.VersionTLS13, cache)
		if late {
			if got != "FAILED:expired|CN=alice" || !resumed {
				t.Errorf("got %q, resumed %t", got, resumed)
			}
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestAuthorityLeavesWhileConnected: who is connected gets one more answer and is asked anew; WebSockets stay. An authority
// that comes, or a change of something else, is none of their business.
func TestAuthorityLeavesWhileConnected(t *testing.T) {
	old, fresh := signer("old"), signer("fresh")
	alice, bob := certtest.New(certtest.Issue{Names: []string{"alice"}, By: old}), certtest.New(certtest.Issue{Names: []string{"bob"}, By: fresh})
	target := telling(t)
	r := newRig(t, func(r *rig) { r.tells(); r.wants(spec.AuthStrict, old) }, target.addr)
	p, _ := r.as(alice, "a.test", nil)
	late, _ := r.as(alice, "a.test", nil)
	ask := func(closes bool) {
		t.Helper()
		p.send(forging)
		if h := p.expect(200, "SUCCESS|CN=alice"); h.Get("Connection") == "close" != closes {
			t.Errorf("got %v", h)
		}
	}
	ask(false)
	r.bundles(old, fresh)
	ask(false)
	r.on(func() {
		changed := *r.listener
		changed.KeepAliveTimeout = "2h"
		r.listener = &changed
		r.publish()
	})
	ask(false)
	r.bundles(fresh)
	ask(true)
	if rest := p.rest(); rest != "" {
		t.Errorf("behind the answer came %q", rest)
	}
	// A WebSocket would outlive that answer.
	late.send(wsRequest)
	if h := late.expect(421, "*"); h.Get("Gatewayd-Reason") != "misdirected" || h.Get("Connection") != "close" {
		t.Errorf("got %v", h)
	}
	p, _ = r.as(bob, "a.test", nil)
	p.send(forging)
	p.expect(200, "SUCCESS|CN=bob")
	// Nobody was asked so far, and now everybody is.
	r.on(func() {
		changed := *r.listener
		changed.ClientAuth = nil
		r.listener = &changed
		r.publish()
	})
	p.send(forging)
	if h := p.expect(200, "SUCCESS|CN=bob"); h.Get("Connection") != "close" {
		t.Errorf("got %v", h)
	}
	p, _ = r.as(bob, "a.test", nil)
	p.send(forging)
	p.expect(200, "NONE")
	r.on(func() {
		changed := *r.listener
		changed.ClientAuth = &spec.ClientAuth{Mode: spec.AuthStrict, CABundles: []string{"clients"}}
		r.listener = &changed
		r.publish()
	})
	p.send(forging)
	if h := p.expect(200, "NONE"); h.Get("Connection") != "close" {
		t.Errorf("got %v", h)
	}
}

// TestWebSocketOfAClient: a client is let in to a WebSocket as to any request, and an open one outlives its authority.
func TestWebSocketOfAClient(t *testing.T) {
	root, other := signer("root"), signer("other")
	alice := certtest.New(certtest.Issue{Names: []string{"alice"}, By: root})
	r := newRig(t, func(r *rig) { r.wants(spec.AuthStrict, root) }, echo(t))
	p, _ := r.as(nil, "a.test", nil)
	p.send(wsRequest)
	if h := p.expect(400, "*"); h.Get("Gatewayd-Reason") != "no_client_certificate" {
		t.Errorf("got %v", h)
	}
	p, _ = r.as(alice, "a.test", nil)
	p.send(wsRequest)
	if head := p.head(); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		t.Fatalf("got %q", head)
	}
	r.bundles(other)
	p.send("\x81\x82\x00\x00\x00\x00hi")
	if got := p.bytes(4); got != "\x81\x02hi" {
		t.Errorf("got %q", got)
	}
}

// TestClientsAreTold whose certificates are wanted, unless these are more than anybody looks through.
func TestClientsAreTold(t *testing.T) {
	root, other := signer("root"), signer("other")
	many := []*certtest.Pair{root}
	for i := range 400 {
		many = append(many, certtest.New(certtest.Issue{Names: []string{fmt.Sprintf("authority %d of a whole lot of them", i)}, CA: true, Key: root.Signer}))
	}
	alice := certtest.New(certtest.Issue{Names: []string{"alice"}, By: root})
	for what, c := range map[string]struct {
		change func(*rig)
		told   int
	}{
		"two":      {func(r *rig) { r.wants(spec.AuthOptional, root, other) }, 2},
		"too many": {func(r *rig) { r.wants(spec.AuthStrict, many...) }, 0},
		"anybody":  {func(r *rig) { r.wants(spec.AuthPassthrough) }, 0},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			r := newRig(t, c.change, answering(t, ok("x")).addr)
			told := -1
			p, _ := r.as(alice, "a.test", func(c *tls.Config) {
				show := c.GetClientCertificate
				c.MaxVersion = version
				c.GetClientCertificate = func(i *tls.CertificateRequestInfo) (*tls.Certificate, error) {
					told = len(i.AcceptableCAs)
					return show(i)
				}
			})
			p.send(get)
			p.expect(200, "x")
			if told != c.told {
				t.Errorf("%s, %s: %d are told, want %d", what, tls.VersionName(version), told, c.told)
			}
		}
	}
}

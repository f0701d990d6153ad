package proxy

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// trusting is a listener that believes these networks.
func trusting(networks ...string) func(*rig) {
	return func(r *rig) { inClear(r); r.listener.TrustedProxies = networks }
}

// trustOf is what a table makes of these networks.
func trustOf(networks ...string) table.Trust {
	l := spec.Listeners.New().(*spec.Listener)
	l.Name, l.Port, l.TrustedProxies = "l", 80, networks
	d := (*spec.Set)(nil).Draft(1)
	d.Put(spec.NewEntry("l", 1, l))
	compiled, _ := table.Compile(d.Finish(), &rig{})
	return compiled.Address("", 80).Listeners[0].Trusted
}

// fieldsOf is the lines of X-Forwarded-For as a request has them.
func fieldsOf(lines []string) *http1.Request {
	r := &http1.Request{}
	for _, l := range lines {
		r.Fields = append(r.Fields, http1.Field{Name: []byte("X-Forwarded-For"), Value: []byte(l), ID: http1.FieldXForwardedFor})
	}
	return r
}

func TestOrigin(t *testing.T) {
	trust := trustOf("10.0.0.0/8", "2001:db8:a::/48", "192.0.2.7")
	many := strings.Repeat("10.0.0.9, ", 63)
	for _, c := range []struct {
		name, peer string
		lines      []string
		client     string
		listed     bool
	}{
		{"nothing is said", "10.0.0.1:5", nil, "10.0.0.1:5", false},
		{"a stranger speaks", "198.51.100.1:5", []string{"192.0.2.9"}, "198.51.100.1:5", false},
		{"one sender", "10.0.0.1:5", []string{"192.0.2.9"}, "192.0.2.9:0", true},
		{"a port", "10.0.0.1:5", []string{"192.0.2.9:77"}, "192.0.2.9:77", true},
		{"IPv6", "10.0.0.1:5", []string{"2001:DB8::9"}, "[2001:db8::9]:0", true},
		{"IPv6 in brackets", "10.0.0.1:5", []string{"[2001:db8::9]"}, "[2001:db8::9]:0", true},
		{"IPv6 with a port", "10.0.0.1:5", []string{"[2001:db8::9]:77"}, "[2001:db8::9]:77", true},
		{"an IPv4-mapped peer", "[::ffff:10.0.0.1]:5", []string{"::ffff:192.0.2.9"}, "192.0.2.9:0", true},
		{"an IPv4-mapped proxy in the list", "10.0.0.1:5", []string{"192.0.2.9, ::ffff:10.0.0.3"}, "192.0.2.9:0", true},
		{"a proxy of IPv6", "[2001:db8:a::1]:5", []string{"192.0.2.9"}, "192.0.2.9:0", true},
		{"what the client says of itself", "10.0.0.1:5", []string{"6.6.6.6, 192.0.2.9"}, "192.0.2.9:0", true},
		{"what the client says of our proxies", "10.0.0.1:5", []string{"6.6.6.6, 10.0.0.7, 192.0.2.9"}, "192.0.2.9:0", true},
		{"a chain of proxies", "10.0.0.1:5", []string{"6.6.6.6, 192.0.2.9, 192.0.2.7, 2001:db8:a::3,10.0.0.3:80"}, "192.0.2.9:0", true},
		{"a chain on several lines", "10.0.0.1:5", []string{"6.6.6.6,192.0.2.9", "10.0.0.3"}, "192.0.2.9:0", true},
		{"everybody is trusted", "10.0.0.1:5", []string{"10.0.0.4:4, 10.0.0.3"}, "10.0.0.4:4", true},
		{"tabs and spaces", "10.0.0.1:5", []string{" \t192.0.2.9\t,\t 10.0.0.3"}, "192.0.2.9:0", true},
		{"unknown", "10.0.0.1:5", []string{"192.0.2.9, Unknown, 10.0.0.3"}, "10.0.0.3:0", true},
		{"unknown to the peer", "10.0.0.1:5", []string{"unknown"}, "10.0.0.1:5", true},
		{"hidden", "10.0.0.1:5", []string{"_hidden-1.a_b"}, "10.0.0.1:5", true},
		{"hidden behind the client", "10.0.0.1:5", []string{"_gazonk, 192.0.2.9"}, "192.0.2.9:0", true},
		{"64 senders", "10.0.0.1:5", []string{many + "10.0.0.3"}, "10.0.0.9:0", true},
		{"65 senders", "10.0.0.1:5", []string{many, "10.0.0.3"}, "10.0.0.1:5", false},
		{"2 KiB", "10.0.0.1:5", []string{"192.0.2.9" + strings.Repeat(" ", 2048-9)}, "192.0.2.9:0", true},
		{"more than 2 KiB", "10.0.0.1:5", []string{"192.0.2.9", "10.0.0.3" + strings.Repeat(" ", 2048-9)}, "10.0.0.1:5", false},
		{"empty", "10.0.0.1:5", []string{""}, "10.0.0.1:5", false},
		{"an empty element", "10.0.0.1:5", []string{"192.0.2.9,,10.0.0.3"}, "10.0.0.1:5", false},
		{"an empty element at the end", "10.0.0.1:5", []string{"192.0.2.9,"}, "10.0.0.1:5", false},
		{"an empty line", "10.0.0.1:5", []string{"192.0.2.9", ""}, "10.0.0.1:5", false},
		{"malformed behind the client", "10.0.0.1:5", []string{"x, 192.0.2.9"}, "10.0.0.1:5", false},
		{"two addresses in one", "10.0.0.1:5", []string{"192.0.2.9 10.0.0.3"}, "10.0.0.1:5", false},
	} {
		w := &Worker{}
		for range 2 { // The second time over the memory of the first.
			o := w.originOf(trust, fieldsOf(c.lines), netip.MustParseAddrPort(c.peer))
			if o.client != netip.MustParseAddrPort(c.client) || o.listed != c.listed || o.peer != netip.MustParseAddrPort(c.peer) {
				t.Errorf("%s: the client is %v, listed %v; want %s, %v", c.name, o.client, o.listed, c.client, c.listed)
			}
		}
	}
}

func TestMalformedSenders(t *testing.T) {
	for _, word := range []string{"", "a", "192.0.2", "192.0.2.09", "192.0.2.256", "192.0.2.9:", "192.0.2.9:0", "192.0.2.9:080", "192.0.2.9:65536", "192.0.2.9:-1",
		"192.0.2.9:123456", "[192.0.2.9]", "[192.0.2.9]:1", "[::1", "[::1]1", "[::1]:", "[::1]:x", "[]", "[", "[::1]]", "::1]", "fe80::1%eth0", "[fe80::1%eth0]", ":", ":1",
		"::1:", "unknown:1", "un", "_", "_a:1", "_a b", "_ä", `"::1"`, `"[::1]:80"`, "for=192.0.2.9", "192.0.2.9;proto=http", "192.0.2.9/32", "0x7f.1", "localhost"} {
		if sender, ok := parseSender([]byte(word)); ok {
			t.Errorf("%q is read as %v", word, sender)
		}
	}
}

// FuzzSenders reads any list of X-Forwarded-For: each element is what net/netip takes for an address, with a port or without.
func FuzzSenders(f *testing.F) {
	for _, seed := range []string{"192.0.2.9, [2001:db8::1]:80,_h", "unknown", "::ffff:1.2.3.4 ,1.2.3.4:5", "[::1", ",", "\t::1\t"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, one, other string) {
		senders, ok := appendSenders(nil, fieldsOf([]string{one, other}).Fields)
		if len(senders) > mostSenders {
			t.Fatalf("%d senders", len(senders))
		}
		if !ok {
			return
		}
		words := strings.Split(one+","+other, ",")
		if len(words) != len(senders) || len(one)+len(other) > mostSenderBytes {
			t.Fatalf("%d senders of %q", len(senders), words)
		}
		for i, word := range words {
			word = strings.Trim(word, " \t")
			want, err := netip.ParseAddrPort(word)
			if err != nil {
				addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(word, "["), "]"))
				if hidden := strings.HasPrefix(word, "_") || strings.EqualFold(word, "unknown"); (err != nil) != hidden {
					t.Fatalf("%q is read as %v", word, senders[i])
				}
				want = netip.AddrPortFrom(addr, 0)
			}
			if want = netip.AddrPortFrom(want.Addr().Unmap(), want.Port()); senders[i] != want || senders[i].Addr().Zone() != "" {
				t.Fatalf("%q is read as %v", word, senders[i])
			}
		}
	})
}

// Each case is what a proxy sends beside Host, and what the backend gets in its place.
func TestTrustedProxiesAreBelieved(t *testing.T) {
	const tail = "X-Forwarded-Host: a.test\r\nX-Original-Host: a.test\r\nX-Request-Id: ID\r\n"
	const plain = "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 80\r\n" + tail
	replaced := func(old, new string) string { return strings.Replace(plain, old, new, 1) }
	for _, c := range []struct{ name, send, got string }{
		{"nothing is said", "", plain},
		{"everything", "x-request-id: 0af7651916cd43dd-8448eb211c80319c:00.~/+=@_\r\nX-Original-Host: c.test\r\nX-Forwarded-Host: b.test:8443\r\nX-Forwarded-Port: 443\r\n" +
			"X-Forwarded-Proto: HTTPS\r\nX-Forwarded-For: 192.0.2.9\r\n",
			"X-Forwarded-For: 192.0.2.9, 127.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 443\r\nX-Forwarded-Host: b.test:8443\r\nX-Original-Host: c.test\r\n" +
				"X-Request-Id: 0af7651916cd43dd-8448eb211c80319c:00.~/+=@_\r\n"},
		{"a list on two lines", "X-Forwarded-For: 6.6.6.6,192.0.2.9:5\r\nX-A: 1\r\nX-Forwarded-For: 127.0.0.2\r\n",
			"X-A: 1\r\n" + replaced("127.0.0.1", "6.6.6.6,192.0.2.9:5, 127.0.0.2, 127.0.0.1")},
		{"a list that is none", "X-Forwarded-For: 192.0.2.9, x\r\nX-Forwarded-Proto: https\r\n", replaced("http\r", "https\r")},
		{"a list too long", "X-Forwarded-For: " + strings.Repeat("127.0.0.1,", 64) + "127.0.0.1\r\n", plain},
		{"what is said twice", "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 443\r\nX-Forwarded-Port: 443\r\nX-Forwarded-Host: b\r\nx-forwarded-host: c\r\n" +
			"X-Original-Host: b\r\nX-Original-Host: b\r\nX-Request-Id: a\r\nX-Request-Id: b\r\n", plain},
		{"what is empty", "X-Forwarded-Proto:\r\nX-Forwarded-Port:\r\nX-Forwarded-Host:\r\nX-Original-Host:\r\nX-Request-Id:\r\n", plain},
		{"what it cannot be", "X-Forwarded-Proto: wss\r\nX-Forwarded-Port: 0\r\nX-Forwarded-Host: b, c\r\nX-Original-Host: a/b\r\nX-Request-Id: a b\r\n", plain},
		{"other odd words", "X-Forwarded-Proto: https, http\r\nX-Forwarded-Port: 0443\r\nX-Forwarded-Host: *.b\r\nX-Original-Host: ä\r\nX-Request-Id: " + strings.Repeat("a", 129) + "\r\n", plain},
		{"the longest id", "X-Request-Id: " + strings.Repeat("a", 128) + "\r\n", replaced("ID", strings.Repeat("a", 128))},
		{"names beside these", "Forwarded: for=192.0.2.9\r\nX-Real-IP: 192.0.2.9\r\nX-Forwarded-Prefix: /x\r\nX-Forwarded-Server: s\r\n", plain},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := answering(t, ok("x"))
			r := newRig(t, trusting("127.0.0.0/8"), s.addr)
			p := r.dial()
			p.send("GET / HTTP/1.1\r\nHost: a.test\r\n" + c.send + "\r\n")
			p.expect(200, "x")
			if d := cmp.Diff("GET / HTTP/1.1\r\nHost: a.test\r\n"+c.got+http1.Hop+"\r\n", settled(s.got()[0])); d != "" {
				t.Errorf("the backend got (-want +got):\n%s", d)
			}
			// The same from who is not trusted.
			r.on(func() { r.listener.TrustedProxies = []string{"127.0.0.2", "10.0.0.0/8"}; r.publish() })
			p.send("GET / HTTP/1.1\r\nHost: a.test\r\n" + c.send + "\r\n")
			p.expect(200, "x")
			if got := settled(s.got()[1]); !strings.HasSuffix(got, "\r\n"+plain+http1.Hop+"\r\n") || strings.Count(got, "X-Forwarded") != 4 {
				t.Errorf("from a stranger the backend got\n%s", got)
			}
		})
	}
}

// Underscored twins are refused, whoever sends them.
func TestTwinsOfTrustedProxiesAreRefused(t *testing.T) {
	r := newRig(t, trusting("127.0.0.0/8"))
	for _, name := range []string{"X_Forwarded_For", "X-Forwarded_Proto", "X_Request_Id"} {
		p := r.dial()
		p.send("GET / HTTP/1.1\r\nHost: a.test\r\n" + name + ": 192.0.2.9\r\n\r\n")
		p.expect(400, "*")
	}
}

// A pool that goes by the client's address goes by the one that a trusted proxy tells, and so does a rewrite.
func TestTheClientBehindAProxy(t *testing.T) {
	var servers []netip.AddrPort
	for i := range 8 {
		servers = append(servers, newServer(t, func(p *peer) {
			for {
				head, _, alive := p.message()
				if !alive {
					return
				}
				_, who, _ := strings.Cut(head, "\r\nX-Who: ")
				who, _, _ = strings.Cut(who, "\r\n")
				p.send(ok(fmt.Sprintf("%d for %s", i, who)))
			}
		}).addr)
	}
	w := &spec.Rewrite{Name: "who", Steps: []spec.RewriteStep{{RequestHeaders: map[string]spec.RewriteHeader{
		"X-Who": {Value: new("{var_client_ip} by {var_add_x_forwarded_for_proxy}")}}}}}
	r := newRig(t, func(r *rig) {
		trusting("127.0.0.0/8")(r)
		r.pool.Algorithm = spec.SourceHash
		r.rules[0].Rewrite = new("who")
		r.more = append(r.more, w)
	}, servers...)
	p := r.dial()
	ask := func(list, who string) (server string) {
		t.Helper()
		p.send("GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: " + list + "\r\n\r\n")
		_, _, body := p.answer("GET")
		server, got, _ := strings.Cut(body, " for ")
		if got != who {
			t.Errorf("a rewrite took %s for %q, want %q", list, got, who)
		}
		return server
	}
	places := map[string]bool{}
	for i := range 16 {
		client := fmt.Sprintf("192.0.2.%d", i)
		at := ask(client, client+" by "+client+", 127.0.0.1")
		places[at] = true
		// The same client by another way, and whatever it says of itself.
		for _, list := range []string{client + ":4000", "6.6.6.6, " + client + ", 127.0.0.3", "::ffff:" + client} {
			if other := ask(list, client+" by "+list+", 127.0.0.1"); other != at {
				t.Errorf("%s went to %s as %q, else to %s", client, other, list, at)
			}
		}
	}
	if len(places) < 3 {
		t.Errorf("16 clients went to %d of 8 targets", len(places))
	}
	r.on(func() { r.listener.TrustedProxies = nil; r.publish() })
	places = map[string]bool{}
	for i := range 16 {
		places[ask(fmt.Sprintf("192.0.2.%d", i), "127.0.0.1 by 127.0.0.1")] = true
	}
	if len(places) != 1 {
		t.Errorf("a client that claims to be 16 went to %d targets", len(places))
	}
}

// linked is a stream from another machine on the same link.
type linked struct{ loop.Stream }

func (linked) LocalAddr() netip.AddrPort  { return netip.MustParseAddrPort("[fe80::7%2]:5") }
func (linked) RemoteAddr() netip.AddrPort { return netip.MustParseAddrPort("[fe80::7%2]:5") }

// TestClientOfALink: what a target is told of a client can be read on another machine.
func TestClientOfALink(t *testing.T) {
	c := &client{stream: linked{}}
	for _, a := range []netip.AddrPort{c.peer(), c.remote(), c.local()} {
		if text := a.Addr().String(); text != "fe80::7" || a.Port() != 5 {
			t.Errorf("the client is %v", a)
		}
		if _, ok := parseSender([]byte(a.Addr().String())); !ok {
			t.Errorf("no gateway believes %v", a)
		}
	}
}

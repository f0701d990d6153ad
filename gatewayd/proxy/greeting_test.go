package proxy

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/proxyproto"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// greeted is a listener whose connections begin with a PROXY protocol header of these networks.
func greeted(networks ...string) func(*rig) {
	return func(r *rig) {
		inClear(r)
		r.listener.ProxyProtocol, r.listener.TrustedProxies = true, networks
	}
}

const (
	greeting4 = "PROXY TCP4 192.0.2.9 198.51.100.7 4711 443\r\n"
	greeting6 = "PROXY TCP6 2001:db8::9 2001:db8::7 4711 443\r\n"
)

// greetingOf is a header of version 2.
func greetingOf(from, to string) string {
	return string(proxyproto.Append(nil, netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)))
}

// naming is a target that answers with the X-Forwarded-For that it gets.
func naming(t testing.TB) *server {
	return newServer(t, func(p *peer) {
		for {
			head, _, alive := p.message()
			if !alive {
				return
			}
			_, list, _ := strings.Cut(head, "\r\nX-Forwarded-For: ")
			list, _, _ = strings.Cut(list, "\r\n")
			p.send(ok(list))
		}
	})
}

// closes waits for the end of a connection on which nothing is answered, and ends it, too.
func (p *peer) closes() {
	p.t.Helper()
	if b, err := io.ReadAll(p.r); len(b) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Errorf("the answer is %q, %v", b, err)
	}
	p.Close()
}

// turnsAway sends on a connection that is reset as soon as it is accepted, which may show at any of these steps.
func (r *rig) turnsAway(send string) {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		return
	}
	defer c.Close()
	p := newPeer(r.t, c)
	if _, err := io.WriteString(c, send); err == nil {
		p.closes()
	}
}

// Two requests behind a header, in pieces of every size, as one segment and byte by byte.
func TestProxyHeaderIsRead(t *testing.T) {
	const requests = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"
	r := newRig(t, greeted("127.0.0.1"), naming(t).addr)
	for name, c := range map[string]struct{ header, want string }{
		"version 1":                      {greeting4, "192.0.2.9"},
		"version 1 over IPv6":            {greeting6, "2001:db8::9"},
		"version 1 that knows nothing":   {"PROXY UNKNOWN\r\n", "127.0.0.1"},
		"version 2":                      {greetingOf("192.0.2.9:4711", "198.51.100.7:443"), "192.0.2.9"},
		"version 2 over IPv6":            {greetingOf("[2001:db8::9]:4711", "[2001:db8::7]:443"), "2001:db8::9"},
		"version 2 of the sender's own":  {proxyproto.Local, "127.0.0.1"},
		"version 2 over a Unix socket":   {proxyproto.Signature + "\x21\x31\x00\xd8" + strings.Repeat("a", 216), "127.0.0.1"},
		"version 2 with much besides":    {proxyproto.Signature + "\x21\x11\x0f\xff\xc0\x00\x02\x09\xc6\x33\x64\x07\x00\x01\x00\x02\x04\x0f\xf0" + strings.Repeat("e", 4080), "192.0.2.9"},
		"version 1 and an empty line":    {greeting4 + "\r\n", "192.0.2.9"},
		"version 2, IPv4-mapped in IPv6": {proxyproto.Signature + "\x21\x21\x00\x24" + strings.Repeat("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x09", 2) + "\x00\x01\x00\x02", "192.0.2.9"},
	} {
		t.Run(name, func(t *testing.T) {
			all := c.header + requests
			for _, pieces := range [][]string{{all}, {c.header, requests}, {all[:1], all[1:]}, {all[:len(c.header)-1], all[len(c.header)-1:]}, strings.Split(all, "")} {
				if len(pieces) > 1000 {
					continue
				}
				p := r.dial()
				for _, piece := range pieces {
					p.send(piece)
				}
				p.expect(200, c.want)
				if second := c.want; second == "127.0.0.1" {
					p.expect(200, "6.6.6.6, "+second)
				} else {
					p.expect(200, second) // Its sender is the client, who is not trusted.
				}
				p.Close()
			}
		})
	}
}

// What does not begin as it should is closed without an answer, and counted by its reason.
func TestProxyHeaderIsWanted(t *testing.T) {
	for _, c := range []struct {
		name, send string
		reason     Reason
		trusted    string
		change     func(*rig)
		fin        bool
	}{
		{name: "a stranger", send: greeting4 + get, reason: ReasonUntrustedProxy, trusted: "10.0.0.0/8"},
		{name: "a stranger of IPv6 networks", send: greeting4 + get, reason: ReasonUntrustedProxy, trusted: "::/0"},
		{name: "no header", send: get, reason: ReasonNoProxyHeader},
		{name: "an empty line first", send: "\r\n" + get, reason: ReasonNoProxyHeader},
		{name: "HTTP/2", send: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", reason: ReasonNoProxyHeader},
		{name: "a header that is none", send: "PROXY TCP4 192.0.2.9 198.51.100.7 4711\r\n" + get, reason: ReasonBadProxyHeader},
		{name: "a header over UDP", send: proxyproto.Signature + "\x21\x12\x00\x00" + get, reason: ReasonBadProxyHeader},
		{name: "a header without an end", send: "PROXY UNKNOWN " + strings.Repeat("x", 200), reason: ReasonBadProxyHeader},
		{name: "a header too long", send: proxyproto.Signature + "\x21\x11\xff\xff", reason: ReasonBadProxyHeader},
		{name: "a header that breaks off", send: greeting4[:20], reason: ReasonBadProxyHeader, fin: true},
		{name: "a header that does not come", send: greeting4[:20], reason: ReasonSlowRequest, change: func(r *rig) { r.listener.HeaderTimeout = "100ms" }},
		{name: "nothing", fin: true},
		{name: "nothing in time", change: func(r *rig) { r.listener.HeaderTimeout = "100ms" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log strings.Builder
			s := naming(t)
			r := newRig(t, func(r *rig) {
				if c.trusted == "" {
					c.trusted = "127.0.0.0/8"
				}
				greeted(c.trusted)(r)
				if c.change != nil {
					c.change(r)
				}
				r.w.log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			}, s.addr)
			var refused [Reasons]uint64
			if c.reason == ReasonUntrustedProxy {
				r.turnsAway(c.send)
			} else {
				p := r.dial()
				p.send(c.send)
				if c.fin {
					p.CloseWrite()
				}
				p.closes()
			}
			if c.reason != 0 {
				refused[c.reason] = 1
				until(t, "it is counted", func() bool { return r.stats().Refused[c.reason] > 0 })
			}
			until(t, "the connection is gone", func() bool { return r.stats().Clients == 0 })
			if got := r.stats(); got.Refused != refused || got.Requests != 0 || s.conns.Load() != 0 {
				t.Errorf("refused were %v, %d requests read, %d connections at the target", got.Refused, got.Requests, s.conns.Load())
			}
			r.on(func() {}) // The log is the loop's.
			if told := strings.Contains(log.String(), `msg="connection closed" address="" port=80 peer=127.0.0.1:`); told != (c.reason != 0) {
				t.Errorf("the log says %q", log.String())
			}
		})
	}
}

// A second header is the first line of a request, and none.
func TestProxyHeaderComesOnce(t *testing.T) {
	r := newRig(t, greeted("127.0.0.0/8"), naming(t).addr)
	for _, header := range []string{greeting4, proxyproto.Local} {
		p := r.dial()
		p.send(greeting4 + header + get)
		p.expect(400, "*")
		p.closes()
	}
}

// A WebSocket, and what is sent with its handshake, behind a header.
func TestProxyHeaderBeforeAWebSocket(t *testing.T) {
	got := make(chan string, 1)
	s := newServer(t, func(p *peer) {
		head, _, _ := p.message()
		p.send(switching)
		got <- head + p.bytes(8)
		p.send("\x81\x02hi")
		p.gone()
	})
	r := newRig(t, greeted("127.0.0.1"), s.addr)
	p := r.dial()
	p.send(greetingOf("192.0.2.9:4711", "198.51.100.7:443") + wsRequest + "\x81\x82maskup")
	if all, want := p.bytes(len(switching)+4), switching+"\x81\x02hi"; all != want {
		t.Errorf("got %q, want %q", all, want)
	}
	if all := <-got; !strings.Contains(all, "\r\nX-Forwarded-For: 192.0.2.9\r\n") || !strings.HasSuffix(all, "\x81\x82maskup") {
		t.Errorf("the target got %q", all)
	}
}

// The client of a header may be a proxy that is trusted itself; the header goes on to a target that wants one; and a
// client of HTTP/1.0 without a host is sent back to the address that it came to.
func TestTheClientOfAProxyHeader(t *testing.T) {
	r := newRig(t, greeted("127.0.0.1", "192.0.2.0/24"), naming(t).addr)
	p := r.dial()
	p.send(greeting4 + "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6, 203.0.113.5\r\n\r\n")
	p.expect(200, "6.6.6.6, 203.0.113.5, 192.0.2.9")
	p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	p.expect(200, "192.0.2.9")

	told4 := make(chan string, 1)
	s := newClearServer(t, func(p *peer) {
		from, to := told(p)
		told4 <- from.String() + " " + to.String()
		p.message()
		p.send(ok("x"))
	})
	r.on(func() { r.setting.SendProxyProtocol = true; r.targets(s.addr); r.publish() })
	p = r.dial()
	p.send(greeting4 + get)
	p.expect(200, "x")
	if got, want := <-told4, "192.0.2.9:4711 198.51.100.7:443"; got != want {
		t.Errorf("the target was told %s, want %s", got, want)
	}

	r.on(func() { redirect(spec.Redirect{Status: 301, Listener: new("web")})(r); r.publish() })
	for header, want := range map[string]string{greeting4: "http://198.51.100.7/", greeting6: "http://[2001:db8::7]/", proxyproto.Local: "http://127.0.0.1/"} {
		p = r.dial()
		p.send(header + "GET / HTTP/1.0\r\n\r\n")
		if got := p.expect(301, "*").Get("Location"); got != want {
			t.Errorf("a client that came to %q is sent to %s, want %s", header, got, want)
		}
	}
}

// Who is one too many is told so behind its header, and waits for no longer than others to be.
func TestProxyHeaderOfOneTooMany(t *testing.T) {
	r := newRig(t, func(r *rig) { greeted("127.0.0.1")(r); r.listener.MaxConnections = 1; r.listener.HeaderTimeout = "1h" }, naming(t).addr)
	p := r.dial()
	p.send(greeting4 + get)
	p.expect(200, "192.0.2.9")
	other := r.dial()
	other.send(greeting6 + get)
	other.expect(503, "*")
	r.dial().closes()
	p.send(get)
	p.expect(200, "192.0.2.9")
}

// The protocol is one of new connections: those that are open go on as they began, and so they do when others are trusted.
func TestProxyProtocolChangesInPlace(t *testing.T) {
	r := newRig(t, inClear, naming(t).addr)
	plain, silent := r.dial(), r.dial()
	plain.send(get)
	plain.expect(200, "127.0.0.1")
	until(t, "both are accepted", func() bool { return r.stats().Clients == 2 })
	r.on(func() { greeted("127.0.0.1")(r); r.publish() })
	greeting := r.dial()
	greeting.send(greeting4 + get)
	greeting.expect(200, "192.0.2.9")
	half := r.dial()
	half.send(greeting4[:9])
	until(t, "it is accepted", func() bool { return r.stats().Clients == 4 })
	r.on(func() { greeted("10.0.0.0/8")(r); r.publish() })
	r.turnsAway(greeting4 + get)
	half.send(greeting4[9:] + get)
	half.expect(200, "192.0.2.9")
	r.on(func() { trusting()(r); r.listener.ProxyProtocol = false; r.publish() })
	for p, want := range map[*peer]string{plain: "127.0.0.1", silent: "127.0.0.1", greeting: "192.0.2.9", half: "192.0.2.9", r.dial(): "127.0.0.1"} {
		p.send(get)
		p.expect(200, want)
	}
}

// A listener that goes, and a gateway that stops, wait for no header.
func TestNobodyWaitsForAProxyHeader(t *testing.T) {
	for name, end := range map[string]func(*rig){
		"the listener goes":   func(r *rig) { r.listener, r.rules = nil, nil; r.publish(); r.w.Sweep() },
		"the gateway stops":   func(r *rig) { r.w.Shutdown(time.Minute) },
		"the connection dies": func(*rig) {},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(r *rig) { greeted("127.0.0.1")(r); r.listener.HeaderTimeout = "1h" }, nobody(t))
			silent, half := r.dial(), r.dial()
			half.send(greeting4[:9])
			until(t, "both are accepted", func() bool { return r.stats().Clients == 2 })
			r.on(func() { end(r) })
			if strings.HasSuffix(name, "dies") {
				silent.reset()
				half.reset()
			} else {
				silent.closes()
				half.closes()
			}
			until(t, "both are gone", func() bool { return r.stats().Clients == 0 })
		})
	}
}

// Listeners of one address and port have the protocol together, and each believes whom it trusts in the rest.
func TestProxyProtocolOfASharedPort(t *testing.T) {
	other := spec.Listeners.New().(*spec.Listener)
	other.Name, other.Port, other.Hostnames = "other", 80, []string{"b"}
	r := newRig(t, func(r *rig) {
		greeted("127.0.0.1", "192.0.2.9")(r)
		r.more = append(r.more, other)
		r.rules = append(r.rules, &spec.Rule{Name: "b", Listener: "other", Pool: new("apps"), Setting: new("plain")})
	}, naming(t).addr)
	p := r.dial()
	p.send(greeting4)
	for host, want := range map[string]string{"a": "203.0.113.5, 192.0.2.9", "b": "192.0.2.9"} {
		p.send(fmt.Sprintf("GET / HTTP/1.1\r\nHost: %s\r\nX-Forwarded-For: 203.0.113.5\r\n\r\n", host))
		p.expect(200, want)
	}
	p = r.dial()
	p.send("GET / HTTP/1.1\r\nHost: b\r\n\r\n")
	p.closes()
}

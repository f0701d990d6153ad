package proxy

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/proxyproto"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// told reads the header of a connection: who connected to where.
func told(p *peer) (from, to netip.AddrPort) {
	b := make([]byte, 16)
	if _, err := io.ReadFull(p.r, b); err != nil || string(b[:14]) != proxyproto.Signature+"\x21\x11" {
		p.t.Errorf("a connection began with %q: %v", b, err)
		return
	}
	a := make([]byte, binary.BigEndian.Uint16(b[14:]))
	if _, err := io.ReadFull(p.r, a); err != nil {
		p.t.Errorf("a header broke off: %v", err)
		return
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(a[:4])), binary.BigEndian.Uint16(a[8:])),
		netip.AddrPortFrom(netip.AddrFrom4([4]byte(a[4:8])), binary.BigEndian.Uint16(a[10:]))
}

// A target on a Unix socket is told of the client's TCP connection, too.
func TestSendProxyProtocolToAUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	serve(t, ln, func(p *peer) {
		from, to := told(p)
		p.message()
		got <- from.String() + " " + to.String()
		p.send(ok("x"))
	})
	r := newRig(t, func(r *rig) {
		r.setting.SendProxyProtocol = true
		r.pool.Targets["socket"] = spec.PoolTarget{Address: "unix:" + path, Weight: 1}
	})
	p := r.dial()
	p.send(get)
	p.expect(200, "x")
	if got, want := <-got, p.LocalAddr().String()+" "+r.addr; got != want {
		t.Errorf("the target was told %s, want %s", got, want)
	}
}

// Each connection to a target tells of one client, and serves nobody else: also a retry's, and one of a setting that told
// nothing before.
func TestSendProxyProtocol(t *testing.T) {
	type client struct{ from, to, head string }
	got := make(chan client, 10)
	s := newClearServer(t, func(p *peer) {
		from, to := told(p)
		head, _, _ := p.message()
		got <- client{from.String(), to.String(), head}
		if strings.HasPrefix(head, "GET /chat") {
			p.send(switching + "\x81\x02hi")
		} else {
			p.send(ok("x"))
		}
		p.gone()
	})
	plain := newClearServer(t, func(p *peer) {
		for {
			if head, _, alive := p.message(); !alive || !strings.HasPrefix(head, "GET ") {
				return
			}
			p.send(ok("plain"))
		}
	})
	r := newRig(t, nil, plain.addr)
	p := r.dial()
	p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	p.expect(200, "plain")
	until(t, "a connection is kept", func() bool { return r.stats().Idle == 1 })
	r.on(func() { r.setting.SendProxyProtocol = true; r.publish() })
	p.send(get) // The plain target's kept connection is not used, and a new one begins with what it cannot read.
	p.expect(502, "*")
	if n := plain.conns.Load(); n != 2 {
		t.Errorf("the target without the protocol saw %d connections, want a new one", n)
	}
	r.on(func() { r.targets(nobody(t), s.addr); r.publish() })
	for range 4 {
		p := r.dial()
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		p.expect(200, "x")
		c := <-got
		if c.from != p.LocalAddr().String() || c.to != r.addr || !strings.Contains(c.head, "\r\nConnection: close\r\n") {
			t.Errorf("from %s to %s the target was told %+v", p.LocalAddr(), r.addr, c)
		}
	}
	if n := r.stats().Idle; n != 1 {
		t.Errorf("%d connections are idle, want the one of before", n)
	}
	p = r.dial()
	p.send(wsRequest)
	if got, want := p.bytes(len(switching)+4), switching+"\x81\x02hi"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if c := <-got; c.from != p.LocalAddr().String() || !strings.Contains(c.head, "\r\nConnection: Upgrade\r\n") {
		t.Errorf("from %s the target was told %+v", p.LocalAddr(), c)
	}
}

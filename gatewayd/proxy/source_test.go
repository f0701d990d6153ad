package proxy

import (
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// Where no own address can be used the gateway says so, and blames no target.
func TestNoSourceAddress(t *testing.T) {
	a, b := answering(t, ok("x")), answering(t, ok("x"))
	r := newRig(t, func(r *rig) {
		ejects(r)
		r.setting.SourceAddresses = []string{"203.0.113.1", "203.0.113.2"}
	}, a.addr, b.addr)
	p := r.dial()
	for range 3 {
		p.send(get)
		if h := p.expect(503, "*"); h.Get("Gatewayd-Reason") != "no_port" || h.Get("Retry-After") == "" {
			t.Errorf("got %v", h)
		}
	}
	r.blamed(a.addr, 0)
	r.on(func() { r.setting.SourceAddresses = []string{"127.0.0.1"}; r.publish() })
	p.send(get)
	p.expect(200, "x")
}

// A target to which this machine has no way is not to blame: no TCP connection leads to a group of receivers.
func TestNoRoute(t *testing.T) {
	to := netip.MustParseAddrPort("224.0.0.1:80")
	r := newRig(t, ejects, to)
	p := r.dial()
	for _, request := range []string{get, post} {
		p.send(request)
		if h := p.expect(502, "*"); h.Get("Gatewayd-Reason") != "no_route" {
			t.Errorf("got %v", h)
		}
	}
	r.blamed(to, 0)
}

// What the system says of a connection that did not come about, and whose fault it is.
func TestWhoseFaultNoConnectionIs(t *testing.T) {
	for _, c := range []struct {
		op    string
		err   syscall.Errno
		later bool // than in the turn in which it was dialled
		want  Reason
		own   bool
	}{
		{"connect", syscall.ECONNREFUSED, true, ReasonConnectFailed, false},
		{"connect", syscall.ECONNREFUSED, false, ReasonConnectFailed, false},
		{"connect", syscall.EHOSTUNREACH, true, ReasonConnectFailed, false},
		{"connect", syscall.ETIMEDOUT, true, ReasonConnectFailed, false},
		{"connect", syscall.ENOENT, false, ReasonConnectFailed, false},
		{"connect", syscall.EACCES, false, ReasonConnectFailed, false},
		{"connect", syscall.ENETUNREACH, false, ReasonNoRoute, true},
		{"connect", syscall.ENETUNREACH, true, ReasonConnectFailed, false},
		{"connect", syscall.EAFNOSUPPORT, false, ReasonNoRoute, true},
		{"connect", syscall.EPERM, false, ReasonNoRoute, true},
		{"connect", syscall.EADDRNOTAVAIL, false, ReasonNoPort, true},
		{"connect", syscall.EADDRINUSE, false, ReasonNoPort, true},
		{"connect", syscall.EMFILE, false, ReasonNoDescriptor, true},
		{"connect", syscall.ENFILE, false, ReasonNoDescriptor, true},
		{"connect", syscall.ENOBUFS, false, ReasonNoDescriptor, true},
		{"connect", syscall.ENOMEM, false, ReasonNoDescriptor, true},
		{"register", syscall.ENOSPC, false, ReasonNoDescriptor, true},
		{"register", syscall.ENOMEM, false, ReasonNoDescriptor, true},
		{"register", syscall.EPERM, false, ReasonNoDescriptor, true},
	} {
		r := newRig(t, nil)
		r.on(func() {
			u := &upstream{w: r.w, taken: r.l.Now()}
			if c.later {
				u.taken--
			}
			got := u.why(&loop.OpError{Op: c.op, Err: c.err})
			if got != c.want || got.own() != c.own {
				t.Errorf("%s, %v: %v, want %v; our own: %v, want %v", c.op, c.err, got, c.want, got.own(), c.own)
			}
		})
	}
}

// A target on a Unix socket is like any other: requests, retries, kept connections and WebSockets.
func TestUnixSocket(t *testing.T) {
	message := "\x82\x7f\x00\x00\x00\x00\x00\x20\x00\x00" + strings.Repeat("x", 2<<20) // more than is ever queued
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, ln, func(p *peer) {
		for {
			head, _, alive := p.message()
			if !alive {
				return
			}
			if strings.HasPrefix(head, "GET /chat") {
				p.send(switching)
				io.CopyN(p.Conn, p.r, int64(len(message)))
				p.gone()
				return
			}
			if !strings.Contains(head, "\r\nHost: localhost\r\n") {
				t.Errorf("the target got %q", head)
			}
			p.send(ok("x"))
		}
	})
	r := newRig(t, func(r *rig) {
		r.setting.HostFromTarget = true
		r.setting.SourceAddresses = []string{"127.0.0.1"} // which is no matter here
		r.pool.Targets["dead"] = spec.PoolTarget{Address: "unix:" + filepath.Join(t.TempDir(), "none"), Weight: 1}
		r.pool.Targets["socket"] = spec.PoolTarget{Address: "unix:" + path, Weight: 1}
	})
	p := r.dial()
	for range 6 {
		p.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
		p.expect(200, "x")
	}
	if n := s.conns.Load(); n != 1 {
		t.Errorf("six requests took %d connections", n)
	}
	p.send(wsRequest)
	if got := p.bytes(len(switching)); got != switching {
		t.Fatalf("got %q", got)
	}
	go io.WriteString(p.Conn, message)
	if p.bytes(len(message)) != message {
		t.Errorf("the message came back as another one")
	}
}

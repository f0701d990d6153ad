package proxy

import (
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
	"github.com/google/go-cmp/cmp"
)

// Connections to targets leave from the own addresses in turn, those of another family left out. One that cannot be used
// is passed over within the attempt.
func TestSourceAddresses(t *testing.T) {
	for _, c := range []struct {
		name    string
		sources []string
		want    []string // of four connections
	}{
		{"two", []string{"127.0.0.2", "127.0.0.3"}, []string{"127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.3"}},
		{"mapped", []string{"::ffff:127.0.0.2"}, []string{"127.0.0.2", "127.0.0.2", "127.0.0.2", "127.0.0.2"}},
		{"two families", []string{"127.0.0.2", "::1", "127.0.0.3"}, []string{"127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.3"}},
		{"the other family", []string{"::1"}, []string{"127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1"}},
		{"none", nil, []string{"127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1"}},
		{"one of another machine", []string{"203.0.113.1", "127.0.0.2", "127.0.0.3"}, []string{"127.0.0.2", "127.0.0.2", "127.0.0.3", "127.0.0.2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var mu sync.Mutex
			var got []string
			s := newServer(t, func(p *peer) {
				p.message()
				mu.Lock()
				got = append(got, p.RemoteAddr().(*net.TCPAddr).IP.String())
				mu.Unlock()
				p.send(ok("x"))
			})
			r := newRig(t, func(r *rig) { r.setting.SourceAddresses, r.setting.KeepAlive.MaxIdle = c.sources, 0 }, s.addr)
			p := r.dial()
			for range c.want {
				p.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
				p.expect(200, "x")
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("connections came from (-want +got):\n%s", d)
			}
			if n := r.stats().Retries; n != 0 {
				t.Errorf("%d retries", n)
			}
		})
	}
}

// Where no own address can be used the gateway says so, and does not blame the target.
func TestNoSourceAddress(t *testing.T) {
	s := answering(t, ok("x"))
	r := newRig(t, func(r *rig) {
		r.setting.SourceAddresses = []string{"203.0.113.1", "203.0.113.2"}
		r.setting.Eject = &spec.Eject{Failures: 1, For: "1h"}
	}, s.addr, s.addr)
	p := r.dial()
	for range 3 {
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if h := p.expect(503, "*"); h.Get("Gatewayd-Reason") != "no_port" || h.Get("Retry-After") == "" {
			t.Errorf("got %v", h)
		}
	}
	r.on(func() { r.setting.SourceAddresses = []string{"127.0.0.2"}; r.publish() })
	p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	p.expect(200, "x")
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
		r.setting.SourceAddresses = []string{"127.0.0.2"}
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
	p.send(handshake)
	if got := p.bytes(len(switching)); got != switching {
		t.Fatalf("got %q", got)
	}
	go io.WriteString(p.Conn, message)
	if p.bytes(len(message)) != message {
		t.Errorf("the message came back as another one")
	}
}

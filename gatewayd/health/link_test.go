package health

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/proxyproto"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestConnectionsAreKept counts connections of twelve probes.
func TestConnectionsAreKept(t *testing.T) {
	long := strings.Repeat("x", maxBody)
	tests := []struct {
		name   string
		keep   time.Duration
		answer func(asked) string
		kept   bool
	}{
		{"no body", time.Minute, always(ok), true},
		{"none by its status", time.Minute, always("HTTP/1.1 204 None\r\n\r\n"), true},
		{"body", time.Minute, always("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), true},
		{"chunks", time.Minute, always(chunked("all is fine") + "\r\n"), true},
		{"longest body", time.Minute, always("HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n" + long), true},
		{"bad status", time.Minute, always(down), true},
		{"early hints", time.Minute, always("HTTP/1.1 103 Early\r\n\r\n" + ok), true},
		{"HTTP/1.0 that keeps", time.Minute, always("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"), true},
		{"not at all", 0, always(ok), false},
		{"shorter than the interval", 10 * time.Millisecond, always(ok), false},
		{"body too long", time.Minute, always("HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n" + long + "x"), false},
		{"trailer", time.Minute, always(chunked("all is fine") + "Sum: 1\r\n\r\n"), false},
		{"HTTP/1.0", time.Minute, always("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"), false},
		{"closing", time.Minute, always("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), false},
		{"bytes behind the answer", time.Minute, always(ok + ok), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, at := stand(t, tt.answer)
			r := prober(t, func(l *limits) { l.renew = 1e18 })
			list := r.targets("p", 1, at, every("20ms"))
			list[0].KeepFor = tt.keep
			r.Sync(list)
			until(t, "twelve probes", func() bool { return s.count("p0") >= 12 })
			r.Close()
			requests := s.all()
			conns := requests[len(requests)-1].conn
			if tt.kept && conns != 1 || !tt.kept && conns != len(requests) {
				t.Errorf("%d probes had %d connections", len(requests), conns)
			}
			for _, a := range requests {
				if asks := tt.keep < 20*time.Millisecond; a.closes != asks {
					t.Errorf("a probe asks for the end of its connection: %t, want %t", a.closes, asks)
				}
			}
		})
	}
}

// TestConnectionsAreRenewed: the last probe of a connection asks for its end, and no target is judged by it.
func TestConnectionsAreRenewed(t *testing.T) {
	s, at := stand(t, always(ok))
	r := prober(t, func(l *limits) { l.renew = millis(200) })
	list := r.targets("p", 5, at, every("20ms"))
	for i := range list {
		list[i].KeepFor = time.Minute
	}
	r.Sync(list)
	until(t, "many connections", func() bool { return s.connections() >= 20 })
	r.Close()
	last := map[int]asked{}
	reused := 0
	for _, a := range s.all() {
		if before, known := last[a.conn]; known {
			reused++
			if before.closes {
				t.Error("a probe came over a connection whose end had been asked for")
			}
		}
		last[a.conn] = a
	}
	if reused == 0 {
		t.Error("no connection was kept")
	}
	for _, target := range list {
		if got := r.told(target.Health); got != "unknown-healthy " {
			t.Errorf("told %s", got)
		}
	}
}

// TestFailuresOfKeptConnectionsAreNoVerdict: what a target does to the second request of each connection, or between
// the two, costs a connection and never counts as a failure.
func TestFailuresOfKeptConnectionsAreNoVerdict(t *testing.T) {
	timeout := "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
	for name, second := range map[string]func(net.Conn){
		"FIN while idle":            func(net.Conn) {},
		"reset while idle":          func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) },
		"408 while idle":            func(c net.Conn) { _, _ = io.WriteString(c, timeout) },
		"an answer to no request":   func(c net.Conn) { _, _ = io.WriteString(c, down); hang(c) },
		"half an answer to none":    func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 5"); hang(c) },
		"FIN upon the request":      readHead,
		"reset upon the request":    func(c net.Conn) { readHead(c); _ = c.(*net.TCPConn).SetLinger(0) },
		"408 upon the request":      func(c net.Conn) { readHead(c); _, _ = io.WriteString(c, timeout) },
		"reset with bytes not read": func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conns := make(chan int, 1)
			conns <- 0
			at := speak(t, func(c net.Conn) {
				conns <- 1 + <-conns
				readHead(c)
				_, _ = io.WriteString(c, ok)
				second(c)
			})
			r := prober(t, nil)
			// What comes while the connection is idle must have come before the next request, on a busy machine too.
			list := r.targets("p", 1, at, newProbe(func(p *spec.Probe) { p.Interval, p.UnhealthyThreshold = "300ms", 1 }))
			list[0].KeepFor = time.Minute
			r.Sync(list)
			until(t, "some connections", func() bool { n := <-conns; conns <- n; return n > 4 })
			r.Close()
			if got := r.told(list[0].Health); got != "unknown-healthy " {
				t.Errorf("told %s, %q", got, list[0].Health.View().Reason)
			}
		})
	}
}

// TestFailuresOfKeptConnectionsBehindAnAnswer: once bytes of an answer came, or time is up, it is the target's.
func TestFailuresOfKeptConnectionsThatCount(t *testing.T) {
	for name, tt := range map[string]struct {
		second string
		want   string
	}{
		"half a head": {"HTTP/1.1 2", reasonBadHead},
		"no HTTP":     {"hello", reasonBadHead},
		"hang":        {"", "no answer within 100ms"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := speak(t, func(c net.Conn) {
				readHead(c)
				_, _ = io.WriteString(c, ok)
				readHead(c)
				if tt.second == "" {
					hang(c)
				}
				_, _ = io.WriteString(c, tt.second)
			})
			r := prober(t, nil)
			list := r.targets("p", 1, at, newProbe(func(p *spec.Probe) { p.Interval, p.Timeout, p.UnhealthyThreshold = "10ms", "100ms", 1 }))
			list[0].KeepFor = time.Minute
			r.Sync(list)
			until(t, "a failure", func() bool { return strings.Contains(r.told(list[0].Health), "healthy-unhealthy") })
			r.Close()
			if got := list[0].Health.View(); got.Reason != tt.want && got.Status == backend.Unhealthy {
				t.Errorf("the reason is %q, want %q", got.Reason, tt.want)
			}
		})
	}
}

// TestProxyProtocolBeginsConnections: the header comes once a connection.
func TestProxyProtocolBeginsConnections(t *testing.T) {
	got := make(chan string, 4)
	at := speak(t, func(c net.Conn) {
		for range 2 {
			b := make([]byte, 4096)
			n, err := c.Read(b)
			if err != nil {
				return
			}
			line, _, _ := strings.Cut(string(b[:n]), " /")
			got <- line
			_, _ = io.WriteString(c, ok)
		}
	})
	r := prober(t, nil)
	list := r.targets("p", 1, at, every("20ms"))
	list[0].KeepFor, list[0].ProxyProtocol = time.Minute, true
	r.Sync(list)
	want := fmt.Sprint([]string{proxyproto.Local + "GET", "GET", proxyproto.Local + "GET", "GET"})
	if all := fmt.Sprint([]string{<-got, <-got, <-got, <-got}); all != want {
		t.Errorf("connections begin with %q, want %q", all, want)
	}
}

// TestKeptConnectionsAreBounded: with more targets than connections that may be kept, the rest has fresh ones.
func TestKeptConnectionsAreBounded(t *testing.T) {
	s, at := stand(t, always(ok))
	r := prober(t, func(l *limits) { l.kept = 5 })
	list := r.targets("p", 20, at, every("50ms"))
	for i := range list {
		list[i].KeepFor = time.Minute
	}
	r.Sync(list)
	until(t, "some rounds", func() bool { return s.count("p0") > 5 && s.count("p19") > 5 })
	r.on(func() {
		n := 0
		for _, w := range r.watches {
			if w.link != nil && w.link.state == idle {
				n++
			}
		}
		if r.kept > 5 || n > 5 {
			t.Errorf("%d connections are kept and %d idle, want at most 5", r.kept, n)
		}
	})
}

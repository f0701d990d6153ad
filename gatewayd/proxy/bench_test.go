package proxy

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/accesslog"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// fixed is a backend that answers every read with the same bytes, and allocates nothing for it.
func fixed(b testing.TB, answer []byte) netip.AddrPort {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for buf := make([]byte, 4096); ; {
					if _, err := c.Read(buf); err != nil {
						return
					}
					if _, err := c.Write(answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	return ln.Addr().(*net.TCPAddr).AddrPort()
}

// exchanger makes one request over and over on one connection, without an allocation. more are further fields.
func exchanger(b testing.TB, r *rig, size int, more ...string) func() {
	c, err := r.connect()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	request := []byte("GET /index.html?q=1 HTTP/1.1\r\nHost: bench.test\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n" + strings.Join(more, "") + "\r\n")
	answer := make([]byte, size)
	return func() {
		if _, err := c.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, answer); err != nil {
			b.Fatal(err)
		}
	}
}

func body(size int) []byte {
	return append([]byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nServer: fixed\r\nContent-Length: %d\r\nContent-Type: text/plain\r\n\r\n", size)), make([]byte, size)...)
}

// BenchmarkExchange is one request and its answer over loopback: client, gateway and backend on the machine's
// processors together.
func BenchmarkExchange(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			benchmarkExchange(b, size, nil)
		})
	}
	b.Run("1024/logged", func(b *testing.B) { benchmarkExchange(b, 1<<10, logged(b)) })
}

func benchmarkExchange(b *testing.B, size int, change func(*rig)) {
	answer := body(size)
	r := newRig(b, change, fixed(b, answer))
	once := exchanger(b, r, len(answer))
	once()
	b.ReportAllocs()
	b.SetBytes(int64(size))
	b.ResetTimer()
	for range b.N {
		once()
	}
}

// logged gives the first worker an access log.
func logged(t testing.TB) func(*rig) {
	l, err := accesslog.Open(accesslog.Config{Path: filepath.Join(t.TempDir(), "access.log"), Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return func(r *rig) { r.w.cfg.AccessLog = l.Sink(0) }
}

// BenchmarkRules is one request among one rule and among ten thousand.
func BenchmarkRules(b *testing.B) {
	for _, n := range []int{1, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			answer := body(1 << 10)
			r := newRig(b, func(r *rig) {
				r.rules[0].Match = &spec.Match{Paths: []string{"/index.html"}}
				for i := range n - 1 {
					m := &spec.Match{Hostnames: []string{fmt.Sprintf("*.team-%d.test", i%100)}, Paths: []string{fmt.Sprintf("/service-%d/*", i)}}
					r.rules = append(r.rules, &spec.Rule{Name: fmt.Sprint("r", i), Listener: "web", Pool: new("apps"), Setting: new("plain"), Match: m})
				}
			}, fixed(b, answer))
			once := exchanger(b, r, len(answer))
			once()
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				once()
			}
		})
	}
}

// In steady state an exchange allocates nothing, in the gateway or in the test around it.
func TestExchangeAllocatesNothing(t *testing.T) {
	if overTLS {
		t.Skip("crypto/tls allocates a few bytes in each read, at the test's client too")
	}
	header, prefix, one := "User-Agent", "/v2/", "1"
	for _, c := range []struct {
		size   int
		change func(*rig)
		client func(*rig) (fields string, added int) // what it sends, and how much its answers are longer for it
	}{
		{1 << 10, nil, anybody},
		{64 << 10, nil, anybody},
		{1 << 10, logged(t), anybody},
		{1 << 10, func(r *rig) {
			r.setting.MaxConnections = 10
			r.setting.Eject = &spec.Eject{Failures: 3, For: "30s"}
			r.pool.Algorithm, r.pool.HashHeader = spec.HeaderHash, &header
			r.setting.PathPrefix = &prefix
			r.rules[0].Match = &spec.Match{Methods: []string{"GET"}, Headers: map[string]spec.ValueMatch{"Accept": {Equals: []string{"*/*"}}},
				Query: map[string]spec.ValueMatch{"q": {Prefix: &one}}}
		}, anybody},
		{1 << 10, trusting("127.0.0.0/8"), forwarded},
		{1 << 10, sticky, newcomer},
		{1 << 10, sticky, returning},
	} {
		size, answer := c.size, body(c.size)
		r := newRig(t, c.change, fixed(t, answer))
		fields, added := c.client(r)
		once := exchanger(t, r, len(answer)+added, fields)
		const n = 2000
		// The runtime allocates now and then for itself.
		if got := mallocs(n, once); got > n/20 {
			t.Errorf("%d exchanges of %d bytes made %d allocations", n, size, got)
		}
	}
}

// Clients of a setting, as affinity knows them: one of a setting without, one that comes for the first time, and one that
// comes back.
func anybody(*rig) (fields string, added int) { return "", 0 }

// forwarded is a client behind a trusted proxy.
func forwarded(*rig) (fields string, added int) {
	return "X-Forwarded-For: 6.6.6.6, 2001:db8::1, 127.0.0.3:80\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 443\r\nX-Forwarded-Host: b.test\r\nX-Request-Id: 1\r\n", 0
}

func newcomer(r *rig) (fields string, added int) {
	_, set := r.ask("")
	return "", len("Set-Cookie: \r\n") + len(set[0])
}

func returning(r *rig) (fields string, added int) {
	_, cookie := r.client()
	return "Cookie: session=8a7d6c5b; " + cookie + "\r\n", 0
}

// BenchmarkAffinity is BenchmarkExchange for clients that come for the first time, and for those that come back.
func BenchmarkAffinity(b *testing.B) {
	for _, c := range []struct {
		name   string
		client func(*rig) (string, int)
	}{{"newcomer", newcomer}, {"returning", returning}} {
		b.Run(c.name, func(b *testing.B) {
			answer := body(1 << 10)
			r := newRig(b, sticky, fixed(b, answer))
			fields, added := c.client(r)
			once := exchanger(b, r, len(answer)+added, fields)
			once()
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				once()
			}
		})
	}
}

// mallocs is how often memory was allocated while something was done so many times, in steady state.
func mallocs(n int, once func()) uint64 {
	for range 100 {
		once()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		once()
	}
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}

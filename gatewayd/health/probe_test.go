package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

func newProbe(change func(*spec.Probe)) *spec.Probe {
	p := spec.Probes.New().(*spec.Probe)
	p.Name, p.Timeout = "p", "10s"
	if change != nil {
		change(p)
	}
	return p
}

// serve answers probes by a handler.
func serve(t *testing.T, handler http.HandlerFunc) netip.AddrPort {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return netip.MustParseAddrPort(s.Listener.Addr().String())
}

// speak hands each connection to f and closes it afterwards.
func speak(t *testing.T, f func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer c.Close()
				f(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		served.Wait()
	})
	return netip.MustParseAddrPort(l.Addr().String())
}

// readHead takes the head of a request, so that closing the connection does not reset it.
func readHead(c net.Conn) {
	var head []byte
	b := make([]byte, 1)
	for !strings.HasSuffix(string(head), "\r\n\r\n") {
		if _, err := c.Read(b); err != nil {
			return
		}
		head = append(head, b[0])
	}
}

// hang waits until the prober gives up.
func hang(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

func refusing(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String())
}

func withBody(text string) func(*spec.Probe) {
	return func(p *spec.Probe) { p.Match.Body = &text }
}

func short(p *spec.Probe) { p.Timeout = "100ms" }

// A start begins a server and says where it is.
type start func(*testing.T) netip.AddrPort

// status answers with a status and a body.
func status(code int, body string) start {
	return func(t *testing.T) netip.AddrPort {
		return serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		})
	}
}

// raw answers with bytes and closes.
func raw(answer string) start {
	return func(t *testing.T) netip.AddrPort {
		return speak(t, func(c net.Conn) {
			readHead(c)
			_, _ = io.WriteString(c, answer)
		})
	}
}

// drip answers with bytes and then, byte by byte, with more without end.
func drip(beginning string) start {
	return func(t *testing.T) netip.AddrPort {
		return speak(t, func(c net.Conn) {
			readHead(c)
			for b := beginning; ; b = "x" {
				if _, err := io.WriteString(c, b); err != nil {
					return
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
}

func hanging(t *testing.T) netip.AddrPort { return speak(t, hang) }

func resetting(t *testing.T) netip.AddrPort {
	return speak(t, func(c net.Conn) {
		readHead(c)
		_ = c.(*net.TCPConn).SetLinger(0)
	})
}

func shortWithBody(text string) func(*spec.Probe) {
	return func(p *spec.Probe) {
		short(p)
		withBody(text)(p)
	}
}

var verdicts = []struct {
	name   string
	target start
	change func(*spec.Probe)
	want   string // the reason; empty means healthy
}{
	{"ok", status(200, "fine"), nil, ""},
	{"redirect", status(302, ""), nil, ""},
	{"server error", status(500, "oops"), nil, "the answer has status 500, expected 200-399"},
	{"other statuses", status(200, ""), func(p *spec.Probe) { p.Match.Statuses = []string{"204", "300-302"} },
		"the answer has status 200, expected 204, 300-302"},
	{"status in the second range", status(302, ""), func(p *spec.Probe) { p.Match.Statuses = []string{"204", "300-302"} }, ""},
	{"body", status(200, "all is fine here"), withBody("fine"), ""},
	{"wrong body", status(200, "broken"), withBody("fine"), "the body of the answer does not contain the expected text"},
	{"no body", status(204, ""), withBody("fine"), "the body of the answer does not contain the expected text"},
	{"body behind a wrong status", status(503, "fine"), withBody("fine"), "the answer has status 503, expected 200-399"},
	{"text at the end of what is read", status(200, strings.Repeat("x", maxBody-4)+"fine"), withBody("fine"), ""},
	{"text just behind what is read", status(200, strings.Repeat("x", maxBody-3)+"fine"), withBody("fine"),
		"the first 64 KiB of the answer's body do not contain the expected text"},
	{"huge body", status(200, strings.Repeat("x", 1<<22)), nil, ""},
	{"refused", refusing, nil, "the connection was refused"},
	{"hang", hanging, short, "no answer within 100ms"},
	{"reset", resetting, nil, "the target reset the connection"},
	{"closed", raw(""), nil, "the target closed the connection without an answer"},
	{"garbage", raw("SSH-2.0-OpenSSH_9.2p1 Debian\r\n\r\n"), nil, "the answer is not valid HTTP"},
	{"garbage header", raw("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), nil, "the answer is not valid HTTP"},
	{"half a head", raw("HTTP/1.1 200 OK\r\nServer: x"), nil, "the answer is not valid HTTP"},
	{"endless head", raw("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20)), nil, "the head of the answer is larger than 64 KiB"},
	{"body cut short", raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"), withBody("fine"),
		"the body of the answer ends too early or is not valid HTTP"},
	{"body cut short behind the text", raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfine"), withBody("fine"), ""},
	{"slow drip of a head", drip("HTTP/1.1 200 OK\r\nX: "), short, "no whole answer within 100ms"},
	{"slow drip of a body", drip("HTTP/1.1 200 OK\r\n\r\n"), shortWithBody("fine"),
		"no whole answer within 100ms: the body has not ended and does not contain the expected text so far"},
	{"slow drip behind the text", drip("HTTP/1.1 200 OK\r\n\r\nfine"), withBody("fine"), ""},
}

func TestVerdicts(t *testing.T) {
	for _, tt := range verdicts {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			target := Target{Addr: tt.target(t), Probe: newProbe(tt.change)}
			ctx, cancel := context.WithTimeout(t.Context(), target.Probe.Timeout.Value())
			defer cancel()
			got := ask(ctx, &target)
			if got.reason != tt.want {
				t.Errorf("reason %q, want %q", got.reason, tt.want)
			}
			if late := strings.Contains(tt.want, "within"); got.late != late {
				t.Errorf("late is %t, want %t", got.late, late)
			}
		})
	}
}

func TestDialTimesOut(t *testing.T) {
	// Loopback has no black holes, so the time is up before the probe begins.
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	got := ask(ctx, &Target{Addr: refusing(t), Probe: newProbe(short)})
	if want := "no connection within 100ms"; got.reason != want || !got.late {
		t.Errorf("outcome %+v, want the reason %q", got, want)
	}
}

func TestIPv6(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Logf("this machine has no IPv6 (%v), so only the address is checked", err)
		r := newRequest(t.Context(), &Target{Addr: netip.MustParseAddrPort("[::1]:80"), Probe: newProbe(nil)})
		if r.URL.Host != "[::1]:80" {
			t.Errorf("the probe goes to %q", r.URL.Host)
		}
		return
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Listener.Close()
	s.Listener = l
	s.Start()
	defer s.Close()
	if got := ask(t.Context(), &Target{Addr: netip.MustParseAddrPort(l.Addr().String()), Probe: newProbe(nil)}); got.reason != "" {
		t.Errorf("reason %q, want none", got.reason)
	}
}

func TestRequest(t *testing.T) {
	host := "probe.example.com:8080"
	tests := []struct {
		name   string
		host   string
		change func(*spec.Probe)
		want   string
	}{
		{"default", "", nil, "GET / HTTP/1.1 Host 127.0.0.1"},
		{"host of the setting", "setting.example.com", nil, "GET / HTTP/1.1 Host setting.example.com"},
		{"host of the probe", "setting.example.com", func(p *spec.Probe) { p.Host = &host }, "GET / HTTP/1.1 Host probe.example.com:8080"},
		{"query", "", func(p *spec.Probe) { p.Path = "/healthz?full=1&x=%20" }, "GET /healthz?full=1&x=%20 HTTP/1.1 Host 127.0.0.1"},
		{"as it is written", "", func(p *spec.Probe) { p.Path = "/A%2fb/../{c}|%zz" }, "GET /A%2fb/../{c}|%zz HTTP/1.1 Host 127.0.0.1"},
		{"two slashes", "", func(p *spec.Probe) { p.Path = "//host%2F/x?y" }, "GET //host%2F/x?y HTTP/1.1 Host 127.0.0.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			heads := make(chan string, 1)
			addr := speak(t, func(c net.Conn) {
				b := make([]byte, 4096)
				n, _ := c.Read(b)
				heads <- string(b[:n])
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			})
			if got := ask(t.Context(), &Target{Addr: addr, Host: tt.host, Probe: newProbe(tt.change)}); got.reason != "" {
				t.Fatalf("reason %q, want none", got.reason)
			}
			lines := strings.Split(<-heads, "\r\n")
			host, agent, closes := "", false, false
			for _, l := range lines[1:] {
				if h, ok := strings.CutPrefix(l, "Host: "); ok {
					host = h
				}
				agent = agent || l == "User-Agent: gatewayd-probe"
				closes = closes || l == "Connection: close"
			}
			if got := fmt.Sprintf("%s Host %s", lines[0], host); got != tt.want {
				t.Errorf("sent %q, want %q", got, tt.want)
			}
			if !agent || !closes {
				t.Errorf("the head has no User-Agent of a probe or no Connection: close: %q", lines)
			}
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	followed := make(chan struct{}, 1)
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { followed <- struct{}{} })
	for _, location := range []string{"http://" + elsewhere.String() + "/", "http://%zz/"} {
		addr := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusFound)
		})
		if got := ask(t.Context(), &Target{Addr: addr, Probe: newProbe(nil)}); got.reason != "" {
			t.Errorf("a redirect to %s gives the reason %q, want none", location, got.reason)
		}
	}
	select {
	case <-followed:
		t.Error("the probe followed a redirect to another server")
	default:
	}
}

func TestProxiesAreNotUsed(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://"+refusing(t).String())
	t.Setenv("http_proxy", "http://"+refusing(t).String())
	addr := serve(t, func(http.ResponseWriter, *http.Request) {})
	if got := ask(t.Context(), &Target{Addr: addr, Probe: newProbe(nil)}); got.reason != "" {
		t.Errorf("reason %q, want none", got.reason)
	}
	if transport.Proxy != nil {
		t.Error("probes would use a proxy")
	}
}

func TestWordsOfFailures(t *testing.T) {
	dialling := func(err error) error { return &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", err)} }
	tests := []struct {
		err    error
		dialed bool
		want   outcome
	}{
		{dialling(syscall.EHOSTUNREACH), false, outcome{reason: "the target cannot be reached: no route to it"}},
		{dialling(syscall.ENETUNREACH), false, outcome{reason: "the target cannot be reached: no route to it"}},
		{dialling(syscall.EMFILE), false, outcome{reason: "the gateway has no file descriptor left for the probe", ours: true}},
		{dialling(syscall.EACCES), false, outcome{reason: "connecting failed: permission denied"}},
		{errors.New("no address"), false, outcome{reason: "connecting failed: the address cannot be used"}},
		{syscall.EPIPE, true, outcome{reason: "the target reset the connection"}},
	}
	for _, tt := range tests {
		a := &attempt{ctx: t.Context()}
		a.dialled.Store(tt.dialed)
		if got := a.failure(newProbe(nil), tt.err); got != tt.want {
			t.Errorf("%v gives %+v, want %+v", tt.err, got, tt.want)
		}
	}
}

// TestProbesLeaveNothing counts goroutines and descriptors after probes of every kind of end.
func TestProbesLeaveNothing(t *testing.T) {
	silent := speak(t, hang)
	cut := speak(t, readHead)
	fine := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 2*maxBody)) })
	refused := refusing(t)
	probe := newProbe(func(p *spec.Probe) { p.Timeout = "20ms" })
	count := func() (goroutines, descriptors int) {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			return runtime.NumGoroutine(), 0
		}
		return runtime.NumGoroutine(), len(list)
	}
	goroutines, descriptors := count()
	for range 50 {
		for _, addr := range []netip.AddrPort{silent, cut, fine, refused} {
			ctx, cancel := context.WithTimeout(t.Context(), probe.Timeout.Value())
			ask(ctx, &Target{Addr: addr, Probe: probe})
			cancel()
		}
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		g, d := count()
		if g <= goroutines && d <= descriptors {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("200 probes left %d goroutines and %d descriptors", g-goroutines, d-descriptors)
		}
	}
}

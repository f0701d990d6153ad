package health

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

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

func refusing(t *testing.T) backend.Address {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return backend.TCP(l.Addr().(*net.TCPAddr).AddrPort())
}

// full is a port whose backlog is full, so that it answers no connect.
func full(t *testing.T) backend.Address {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(sa.(*unix.SockaddrInet4).Port))
	for range 16 {
		c, err := net.DialTimeout("tcp", at.String(), 200*time.Millisecond)
		if err != nil {
			return backend.TCP(at)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Fatal("a backlog of 0 takes any number of connections")
	return backend.Address{}
}

func withBody(text string) func(*spec.Probe) {
	return func(p *spec.Probe) { p.Match.Body = &text }
}

func short(p *spec.Probe) { p.Timeout = "100ms" }

func shortWithBody(text string) func(*spec.Probe) {
	return func(p *spec.Probe) {
		short(p)
		withBody(text)(p)
	}
}

func statuses(list ...string) func(*spec.Probe) {
	return func(p *spec.Probe) { p.Match.Statuses = list }
}

// A start begins a server and says where it is.
type start func(*testing.T) backend.Address

// status answers with a status and a body.
func status(code int, body string) start {
	return raw(fmt.Sprintf("HTTP/1.1 %d Text\r\nContent-Length: %d\r\n\r\n%s", code, len(body), body))
}

// raw answers with bytes and closes.
func raw(answer string) start {
	return func(t *testing.T) backend.Address {
		return speak(t, func(c net.Conn) {
			readHead(c)
			_, _ = io.WriteString(c, answer)
		})
	}
}

// banner speaks first, as other protocols do, and waits.
func banner(text string) start {
	return func(t *testing.T) backend.Address {
		return speak(t, func(c net.Conn) {
			_, _ = io.WriteString(c, text)
			hang(c)
		})
	}
}

// drip answers with bytes and then, byte by byte, with more without end.
func drip(beginning string) start {
	return func(t *testing.T) backend.Address {
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

// pieces answers with bytes that come one by one.
func pieces(answer string) start {
	return func(t *testing.T) backend.Address {
		return speak(t, func(c net.Conn) {
			readHead(c)
			for i := range answer {
				if _, err := io.WriteString(c, answer[i:i+1]); err != nil {
					return
				}
			}
			hang(c)
		})
	}
}

func hanging(t *testing.T) backend.Address { return speak(t, hang) }

func resetting(t *testing.T) backend.Address {
	return speak(t, func(c net.Conn) {
		readHead(c)
		_ = c.(*net.TCPConn).SetLinger(0)
	})
}

// socket is a path in a directory of the test's own.
func socket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "probe") // the test's own TempDir may be longer than a socket's path can be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

func unixSocket(t *testing.T) backend.Address {
	path := socket(t)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	attend(t, l, func(c net.Conn) {
		readHead(c)
		_, _ = io.WriteString(c, ok)
	})
	return backend.Address{Path: path}
}

func chunked(chunks ...string) string {
	text := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, c := range chunks {
		text += fmt.Sprintf("%x\r\n%s\r\n", len(c), c)
	}
	return text + "0\r\n"
}

var verdicts = []struct {
	name   string
	target start
	change func(*spec.Probe)
	want   string // the reason; empty means healthy
}{
	{"ok", status(200, "fine"), nil, ""},
	{"ok over a Unix socket", unixSocket, nil, ""},
	{"HTTP/1.0", raw("HTTP/1.0 200 OK\r\n\r\nfine"), withBody("fine"), ""},
	{"redirect", raw("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"), nil, ""},
	{"server error", status(500, "oops"), nil, "the answer has status 500, expected 200-399"},
	{"other statuses", status(200, ""), statuses("204", "300-302"), "the answer has status 200, expected 204, 300-302"},
	{"status in the second range", status(302, ""), statuses("204", "300-302"), ""},
	{"last status", status(599, ""), statuses("599"), ""},
	{"body", status(200, "all is fine here"), withBody("fine"), ""},
	{"wrong body", status(200, "broken"), withBody("fine"), reasonNoText},
	{"body until close", raw("HTTP/1.1 200 OK\r\n\r\nbroken"), withBody("fine"), reasonNoText},
	{"no body", raw("HTTP/1.1 204 None\r\n\r\n"), withBody("fine"), reasonNoText},
	{"body behind a wrong status", status(503, "fine"), withBody("fine"), "the answer has status 503, expected 200-399"},
	{"body in chunks", raw(chunked("all is f", "i", "ne here") + "\r\n"), withBody("fine"), ""},
	{"body in chunks without the text", raw(chunked("all is f", "i", "n") + "\r\n"), withBody("fine"), reasonNoText},
	{"body in chunks before a trailer", raw(chunked("broken") + "Sum: 1\r\n\r\n"), withBody("fine"), reasonNoText},
	{"body in pieces", pieces(chunked("all is fi", "ne here") + "\r\n"), withBody("fine"), ""},
	{"text in framing", raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;fine\r\nbad\r\n0\r\n\r\n"), withBody("fine"), reasonNoText},
	{"text at the end of what is read", status(200, strings.Repeat("x", maxBody-4)+"fine"), withBody("fine"), ""},
	{"text just behind what is read", status(200, strings.Repeat("x", maxBody-3)+"fine"), withBody("fine"), reasonNoTextSoFar},
	{"huge body", status(200, strings.Repeat("x", 1<<22)), nil, ""},
	{"early hints", raw("HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + ok), nil, ""},
	{"early hints without end", raw(strings.Repeat("HTTP/1.1 103 Early\r\n\r\n", 100) + ok), nil, reasonBadHead},
	{"unasked switch", raw("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"), nil, "the answer has status 101, expected 200-399"},
	{"expected switch", raw("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"), statuses("101"), ""},
	{"refused", refusing, nil, reasonRefused},
	{"no such socket", func(t *testing.T) backend.Address { return backend.Address{Path: socket(t)} }, nil, "connecting failed: no such file or directory"},
	{"no connection", full, short, "no connection within 100ms"},
	{"hang", hanging, short, "no answer within 100ms"},
	{"reset", resetting, nil, reasonReset},
	{"closed", raw(""), nil, reasonClosed},
	{"garbage", raw("SSH-2.0-OpenSSH_9.2p1 Debian\r\n\r\n"), nil, reasonBadHead},
	{"an alert of TLS", raw("\x15\x03\x03\x00\x02\x02\x32"), nil, reasonSpeaksTLS},
	{"what only begins like one", raw("\x15\x02\x03\x00\x02\x02\x32"), nil, reasonBadHead},
	{"another protocol's banner", banner("SSH-2.0-OpenSSH_9.2p1 Debian\r\n"), nil, reasonBadHead},
	{"garbage header", raw("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), nil, reasonBadHead},
	{"half a head", raw("HTTP/1.1 200 OK\r\nServer: x"), nil, reasonBadHead},
	{"largest head", raw(bigHead(16 << 10)), nil, ""},
	{"head one byte too large", raw(bigHead(16<<10 + 1)), nil, reasonHugeHead},
	{"hang in a large head", stuck(bigHead(16<<10 + 1)[:16<<10]), nil, reasonHugeHead},
	{"hang in the largest head", stuck(bigHead(16 << 10)[:16<<10-1]), short, "no whole answer within 100ms"},
	{"endless head", raw("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20)), nil, reasonHugeHead},
	{"body cut short", raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"), withBody("fine"), reasonBadBody},
	{"body that is none", raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz"), withBody("fine"), reasonBadBody},
	{"body cut short behind the text", raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfine"), withBody("fine"), ""},
	{"slow drip of a head", drip("HTTP/1.1 200 OK\r\nX: "), short, "no whole answer within 100ms"},
	{"slow drip of a body", drip("HTTP/1.1 200 OK\r\n\r\n"), shortWithBody("fine"),
		"no whole answer within 100ms: the body has not ended and does not contain the expected text so far"},
	{"slow drip behind the text", drip("HTTP/1.1 200 OK\r\n\r\nfine"), withBody("fine"), ""},
}

// TestVerdicts asks servers of every sort once, over connections that are kept and that are not.
func TestVerdicts(t *testing.T) {
	for _, tt := range verdicts {
		for name, keep := range map[string]time.Duration{"": 0, ", kept": 48 * time.Hour} {
			t.Run(tt.name+name, func(t *testing.T) {
				t.Parallel()
				r := prober(t, nil)
				list := r.targets("p", 1, tt.target(t), newProbe(tt.change))
				list[0].Probe.Interval, list[0].Probe.UnhealthyThreshold, list[0].KeepFor = "24h", 1, keep
				r.Sync(list)
				v := verdict(t, list[0].Health)
				if v.Reason != tt.want || (v.Status == backend.Healthy) != (tt.want == "") {
					t.Errorf("%s, %q; want the reason %q", v.Status, v.Reason, tt.want)
				}
			})
		}
	}
}

func TestIPv6(t *testing.T) {
	at := netip.MustParseAddrPort("[::1]:9")
	want := backend.Unhealthy // a machine without IPv6 has no such address, and says so
	if l, err := net.Listen("tcp", "[::1]:0"); err == nil {
		attend(t, l, func(c net.Conn) {
			readHead(c)
			_, _ = io.WriteString(c, ok)
		})
		at, want = l.Addr().(*net.TCPAddr).AddrPort(), backend.Healthy
	}
	r := prober(t, nil)
	list := r.targets("p", 1, backend.TCP(at), every("24h"))
	list[0].Probe.UnhealthyThreshold = 1
	r.Sync(list)
	if v := verdict(t, list[0].Health); v.Status != want {
		t.Errorf("%s is %s, %q; want %s", at, v.Status, v.Reason, want)
	}
}

func TestRequest(t *testing.T) {
	host := "probe.example.com:8080"
	const tail = "\r\nUser-Agent: gatewayd-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n"
	tests := []struct {
		name   string
		target Target
		change func(*spec.Probe)
		want   string
	}{
		{"default", Target{}, nil, "GET / HTTP/1.1\r\nHost: 127.0.0.1" + tail},
		{"host of the setting", Target{Host: "setting.example.com"}, nil, "GET / HTTP/1.1\r\nHost: setting.example.com" + tail},
		{"host of the probe", Target{Host: "setting.example.com"}, func(p *spec.Probe) { p.Host = &host }, "GET / HTTP/1.1\r\nHost: probe.example.com:8080" + tail},
		{"query", Target{}, func(p *spec.Probe) { p.Path = "/healthz?full=1&x=%20" }, "GET /healthz?full=1&x=%20 HTTP/1.1\r\nHost: 127.0.0.1" + tail},
		{"as it is written", Target{}, func(p *spec.Probe) { p.Path = "/A%2fb/../{c}|%zz" }, "GET /A%2fb/../{c}|%zz HTTP/1.1\r\nHost: 127.0.0.1" + tail},
		{"two slashes", Target{}, func(p *spec.Probe) { p.Path = "//host%2F/x?y" }, "GET //host%2F/x?y HTTP/1.1\r\nHost: 127.0.0.1" + tail},
		{"kept", Target{KeepFor: time.Minute}, nil, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: gatewayd-probe\r\nAccept: */*\r\n\r\n"},
		{"kept for less than the interval", Target{KeepFor: time.Second}, nil, "GET / HTTP/1.1\r\nHost: 127.0.0.1" + tail},
		{"PROXY protocol", Target{ProxyProtocol: true}, nil,
			"\x0D\x0A\x0D\x0A\x00\x0D\x0A\x51\x55\x49\x54\x0A\x20\x00\x00\x00GET / HTTP/1.1\r\nHost: 127.0.0.1" + tail},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			heads := make(chan string, 1)
			addr := speak(t, func(c net.Conn) {
				var head []byte
				b := make([]byte, 4096)
				for !strings.HasSuffix(string(head), "*/*\r\n\r\n") && !strings.HasSuffix(string(head), "close\r\n\r\n") {
					n, err := c.Read(b)
					if err != nil {
						break
					}
					head = append(head, b[:n]...)
				}
				heads <- string(head)
				_, _ = io.WriteString(c, ok)
			})
			r := prober(t, func(l *limits) { l.renew = loop.Time(1e6 * time.Hour) })
			list := r.targets("p", 1, addr, newProbe(tt.change))
			list[0].Host, list[0].KeepFor, list[0].ProxyProtocol = tt.target.Host, tt.target.KeepFor, tt.target.ProxyProtocol
			list[0].Probe.Interval = "30s"
			r.Sync(list)
			if got := <-heads; got != tt.want {
				t.Errorf("sent %q, want %q", got, tt.want)
			}
			if v := verdict(t, list[0].Health); v.Status != backend.Healthy {
				t.Errorf("%s, %q; want healthy", v.Status, v.Reason)
			}
		})
	}
}

// TestSourceAddresses: probes come from the own addresses of the target's family in turn.
func TestSourceAddresses(t *testing.T) {
	s, at := stand(t, always(ok))
	r := prober(t, nil)
	list := r.targets("p", 1, at, every("100ms"))
	for _, a := range []string{"::1", "127.0.0.2", "::ffff:127.0.0.3"} {
		list[0].Source = append(list[0].Source, netip.MustParseAddr(a))
	}
	r.Sync(list)
	until(t, "probes from both addresses of the family", func() bool {
		from := map[string]bool{}
		for _, a := range s.all() {
			from[a.from.String()] = true
		}
		return from["127.0.0.2"] && from["127.0.0.3"]
	})
	for _, a := range s.all() {
		if a.from.String() != "127.0.0.2" && a.from.String() != "127.0.0.3" {
			t.Errorf("a probe came from %s", a.from)
		}
	}
	only6 := r.targets("q", 1, at, every("100ms"))
	only6[0].Source = []netip.Addr{netip.MustParseAddr("::1")}
	r.Sync(only6)
	if v := verdict(t, only6[0].Health); v.Status != backend.Healthy {
		t.Errorf("with own addresses of the other family alone: %s, %q; want healthy", v.Status, v.Reason)
	}
}

func TestWordsOfFailures(t *testing.T) {
	of := func(op string, e syscall.Errno) error { return &loop.OpError{Op: op, Err: e} }
	tests := []struct {
		state linkState
		err   error
		want  outcome
	}{
		{dialling, of("connect", syscall.EHOSTUNREACH), outcome{reason: "the target cannot be reached: no route to it"}},
		{dialling, of("connect", syscall.ENETUNREACH), outcome{reason: "the target cannot be reached: no route to it"}},
		{dialling, of("connect", syscall.EMFILE), outcome{reason: "the gateway has no file descriptor left for the probe", ours: true}},
		{dialling, of("connect", syscall.ENOBUFS), outcome{reason: "the gateway has no memory left for the probe", ours: true}},
		{dialling, of("register", syscall.ENOSPC), outcome{reason: "the gateway has no memory left for the probe", ours: true}},
		{dialling, of("connect", syscall.EACCES), outcome{reason: "connecting failed: permission denied"}},
		{dialling, of("connect", syscall.EADDRNOTAVAIL), outcome{reason: "connecting failed: cannot assign requested address"}},
		{dialling, of("connect", syscall.EAGAIN), outcome{reason: "the connection was refused: too many wait to be accepted"}},
		{dialling, of("connect", syscall.EINVAL), outcome{reason: "connecting failed: the address cannot be used"}},
		{asking, of("write", syscall.EPIPE), outcome{reason: "the target reset the connection"}},
		{reading, of("read", syscall.ECONNRESET), outcome{reason: "the target reset the connection"}},
		{reading, of("read", syscall.ETIMEDOUT), outcome{reason: reasonBadBody}},
		{asking, of("read", syscall.ETIMEDOUT), outcome{reason: reasonClosed}},
		{asking, loop.ErrPanic, outcome{reason: reasonInternal, ours: true}},
	}
	for _, tt := range tests {
		c := &link{state: tt.state}
		if got := c.failure(tt.err); got != tt.want {
			t.Errorf("%v gives %+v, want %+v", tt.err, got, tt.want)
		}
	}
}

package proxy

import (
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// hello is the beginning of a ClientHello, and half of it where nothing follows.
const hello = "\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03"

// shakeHands is a client that shakes hands, and goes on until the gateway ends the connection where that fails.
func (r *rig) shakeHands(config *tls.Config) {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	config.ServerName = "a.test"
	over := tls.Client(newPeer(r.t, c).Conn, config)
	if err := over.Handshake(); err != nil {
		_, _ = io.Copy(io.Discard, c) // Or what it said may be lost with what it did not read.
		return
	}
	p := newPeer(r.t, over)
	p.send(get) // Tickets of TLS 1.3 are read with the answer.
	p.expect(200, "x")
}

// says is a client that says something that is no handshake, and waits for the end of the connection.
func (r *rig) says(text string) {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	p := newPeer(r.t, c)
	p.send(text)
	_, _ = io.Copy(io.Discard, p.Conn)
}

// TestHandshakesAreCounted: each once, by what it came to.
func TestHandshakesAreCounted(t *testing.T) {
	anyone := func(change func(*tls.Config)) func(*rig) {
		return func(r *rig) {
			c := &tls.Config{InsecureSkipVerify: true}
			change(c)
			r.shakeHands(c)
		}
	}
	failed := func(f HandshakeFailure) (want Handshakes) {
		want.Failed[f] = 1
		return want
	}
	done := func(version, resumed int, n uint64) (want Handshakes) {
		want.Done[version][0], want.Done[version][resumed] = 1, n
		return want
	}
	twice := func(version uint16) func(r *rig) {
		cache := tls.NewLRUClientSessionCache(1)
		again := anyone(func(c *tls.Config) { c.MaxVersion, c.ClientSessionCache = version, cache })
		return func(r *rig) { again(r); again(r) }
	}
	old := func(r *rig) { r.listener.TLS = &spec.TLS{Policy: new("AppGwSslPolicy20150501")} }
	suites := []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
	for name, c := range map[string]struct {
		of     func(*rig)
		client func(*rig)
		want   Handshakes
	}{
		"TLS 1.0":       {old, anyone(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10 }), done(0, 0, 1)},
		"TLS 1.1":       {old, anyone(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }), done(1, 0, 1)},
		"TLS 1.2 twice": {nil, twice(tls.VersionTLS12), done(2, 1, 1)},
		"TLS 1.3 twice": {nil, twice(tls.VersionTLS13), done(3, 1, 1)},
		"an old client": {nil, anyone(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }), failed(shakeVersion)},
		"no suite":      {nil, anyone(func(c *tls.Config) { c.MaxVersion, c.CipherSuites = tls.VersionTLS12, suites }), failed(shakeSuite)},
		"no key": {nil, anyone(func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
		}), failed(shakeSuite)},
		"another protocol":  {nil, anyone(func(c *tls.Config) { c.NextProtos = []string{"spdy/3"} }), failed(shakeProtocol)},
		"a client in doubt": {nil, anyone(func(c *tls.Config) { c.InsecureSkipVerify = false }), failed(shakeRefused)},
		"an unreadable client": {func(r *rig) { r.wants(spec.AuthPassthrough) }, anyone(func(c *tls.Config) {
			shown := certtest.Sample(1).TLS()
			shown.Certificate = [][]byte{[]byte("none")}
			c.Certificates, c.MaxVersion = []tls.Certificate{shown}, tls.VersionTLS12 // or it learns of it later
		}), failed(shakeUnproven)},
		"a client of great name": {func(r *rig) { r.wants(spec.AuthPassthrough) }, anyone(func(c *tls.Config) {
			shown := certtest.New(certtest.Issue{Names: []string{strings.Repeat("a", 3000)}}).TLS()
			c.Certificates, c.MaxVersion = []tls.Certificate{shown}, tls.VersionTLS12 // or it learns of it later
		}), failed(shakeUnproven)},
		"a stolen certificate": {func(r *rig) { r.wants(spec.AuthPassthrough) }, anyone(func(c *tls.Config) {
			shown := certtest.Sample(1).TLS()
			shown.PrivateKey = certtest.Sample(2).Signer
			c.Certificates, c.MaxVersion = []tls.Certificate{shown}, tls.VersionTLS12 // or it learns of it later
		}), failed(shakeUnproven)},
		"no certificate":     {func(r *rig) { r.more = nil }, anyone(func(*tls.Config) {}), failed(shakeNone)},
		"no ClientHello":     {nil, func(r *rig) { r.says("\x16\x03\x01\x00\x04\x02\x00\x00\x00") }, failed(shakeMalformed)},
		"half a ClientHello": {func(r *rig) { r.w.shakeTime = 50 * time.Millisecond }, func(r *rig) { r.says(hello) }, failed(shakeTimeout)},
		"silence":            {func(r *rig) { r.w.shakeTime = 50 * time.Millisecond }, func(r *rig) { r.says("") }, failed(shakeTimeout)},
		"no answer to ours":  {func(r *rig) { r.w.shakeTime = 200 * time.Millisecond }, func(r *rig) { r.says(helloOf(t)) }, failed(shakeTimeout)},
		"no patience": {nil, func(r *rig) {
			c, err := net.Dial("tcp", r.addr)
			if err != nil {
				r.t.Fatal(err)
			}
			_, _ = io.WriteString(c, hello)
			c.Close()
		}, failed(shakeClosed)},
		"in clear": {nil, func(r *rig) { r.says("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n") }, Handshakes{}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(r *rig) {
				r.https()
				if c.of != nil {
					c.of(r)
				}
			}, answering(t, ok("x")).addr)
			c.client(r)
			until(t, "the client is gone", func() bool { return r.l.Stats().Accepted > 0 && r.stats().Clients == 0 })
			if got := r.stats().Handshakes; got != c.want {
				t.Errorf("counted are %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestListenerGoesInAHandshake: whoever is in the middle of one is told the end at once, whatever was said.
func TestListenerGoesInAHandshake(t *testing.T) {
	for name, says := range map[string]string{"nothing": "", "half a ClientHello": hello, "a ClientHello": helloOf(t)} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(r *rig) { r.https() }, answering(t, ok("x")).addr)
			c, err := net.Dial("tcp", r.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			p := newPeer(t, c)
			p.send(says)
			switch name {
			case "nothing":
				until(t, "it is accepted", func() bool { return r.stats().Handshakes.Open == 1 })
			case "a ClientHello":
				if _, err := io.ReadFull(c, make([]byte, 100)); err != nil { // of the server's flight
					t.Fatal(err)
				}
			default:
				until(t, "it is read", func() bool { return r.l.Stats().Buffers == 1 })
			}
			r.on(func() {
				r.listener, r.rules = nil, nil
				r.publish()
				r.w.Sweep()
			})
			_, _ = io.Copy(io.Discard, c)
			c.Close()
			until(t, "it is gone", func() bool { return r.stats().Clients == 0 })
			want := Handshakes{}
			want.Failed[shakeClosed] = 1
			if got := r.stats().Handshakes; got != want {
				t.Errorf("counted are %+v, want %+v", got, want)
			}
		})
	}
}

// helloOf is a whole ClientHello.
func helloOf(t *testing.T) string {
	t.Helper()
	said := &sayer{}
	if err := tls.Client(said, &tls.Config{InsecureSkipVerify: true}).Handshake(); err == nil {
		t.Fatal("a handshake with nobody succeeded")
	}
	return said.text
}

// A sayer is a connection that keeps what is said on it, and hears nothing.
type sayer struct {
	net.Conn
	text string
}

func (s *sayer) Write(b []byte) (int, error) { s.text += string(b); return len(b), nil }
func (s *sayer) Read([]byte) (int, error)    { return 0, io.EOF }
func (s *sayer) Close() error                { return nil }

// TestShakeTime is what is promised of it. Tests take a shorter one.
func TestShakeTime(t *testing.T) {
	r := newRig(t, nil, answering(t, ok("x")).addr)
	if r.w.shakeTime != 10*time.Second {
		t.Errorf("a handshake may take %s", r.w.shakeTime)
	}
}

// silent connects without a word to say, or with half a ClientHello. Its descriptor is all that it costs this process.
func silent(t *testing.T, to *unix.SockaddrInet4, words string) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err == nil {
		err = unix.Connect(fd, to)
	}
	if err == nil && words != "" {
		_, err = unix.Write(fd, []byte(words))
	}
	if err != nil {
		t.Fatal(err)
	}
	// No TIME_WAIT: it would take thousands of ports from the tests that follow.
	if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		t.Fatal(err)
	}
	return fd
}

// TestThousandsOfSilentSockets: as many connections as the process may have, up to 10 000, that say nothing or half a
// ClientHello, have no goroutine and little memory, and others shake hands meanwhile. When their time is up all are gone.
func TestThousandsOfSilentSockets(t *testing.T) {
	const mostMemory = 8 << 10 // each; what they say half takes a buffer of 1 KiB
	r := newRig(t, func(r *rig) { r.https(); r.w.shakeTime = time.Hour }, answering(t, ok("x")).addr)
	n := min(10_000, (openFiles(t)-500)/2) // each has two ends here
	if n < 100 {
		t.Skipf("the process may have no more than %d files", openFiles(t))
	}
	host, port, err := net.SplitHostPort(r.addr)
	if err != nil || host != "127.0.0.1" {
		t.Fatal(host, err)
	}
	number, err := net.LookupPort("tcp", port)
	if err != nil {
		t.Fatal(err)
	}
	to := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: number}
	r.shakeHands(&tls.Config{InsecureSkipVerify: true}) // What is made once is there now.
	goroutines, memory := runtime.NumGoroutine(), memoryHeld()
	fds := make([]int, 0, n)
	t.Cleanup(func() {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	})
	for i := range n {
		fds = append(fds, silent(t, to, []string{"", hello}[i%2]))
		if i%500 == 499 || i == n-1 { // so that the backlog is not full
			until(t, "all are accepted", func() bool { return r.stats().Handshakes.Open == i+1 })
		}
	}
	until(t, "all is read", func() bool { return r.l.Stats().Buffers == int64(n/2) })
	each := (memoryHeld() - memory) / int64(n)
	t.Logf("each of %d silent connections takes %d bytes", n, each)
	if each > mostMemory {
		t.Errorf("each of %d silent connections takes %d bytes", n, each)
	}
	if more := runtime.NumGoroutine() - goroutines; more > 10 {
		t.Errorf("%d silent connections have %d goroutines", n, more)
	}
	for range 20 {
		r.shakeHands(&tls.Config{InsecureSkipVerify: true})
	}
	if s := r.stats().Handshakes; s.Done[3][0] != 21 || s.Failed != [HandshakeFailures]uint64{} || s.Open != n {
		t.Errorf("beside %d silent connections: %+v", n, s)
	}
	r.on(func() {
		for _, d := range r.w.doors {
			for c := d.first; c != nil; c = c.next {
				c.await(0)
			}
		}
	})
	until(t, "all are gone", func() bool { return r.stats().Clients == 0 })
	if s := r.stats().Handshakes; s.Failed[shakeTimeout] != uint64(n) || s.Open != 0 {
		t.Errorf("%d connections were late: %+v", n, s)
	}
}

// openFiles is how many descriptors the process may have, or many.
func openFiles(t *testing.T) int {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	return int(min(uint64(limit.Cur), 1<<20))
}

// memoryHeld is the memory that is not garbage.
func memoryHeld() int64 {
	runtime.GC()
	runtime.GC() // what finalizers held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

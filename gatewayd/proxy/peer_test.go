package proxy

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A peer is one end of a connection, in raw bytes.
type peer struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func (r *rig) dial() *peer {
	r.t.Helper()
	c, err := r.connect()
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return newPeer(r.t, c)
}

// connect is a client's connection, over TLS where the rig's listener has https.
func (r *rig) connect() (net.Conn, error) {
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		return nil, err
	}
	return r.over(c)
}

// over makes TLS of a connection where the rig's listener has https.
func (r *rig) over(c net.Conn) (net.Conn, error) {
	if r.listener == nil || r.listener.Protocol != spec.HTTPS {
		return c, nil
	}
	c.SetDeadline(time.Now().Add(patience))
	over := tls.Client(c, &tls.Config{InsecureSkipVerify: true, ServerName: "a.test", DynamicRecordSizingDisabled: true}) // so that what is sent at once comes at once
	if err := over.Handshake(); err != nil {
		c.Close()
		return nil, err
	}
	return over, nil
}

func newPeer(t testing.TB, c net.Conn) *peer {
	c.SetDeadline(time.Now().Add(patience))
	return &peer{Conn: c, t: t, r: bufio.NewReaderSize(c, 64<<10)}
}

func (p *peer) send(s string) {
	p.t.Helper()
	if _, err := io.WriteString(p.Conn, s); err != nil {
		p.t.Fatalf("write: %v", err)
	}
}

// head reads up to the empty line.
func (p *peer) head() string {
	p.t.Helper()
	h, err := p.tryHead()
	if err != nil {
		p.t.Fatalf("read a head: %v after %q", err, h)
	}
	return h
}

func (p *peer) tryHead() (string, error) {
	var b strings.Builder
	for {
		line, err := p.r.ReadString('\n')
		b.WriteString(line)
		if err != nil {
			return b.String(), err
		}
		if line == "\r\n" {
			return b.String(), nil
		}
	}
}

func (p *peer) bytes(n int) string {
	p.t.Helper()
	b := make([]byte, n)
	if k, err := io.ReadFull(p.r, b); err != nil {
		p.t.Fatalf("read %d bytes: %v after %q", n, err, b[:k])
	}
	return string(b)
}

// rest reads to the end of the connection.
func (p *peer) rest() string {
	p.t.Helper()
	b, err := io.ReadAll(p.r)
	if err != nil {
		p.t.Fatalf("read to the end: %v after %q", err, b)
	}
	return string(b)
}

// answer reads one answer, its body included.
func (p *peer) answer(method string) (status int, header http.Header, body string) {
	p.t.Helper()
	a, err := http.ReadResponse(p.r, &http.Request{Method: method})
	if err != nil {
		p.t.Fatalf("read an answer: %v", err)
	}
	b, err := io.ReadAll(a.Body)
	if err != nil {
		p.t.Fatalf("read the body of a %d: %v after %q", a.StatusCode, err, b)
	}
	for k, v := range a.Trailer {
		a.Header["Trailer:"+k] = v
	}
	if a.Close {
		a.Header.Set("Connection", "close")
	}
	return a.StatusCode, a.Header, string(b)
}

func (p *peer) expect(status int, body string) http.Header {
	p.t.Helper()
	s, h, b := p.answer("GET")
	if s != status || body != "*" && b != body {
		p.t.Fatalf("got %d %q, want %d %q", s, b, status, body)
	}
	return h
}

// A server is a backend in raw bytes: fn is called for every connection.
type server struct {
	ln    net.Listener
	addr  netip.AddrPort
	conns atomic.Int64 // accepted
	mu    sync.Mutex   // guards heads
	heads []string
}

func newServer(t testing.TB, fn func(*peer)) *server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, secured(t, ln), fn)
}

// newClearServer is newServer in clear, whatever the others speak.
func newClearServer(t testing.TB, fn func(*peer)) *server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, ln, fn)
}

// serve is newServer on a listener of any kind; a Unix socket has no addr.
func serve(t testing.TB, ln net.Listener, fn func(*peer)) *server {
	s := &server{ln: ln}
	if a, ok := ln.Addr().(*net.TCPAddr); ok {
		s.addr = a.AddrPort()
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	all.Add(1)
	go func() {
		defer all.Done()
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.conns.Add(1)
			mu.Lock()
			open[c] = true
			mu.Unlock()
			all.Add(1)
			go func() {
				defer all.Done()
				defer c.Close()
				fn(newPeer(t, c))
			}()
		}
	}()
	t.Cleanup(func() {
		ln.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return s
}

// message reads one request in raw bytes: head and body; ok is false at the end of the connection.
func (p *peer) message() (head, body string, ok bool) {
	head, err := p.tryHead()
	if err != nil {
		return head, "", false
	}
	for _, line := range strings.Split(head, "\r\n") {
		name, value, _ := strings.Cut(line, ": ")
		switch strings.ToLower(name) {
		case "content-length":
			n, _ := strconv.Atoi(value)
			b := make([]byte, n)
			if k, err := io.ReadFull(p.r, b); err != nil {
				return head, string(b[:k]), false
			}
			return head, string(b), true
		case "transfer-encoding":
			var b strings.Builder
			for {
				line, err := p.r.ReadString('\n')
				b.WriteString(line)
				if err != nil {
					return head, b.String(), false
				}
				n, _ := strconv.ParseInt(strings.TrimSpace(line), 16, 64)
				if n == 0 {
					t, err := p.tryHead()
					b.WriteString(t)
					return head, b.String(), err == nil
				}
				chunk := make([]byte, n+2)
				if _, err := io.ReadFull(p.r, chunk); err != nil {
					return head, b.String(), false
				}
				b.Write(chunk)
			}
		}
	}
	return head, "", true
}

// answering is a server that gives each request the next of the answers, and the last one again and again. It closes
// the connection behind an answer with Connection: close or without length. An empty answer closes without one.
func answering(t testing.TB, answers ...string) *server {
	var s *server
	var n atomic.Int64
	ready := make(chan struct{})
	s = newServer(t, func(p *peer) {
		<-ready
		for {
			head, body, ok := p.message()
			if !ok {
				return
			}
			s.mu.Lock()
			s.heads = append(s.heads, head+body)
			s.mu.Unlock()
			a := answers[min(int(n.Add(1)), len(answers))-1]
			if _, err := io.WriteString(p.Conn, a); err != nil || a == "" || strings.Contains(a, "Connection: close") {
				return
			}
		}
	})
	close(ready)
	return s
}

// got is what the server read, in order.
func (s *server) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.heads...)
}

// ok is a plain answer.
func ok(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// CloseWrite ends the peer's side: it sends FIN, over TLS behind a close_notify.
func (p *peer) CloseWrite() { p.Conn.(interface{ CloseWrite() error }).CloseWrite() }

// reset drops the connection with RST.
func (p *peer) reset() {
	raw := p.Conn
	if over, ok := raw.(*tls.Conn); ok {
		raw = over.NetConn()
	}
	raw.(*net.TCPConn).SetLinger(0)
	raw.Close()
}

// tryAnswer reads an answer that may be broken.
func (p *peer) tryAnswer() (status int, body string, err error) {
	a, err := http.ReadResponse(p.r, &http.Request{Method: "GET"})
	if err != nil {
		return 0, "", err
	}
	b, err := io.ReadAll(a.Body)
	return a.StatusCode, string(b), err
}

// gone waits for the end of the connection, whatever comes before it and whichever it is.
func (p *peer) gone() { io.Copy(io.Discard, p.r) }

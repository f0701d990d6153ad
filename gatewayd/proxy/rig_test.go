package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/balance"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/listen"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// patience is how long a test waits for what must happen. It is an end for a broken test, never a measure.
const patience = 20 * time.Second

// A rig is a gateway of one loop on a free port of loopback, whose only rule sends everything to one pool.
type rig struct {
	t        testing.TB
	l        *loop.Loop
	w        *Worker
	addr     string
	table    atomic.Pointer[table.Table]
	registry backend.Registry
	groups   map[string]*balance.Group
	listener *spec.Listener
	pool     *spec.Pool
	setting  *spec.Setting
	rules    []*spec.Rule
	panics   uint64 // that the test means to happen
}

// newRig starts a gateway whose pool has these targets; change may alter its objects before they are published.
func newRig(t testing.TB, change func(*rig), targets ...netip.AddrPort) *rig {
	t.Helper()
	r := &rig{t: t, groups: map[string]*balance.Group{}}
	l, err := loop.New(loop.Config{})
	if err != nil {
		t.Fatal(err)
	}
	r.l = l
	r.w = NewWorker(l, Config{Table: &r.table})
	r.listener = spec.Listeners.New().(*spec.Listener)
	r.listener.Name, r.listener.Port = "web", 80
	r.pool = spec.Pools.New().(*spec.Pool)
	r.pool.Name = "apps"
	r.setting = spec.Settings.New().(*spec.Setting)
	r.setting.Name = "plain"
	r.rules = []*spec.Rule{{Name: "all", Listener: "web", Pool: "apps", Setting: "plain"}}
	r.targets(targets...)
	if change != nil {
		change(r)
	}
	r.publish()
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.Run()
	}()
	sockets := listen.New([]*loop.Loop{l}, func(_ *loop.Loop, _ *listen.Group, c *loop.Conn) { r.w.Accept(c, "", 80) })
	g, err := sockets.Bind("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	g.Start()
	r.addr = g.Addr().String()
	t.Cleanup(func() {
		g.Close()
		l.Stop()
		<-done
		r.checkEmpty()
	})
	return r
}

// checkEmpty looks for what was left behind once the loop has stopped.
func (r *rig) checkEmpty() {
	r.t.Helper()
	s, w := r.l.Stats(), r.w.Stats()
	if s.Conns != 0 || s.Buffers != 0 || s.Pipes != 0 || s.Panics != r.panics {
		r.t.Errorf("the loop has %d connections, %d buffers, %d pipes left; %d panics", s.Conns, s.Buffers, s.Pipes, s.Panics)
	}
	if w.Clients != 0 || w.Open != 0 || w.Idle != 0 || w.Tunnels.Open != 0 || r.w.first != nil {
		r.t.Errorf("the worker has %d clients, %d exchanges, %d idle connections, %d tunnels left", w.Clients, w.Open, w.Idle, w.Tunnels.Open)
	}
	for _, b := range r.registry.Backends() {
		if n := b.Open.Load(); n != 0 {
			r.t.Errorf("%v counts %d open", b, n)
		}
	}
}

// targets replaces the pool's targets.
func (r *rig) targets(targets ...netip.AddrPort) {
	r.pool.Targets = map[string]spec.PoolTarget{}
	for i, a := range targets {
		port := int(a.Port())
		r.pool.Targets[fmt.Sprintf("t%d", i)] = spec.PoolTarget{Address: a.Addr().String(), Port: &port, Weight: 1}
	}
}

// Group implements table.Living.
func (r *rig) Group(pool, setting *spec.Entry) *balance.Group {
	k := pool.ID + " " + setting.ID
	g := r.groups[k]
	if g == nil {
		g = balance.NewGroup(1)
		r.groups[k] = g
	}
	var members []balance.Member
	o := pool.Object.(*spec.Pool)
	for _, name := range o.Keys() {
		t := o.Targets[name]
		at := netip.AddrPortFrom(netip.MustParseAddr(t.Address), uint16(*t.Port))
		h := r.registry.Health(backend.Key{Pool: pool.ID, Addr: at}, setting.ID)
		members = append(members, balance.Member{Health: h, Weight: t.Weight})
	}
	g.SetMembers(members)
	return g
}

// publish compiles the rig's objects; their ids are their kinds and names.
func (r *rig) publish() {
	d := (*spec.Set)(nil).Draft(1)
	put := func(o spec.Object) { d.Put(spec.NewEntry(spec.KindOf(o).Name+":"+o.Key(), 1, o)) }
	if r.listener != nil {
		put(r.listener)
	}
	put(r.pool)
	put(r.setting)
	for _, rule := range r.rules {
		put(rule)
	}
	compiled, _ := table.Compile(d.Finish(), r)
	r.table.Store(compiled)
}

// on runs fn on the loop and waits for it.
func (r *rig) on(fn func()) {
	r.t.Helper()
	done := make(chan struct{})
	if !r.l.Post(func() { defer close(done); fn() }) {
		r.t.Fatal("the loop is stopped")
	}
	<-done
}

func (r *rig) stats() (s Stats) {
	r.t.Helper()
	r.on(func() { s = r.w.Stats() })
	return s
}

// until waits for a condition that only the gateway can bring about.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("in vain waited until %s", what)
		}
		time.Sleep(200 * time.Microsecond)
	}
}

// A peer is one end of a connection, in raw bytes.
type peer struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func (r *rig) dial() *peer {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return newPeer(r.t, c)
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

// A server is a backend in raw bytes: serve is called for every connection.
type server struct {
	ln    net.Listener
	addr  netip.AddrPort
	conns atomic.Int64 // accepted
	mu    sync.Mutex   // guards heads
	heads []string
}

func newServer(t testing.TB, serve func(*peer)) *server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{ln: ln, addr: ln.Addr().(*net.TCPAddr).AddrPort()}
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
				serve(newPeer(t, c))
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

// CloseWrite sends FIN.
func (p *peer) CloseWrite() { p.Conn.(*net.TCPConn).CloseWrite() }

// reset drops the connection with RST.
func (p *peer) reset() {
	p.Conn.(*net.TCPConn).SetLinger(0)
	p.Close()
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

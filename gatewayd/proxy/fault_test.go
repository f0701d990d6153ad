package proxy

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"golang.org/x/sys/unix"
)

// A ledger counts how often each request reached a backend, by its X-Id.
type ledger struct {
	mu   sync.Mutex
	seen map[string]int // guarded by mu
}

func (l *ledger) note(head string) {
	_, id, _ := strings.Cut(head, "X-Id: ")
	id, _, _ = strings.Cut(id, "\r\n")
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen == nil {
		l.seen = map[string]int{}
	}
	l.seen[id]++
}

// often lists the requests that reached backends more than once.
func (l *ledger) often(prefix string) (ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, n := range l.seen {
		if n > 1 && strings.HasPrefix(id, prefix) {
			ids = append(ids, fmt.Sprintf("%s (%d times)", id, n))
		}
	}
	return ids
}

// good answers every request, and looks whether it is whole.
func (l *ledger) good(p *peer) {
	for {
		head, body, alive := p.message()
		if !alive {
			return
		}
		l.note(head)
		if !strings.HasPrefix(head, "GET") && body != "abc" {
			p.t.Errorf("the backend got %q behind %q", body, head)
		}
		if _, err := io.WriteString(p.Conn, ok("good")); err != nil {
			return
		}
	}
}

// asked reads one request and counts it.
func (l *ledger) asked(p *peer) bool {
	head, _, alive := p.message()
	if alive {
		l.note(head)
	}
	return alive
}

// A client's request of the storm that has this number: reads and repeatable writes, or POSTs.
func storm(post bool) func(i int) string {
	return func(i int) string {
		id := fmt.Sprintf("X-Id: %d\r\n", i)
		switch {
		case post:
			return "POST / HTTP/1.1\r\nHost: a\r\n" + fmt.Sprintf("X-Id: post-%d\r\n", i) + "Content-Length: 3\r\n\r\nabc"
		case i%4 == 3:
			return "PUT / HTTP/1.1\r\nHost: a\r\n" + id + "Content-Length: 3\r\n\r\nabc"
		}
		return "GET / HTTP/1.1\r\nHost: a\r\n" + id + "\r\n"
	}
}

// load sends n requests over a few connections at once, calls before with the number of each, and counts what they were
// answered; 0 is a broken answer.
func (r *rig) load(n int, request func(i int) string, before func(i int)) map[int]int {
	const clients = 6
	var next atomic.Int64
	var mu sync.Mutex
	statuses := map[int]int{}
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			var p *peer
			for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
				if before != nil {
					before(i)
				}
				if p == nil {
					c, err := r.connect()
					if err != nil {
						r.t.Error(err)
						return
					}
					p = newPeer(r.t, c)
				}
				_, err := io.WriteString(p.Conn, request(i))
				status := 0
				if err == nil {
					status, _, err = p.tryAnswer()
				}
				if err != nil {
					status = 0
				}
				mu.Lock()
				statuses[status]++
				mu.Unlock()
				if err != nil || status >= 500 {
					p.Close()
					p = nil
				}
			}
			if p != nil {
				p.Close()
			}
		})
	}
	all.Wait()
	return statuses
}

// overdue lets the time of whatever waits for a backend be over, again and again until the test stops it.
func (r *rig) overdue(of netip.AddrPort) (stop func()) {
	done, ended := make(chan bool), make(chan bool)
	go func() {
		defer close(ended)
		for {
			r.each(func(w *Worker) {
				for x := w.first; x != nil; x = x.next {
					if x.route != nil && x.health != nil && x.health.Backend.Key.Addr.TCP == of {
						x.moved -= loop.Time(24 * time.Hour)
						x.arm()
					}
				}
			})
			select {
			case <-done:
				return
			case <-time.After(200 * time.Microsecond):
			}
		}
	}()
	return func() { close(done); <-ended }
}

// Whatever one target does, nobody whose request may be repeated sees it, and nothing else reaches a backend twice.
func TestOneTargetFails(t *testing.T) {
	const half = "HTTP/1.1 200 OK\r\nContent-"
	say := func(answer string) func(*ledger, *peer) {
		return func(l *ledger, p *peer) {
			if l.asked(p) {
				_, _ = io.WriteString(p.Conn, answer) // The gateway may have given it up already.
			}
		}
	}
	for name, bad := range map[string]func(*ledger, *peer){
		"closes at once":         func(_ *ledger, p *peer) {},
		"resets at once":         func(_ *ledger, p *peer) { p.reset() },
		"closes on a request":    func(l *ledger, p *peer) { l.asked(p) },
		"resets on a request":    func(l *ledger, p *peer) { l.asked(p); p.reset() },
		"hangs at once":          func(_ *ledger, p *peer) { <-p.t.Context().Done() },
		"hangs on a request":     func(l *ledger, p *peer) { l.asked(p); p.gone() },
		"hangs within a head":    func(l *ledger, p *peer) { say(half)(l, p); p.gone() },
		"cuts a head":            say(half),
		"resets within a head":   func(l *ledger, p *peer) { say(half)(l, p); p.reset() },
		"speaks unasked":         func(_ *ledger, p *peer) { _, _ = io.WriteString(p.Conn, "220 smtp.test ESMTP\r\n"); p.gone() },
		"sends garbage":          say("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 what is this\n\n"),
		"speaks SSH":             say("SSH-2.0-OpenSSH_9.9\r\n\r\n"),
		"speaks HTTP/0.9":        say("<html>hello</html>\r\n"),
		"speaks HTTP/2":          say("\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80"),
		"sends two lengths":      say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nhello"),
		"sends a bad length":     say("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello"),
		"sends length and chunk": say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
		"switches unasked":       say("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
		"sends a bare LF":        say("HTTP/1.1 200 OK\nContent-Length: 2\n\nhi"),
		"sends a head for ever":  say("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 70_000)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var l ledger
			broken := newServer(t, func(p *peer) { bad(&l, p) })
			r := newRig(t, nil, newServer(t, l.good).addr, broken.addr)
			stop := func() {}
			if strings.HasPrefix(name, "hangs") {
				stop = r.overdue(broken.addr)
			}
			const n = 120
			got := r.load(n, storm(false), nil)
			if got[200] != n || len(got) != 1 {
				t.Errorf("requests that may be repeated were answered %v", got)
			}
			posts := r.load(n/2, storm(true), nil)
			stop()
			if often := l.often("post-"); len(often) > 0 {
				t.Errorf("POSTs reached backends more than once: %v", often)
			}
			// Over TLS nothing is sent to whoever fails, or is overdue, in the handshake: another target may get it all.
			early := outTLS && (strings.HasSuffix(name, "at once") || strings.HasPrefix(name, "hangs"))
			if posts[0] > 0 || posts[200] == 0 || posts[200] == n/2 && !early {
				t.Errorf("POSTs were answered %v", posts)
			}
			if r.stats().Retries == 0 || broken.conns.Load() == 0 {
				t.Errorf("the broken target was never picked")
			}
		})
	}
}

// A restless is a backend that comes and goes: down it refuses connections, and those it had are reset.
type restless struct {
	serve func(*peer)
	t     testing.TB
	addr  netip.AddrPort
	mu    sync.Mutex // guards what follows
	ln    net.Listener
	open  map[net.Conn]bool
	all   sync.WaitGroup
}

// reuse lets several sockets be bound to one port, so that it stays the backend's while it does not listen.
var reuse = net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
	bad := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
	if bad != nil {
		return bad
	}
	return err
}}

func newRestless(t testing.TB, serve func(*peer)) *restless {
	t.Helper()
	b := &restless{serve: serve, t: t, open: map[net.Conn]bool{}}
	fd, err := loop.Socket(unix.AF_INET)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.down(); b.all.Wait(); unix.Close(fd) })
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	in := at.(*unix.SockaddrInet4)
	b.addr = netip.AddrPortFrom(netip.AddrFrom4(in.Addr), uint16(in.Port))
	noted(t, b.addr)
	b.up()
	return b
}

func (b *restless) up() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ln != nil {
		return
	}
	ln, err := reuse.Listen(context.Background(), "tcp", b.addr.String())
	if err != nil {
		b.t.Error(err)
		return
	}
	b.ln = ln
	b.all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			b.mu.Lock()
			b.open[c] = true
			b.mu.Unlock()
			b.all.Go(func() {
				over := c
				if outTLS {
					over = tls.Server(c, securedConfig())
				}
				b.serve(newPeer(b.t, over))
				c.Close()
				b.mu.Lock()
				delete(b.open, c)
				b.mu.Unlock()
			})
		}
	})
}

func (b *restless) down() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ln == nil {
		return
	}
	b.ln.Close()
	b.ln = nil
	for c := range b.open {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
}

// A target that comes and goes all the time, or goes for good in the middle, costs no error, whatever probes know of it.
func TestOneTargetComesAndGoes(t *testing.T) {
	for name, every := range map[string]int{"flaps": 20, "is killed": 1 << 30} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var l ledger
			b := newRestless(t, l.good)
			r := newRig(t, nil, newServer(t, l.good).addr, b.addr)
			const n = 2000
			swing := func(i int) {
				switch {
				case i%(2*every) == every, i == n/2:
					b.down()
				case i%(2*every) == 0:
					b.up()
				}
			}
			if got := r.load(n, storm(false), swing); got[200] != n || len(got) != 1 {
				t.Errorf("requests that may be repeated were answered %v", got)
			}
			b.up()
			posts := r.load(n/4, storm(true), swing)
			if often := l.often("post-"); len(often) > 0 {
				t.Errorf("POSTs reached backends more than once: %v", often)
			}
			if posts[0] > 0 || posts[200] < n/8 {
				t.Errorf("POSTs were answered %v", posts)
			}
			if r.stats().Retries == 0 {
				t.Errorf("nothing was retried")
			}
		})
	}
}

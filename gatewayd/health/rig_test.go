package health

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// patience is how long a test waits for what must happen. It is an end for a broken test, never a measure.
const patience = 20 * time.Second

func newProbe(change func(*spec.Probe)) *spec.Probe {
	p := spec.Probes.New().(*spec.Probe)
	p.Name, p.Timeout = "p", "10s"
	if change != nil {
		change(p)
	}
	return p
}

func every(interval spec.Duration) *spec.Probe {
	return newProbe(func(p *spec.Probe) { p.Interval = interval })
}

// A change is a verdict that turned, as Config.Changed hears it.
type change struct {
	health        *backend.Health
	before, after backend.Status
}

// A rig is a prober and what it tells.
type rig struct {
	*Prober
	t        *testing.T
	registry backend.Registry

	mu      sync.Mutex
	changes []change
}

// prober starts a prober, with other limits where change sets them, and ends it with the test.
func prober(t *testing.T, change func(*limits)) *rig {
	t.Helper()
	lim := newLimits()
	if change != nil {
		change(&lim)
	}
	r := &rig{t: t}
	p, err := newProber(Config{Log: slog.New(slog.DiscardHandler), Changed: r.note}, lim)
	if err != nil {
		t.Fatal(err)
	}
	r.Prober = p
	t.Cleanup(p.Close)
	return r
}

func (r *rig) note(h *backend.Health, before, after backend.Status, _ string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes = append(r.changes, change{h, before, after})
}

// told is what Changed heard of a health, as words.
func (r *rig) told(h *backend.Health) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	words := ""
	for _, c := range r.changes {
		if c.health == h {
			words += fmt.Sprintf("%s-%s ", c.before, c.after)
		}
	}
	return words
}

// targets are n of a pool, which all connect to one server and differ by their Host header: pool and number.
func (r *rig) targets(pool string, n int, at backend.Address, probe *spec.Probe) []Target {
	list := make([]Target, n)
	for i := range list {
		key := backend.TCP(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 80))
		h := r.registry.Health(backend.Key{Pool: pool, Addr: key}, "s")
		list[i] = Target{Health: h, Addr: at, Probe: probe, Host: fmt.Sprint(pool, i)}
	}
	return list
}

// on runs f on the prober's loop.
func (r *rig) on(f func()) {
	done := make(chan struct{})
	if !r.l.Post(func() { defer close(done); f() }) {
		r.t.Fatal("the loop is gone")
	}
	<-done
}

// until waits for a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// verdict waits for a target's first verdict.
func verdict(t *testing.T, h *backend.Health) backend.View {
	t.Helper()
	until(t, "a verdict", func() bool { return !h.View().LastProbe.IsZero() })
	return h.View()
}

func healthy(list []Target) int {
	n := 0
	for _, t := range list {
		if t.Health.Status() == backend.Healthy {
			n++
		}
	}
	return n
}

// speak listens on TCP, hands each connection to f and closes it afterwards.
func speak(t *testing.T, f func(net.Conn)) backend.Address {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	attend(t, l, f)
	return backend.TCP(l.Addr().(*net.TCPAddr).AddrPort())
}

func attend(t *testing.T, l net.Listener, f func(net.Conn)) {
	var served sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	served.Go(func() {
		for {
			c, err := l.Accept()
			if errors.Is(err, syscall.EMFILE) {
				time.Sleep(time.Millisecond) // A test took all descriptors away.
				continue
			}
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			served.Go(func() {
				f(c)
				mu.Lock()
				delete(open, c)
				mu.Unlock()
				_ = c.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		served.Wait()
	})
}

// An asked is a request as a station got it.
type asked struct {
	host, path string
	closes     bool // it says Connection: close
	conn       int  // number of the connection, from 1
	nth        int  // of its host, from 1
	onConn     int  // of its connection, from 1
	from       netip.Addr
}

// A station is a server of many targets, told apart by their Host header.
type station struct {
	// answer says what to send; "" hangs until the connection is closed, and "close" closes it.
	answer func(asked) string

	mu       sync.Mutex
	conns    int
	open     int
	most     int // connections at once
	requests []asked
	counts   map[string]int
	busy     map[string]bool
	overlaps int
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
const down = "HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n"

func always(text string) func(asked) string { return func(asked) string { return text } }

// stand starts a station on TCP.
func stand(t *testing.T, answer func(asked) string) (*station, backend.Address) {
	t.Helper()
	s := &station{answer: answer, counts: map[string]int{}, busy: map[string]bool{}}
	return s, speak(t, s.serve)
}

func (s *station) serve(c net.Conn) {
	s.mu.Lock()
	s.conns++
	number := s.conns
	s.open++
	s.most = max(s.most, s.open)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.open--
		s.mu.Unlock()
	}()
	in := bufio.NewReader(c)
	for n := 1; ; n++ {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		a := asked{host: r.Host, path: r.RequestURI, closes: r.Close, conn: number, onConn: n}
		if at, err := netip.ParseAddrPort(c.RemoteAddr().String()); err == nil {
			a.from = at.Addr()
		}
		text := s.answer(s.note(a))
		s.mu.Lock()
		s.busy[a.host] = false
		s.mu.Unlock()
		switch text {
		case "":
			_, _ = io.Copy(io.Discard, in)
			return
		case "close":
			return
		}
		if _, err := io.WriteString(c, text); err != nil || a.closes {
			return
		}
	}
}

func (s *station) note(a asked) asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[a.host]++
	a.nth = s.counts[a.host]
	s.requests = append(s.requests, a)
	if s.busy[a.host] {
		s.overlaps++
	}
	s.busy[a.host] = true
	return a
}

func (s *station) count(host string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[host]
}

func (s *station) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns
}

func (s *station) all() []asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]asked(nil), s.requests...)
}

// stuck answers with bytes and hangs then.
func stuck(answer string) start {
	return func(t *testing.T) backend.Address {
		return speak(t, func(c net.Conn) {
			readHead(c)
			_, _ = io.WriteString(c, answer)
			hang(c)
		})
	}
}

// bigHead is an answer whose head has so many bytes.
func bigHead(size int) string {
	const before, after = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: ", "\r\n\r\n"
	return before + strings.Repeat("x", size-len(before)-len(after)) + after
}

func millis(n int) loop.Time { return loop.Time(n) * loop.Time(time.Millisecond) }

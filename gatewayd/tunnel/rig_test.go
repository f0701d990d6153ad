package tunnel

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/listen"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
)

// patience is how long a test waits for what must happen. It is an end for a broken test, never a measure.
const patience = 20 * time.Second

// A rig is a loop with tunnels between real sockets, without handshakes.
type rig struct {
	t       testing.TB
	l       *loop.Loop
	set     *Set
	addr    string
	ln      net.Listener
	backend *backend.Backend
	health  *backend.Health // of the backend
	grant   time.Duration
	spread  time.Duration
	limits  Limits
	before  time.Duration // how long before its start a tunnel's backend was picked
	opened  uint64
	traffic *meter.Traffic
	told    []Ended // of the tunnels that are over, written on the loop
}

func newRig(t testing.TB) *rig { return newRigOn(t, nil) }

// newRigOn is a rig whose loop has a kernel; nil is the system's.
func newRigOn(t testing.TB, k loop.Kernel) *rig {
	t.Helper()
	r := &rig{t: t, backend: &backend.Backend{Key: backend.Key{Pool: "pool"}}, grant: time.Hour, spread: 10 * time.Second, traffic: meter.NewTraffic(1)}
	r.health = &backend.Health{Backend: r.backend, Setting: "setting"}
	var err error
	if r.ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if r.l, err = loop.New(loop.Config{Kernel: k, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}); err != nil {
		t.Fatal(err)
	}
	r.set = NewSet(r.l)
	r.set.Told = func(e Ended) { r.told = append(r.told, e) }
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.l.Run()
	}()
	to := r.ln.Addr().(*net.TCPAddr).AddrPort()
	sockets := listen.New([]*loop.Loop{r.l}, func(_ *loop.Loop, _ *listen.Group, c *loop.Conn) { r.connect(c, to) })
	g, err := sockets.Bind("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	g.Start()
	r.addr = g.Addr().String()
	t.Cleanup(func() {
		g.Close()
		r.ln.Close()
		r.l.Stop()
		<-done
		s := r.l.Stats()
		if s.Conns != 0 || s.Buffers != 0 || s.Pipes != 0 || s.Panics != 0 {
			t.Errorf("the loop has %d connections, %d buffers, %d pipes left; %d panics", s.Conns, s.Buffers, s.Pipes, s.Panics)
		}
		if n := r.set.Stats().Open; n != 0 || r.backend.Open.Load() != 0 {
			t.Errorf("%d tunnels are left, the backend counts %d", n, r.backend.Open.Load())
		}
		for subject, l := range r.set.lists {
			if l.n != 0 || !l.draining {
				t.Errorf("a list of %+v is left with %d tunnels", subject, l.n)
			}
		}
	})
	return r
}

// connect dials the backend for a client and starts the tunnel.
func (r *rig) connect(c *loop.Conn, to netip.AddrPort) {
	w := &waiting{r: r, client: c}
	c.SetHandler(w)
	c.Pause()
	w.backend = r.l.Dial(loop.Remote{Addr: to}, w)
}

// waiting is the handler of both ends before the tunnel.
type waiting struct {
	r               *rig
	client, backend *loop.Conn
}

func (w *waiting) Connected() {
	w.r.backend.Take(0)
	w.r.set.Start(w.client, w.backend, w.r.terms())
}
func (w *waiting) Data([]byte) int { return 0 }
func (w *waiting) EOF()            {}
func (w *waiting) Drained()        {}
func (w *waiting) Timeout()        {}
func (w *waiting) Closed(error)    {}

func (r *rig) terms() Terms {
	return Terms{
		Listener: "listener", Rule: "rule", Health: r.health, Picked: r.l.Now() - loop.Time(r.before),
		DrainTimeout: r.grant, CloseSpread: r.spread, Limits: r.limits, Figures: r.traffic.Tunnels(0),
	}
}

func (r *rig) on(fn func()) {
	r.t.Helper()
	done := make(chan struct{})
	if !r.l.Post(func() { defer close(done); fn() }) {
		r.t.Fatal("the loop is stopped")
	}
	<-done
}

// only is the newest tunnel, on the loop; nil where none is left.
func (r *rig) only(fn func(*Tunnel)) {
	r.t.Helper()
	r.on(func() {
		var t *Tunnel
		if l := r.set.lists[Subject{Rule: "rule"}]; l != nil {
			t = l.first
		}
		fn(t)
	})
}

// due lets the time for what the tunnel waits for come.
func (r *rig) due() {
	r.t.Helper()
	r.only(func(t *Tunnel) { t.hasten() })
}

// hasten has the time of the client's deadline come, for its Close where there is a drain.
func (t *Tunnel) hasten() {
	if t.account.closeAt != 0 {
		t.account.closeAt = 1
	}
	t.client.SetDeadline(1)
}

func (r *rig) stats() (s Stats) {
	r.on(func() { s = r.set.Stats() })
	return s
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("in vain waited until %s", what)
		}
		time.Sleep(200 * time.Microsecond)
	}
}

// A peer is an end of a tunnel outside of the gateway.
type peer struct {
	*net.TCPConn
	t testing.TB
	r *bufio.Reader
}

// open makes a tunnel and gives both of its peers.
func (r *rig) open() (client, server *peer) {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	s, err := r.ln.Accept()
	if err != nil {
		r.t.Fatal(err)
	}
	r.opened++
	until(r.t, "the tunnel stands", func() bool { return r.stats().Opened == r.opened })
	wrap := func(c net.Conn) *peer {
		r.t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(patience))
		return &peer{TCPConn: c.(*net.TCPConn), t: r.t, r: bufio.NewReaderSize(c, 64<<10)}
	}
	return wrap(c), wrap(s)
}

func (p *peer) send(b ...string) {
	p.t.Helper()
	for _, s := range b {
		if _, err := io.WriteString(p.TCPConn, s); err != nil {
			p.t.Fatalf("write: %v", err)
		}
	}
}

func (p *peer) expect(want string) {
	p.t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(p.r, got); err != nil || string(got) != want {
		p.t.Fatalf("got %.60q, want %.60q: %v", got[:n], want, err)
	}
}

func (p *peer) bytes(n int) string {
	p.t.Helper()
	b := make([]byte, n)
	if k, err := io.ReadFull(p.r, b); err != nil {
		p.t.Fatalf("got % x: %v", b[:k], err)
	}
	return string(b)
}

// ends expects FIN and nothing before it.
func (p *peer) ends() {
	p.t.Helper()
	if rest, err := io.ReadAll(p.r); err != nil || len(rest) > 0 {
		p.t.Fatalf("got %.60q, want the end: %v", rest, err)
	}
}

func (p *peer) reset() {
	p.SetLinger(0)
	p.Close()
}

var zeros = bytes.Repeat([]byte{0}, 1<<20)

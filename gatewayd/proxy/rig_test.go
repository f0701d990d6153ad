package proxy

import (
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/affinity"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/balance"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/handshake"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/listen"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop/looptest"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secure"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// patience is how long a test waits for what must happen. It is an end for a broken test, never a measure.
const patience = 20 * time.Second

// A rig is a gateway on a free port of loopback, whose only rule sends everything to one pool. It has one loop unless a
// test wants more.
type rig struct {
	t        testing.TB
	l        *loop.Loop // the first
	w        *Worker    // and its worker
	loops    []*loop.Loop
	workers  []*Worker
	addr     string
	table    atomic.Pointer[table.Table]
	registry backend.Registry
	key      *affinity.Key // of the registry
	meters   *meter.Registry
	groups   map[string]*balance.Group
	listener *spec.Listener
	pool     *spec.Pool
	setting  *spec.Setting
	rules    []*spec.Rule
	more     []spec.Object
	panics   uint64 // that the test means to happen

	connections Connections
	descriptors loop.Descriptors
	tickets     *secure.Tickets
}

// overTLS has every rig serve TLS, so that all that holds for clients of plain HTTP is seen to hold for them ("make unit").
var overTLS = os.Getenv("GATEWAYD_TEST_TLS") != ""

// https makes the rig's listener one of https.
func (r *rig) https() {
	if r.listener.Protocol == spec.HTTPS {
		return
	}
	pair := certtest.New(certtest.Issue{Names: []string{"a.test", "localhost"}})
	r.listener.Protocol, r.listener.Certificates = spec.HTTPS, []string{"shown"}
	r.more = append(r.more, &spec.Certificate{Name: "shown", CertificatePEM: &pair.Certificate, PrivateKeyPEM: &pair.Key})
}

// inClear is a change that keeps a rig on plain HTTP, for clients of a test that speak nothing else.
func inClear(r *rig) { r.listener.Protocol, r.listener.Certificates = spec.HTTP, nil }

// newRig starts a gateway whose pool has these targets; change may alter its objects before they are published.
func newRig(t testing.TB, change func(*rig), targets ...netip.AddrPort) *rig {
	t.Helper()
	return newLoops(t, 1, change, targets...)
}

// newLoops is newRig with a number of loops.
func newLoops(t testing.TB, n int, change func(*rig), targets ...netip.AddrPort) *rig {
	t.Helper()
	return newRigOn(t, loop.System, n, change, targets...)
}

// newClocked is newRig with a loop that lives by a clock.
func newClocked(t testing.TB, clock *looptest.Clock, change func(*rig), targets ...netip.AddrPort) *rig {
	t.Helper()
	return newRigOn(t, clock.Kernel, 1, change, targets...)
}

// newRigOn is newLoops with the kernels that loops live on.
func newRigOn(t testing.TB, kernel func() (loop.Kernel, error), n int, change func(*rig), targets ...netip.AddrPort) *rig {
	t.Helper()
	r := &rig{t: t, key: affinity.NewKey(), meters: meter.NewRegistry(n), groups: map[string]*balance.Group{}, tickets: secure.NewTickets()}
	r.registry.Affinity = r.key
	r.descriptors.Set(1 << 20)
	slots := handshake.NewSlots(1)
	for i := range n {
		k, err := kernel()
		if err != nil {
			t.Fatal(err)
		}
		l, err := loop.New(loop.Config{Index: i, Kernel: k, Descriptors: &r.descriptors})
		if err != nil {
			t.Fatal(err)
		}
		r.loops = append(r.loops, l)
		r.workers = append(r.workers, NewWorker(l, Config{Table: &r.table, Affinity: r.key, Connections: &r.connections, Descriptors: &r.descriptors, Handshakes: slots}))
	}
	r.l, r.w = r.loops[0], r.workers[0]
	r.listener = spec.Listeners.New().(*spec.Listener)
	r.listener.Name, r.listener.Port = "web", 80
	r.pool = spec.Pools.New().(*spec.Pool)
	r.pool.Name = "apps"
	r.setting = spec.Settings.New().(*spec.Setting)
	r.setting.Name = "plain"
	r.rules = []*spec.Rule{{Name: "all", Listener: "web", Pool: new("apps"), Setting: new("plain")}}
	r.targets(targets...)
	if overTLS {
		r.https()
	}
	if change != nil {
		change(r)
	}
	r.publish()
	r.run()
	return r
}

// run starts the loops, which end with the test.
func (r *rig) run() {
	r.t.Helper()
	var running sync.WaitGroup
	for _, l := range r.loops {
		running.Go(l.Run)
	}
	sockets := listen.New(r.loops, func(l *loop.Loop, _ *listen.Group, c *loop.Conn) { r.workers[l.Index()].Accept(c, "", 80) })
	g, err := sockets.Bind("127.0.0.1", 0)
	if err != nil {
		r.t.Fatal(err)
	}
	g.Start()
	r.addr = g.Addr().String()
	r.t.Cleanup(func() {
		g.Close()
		for _, l := range r.loops {
			l.Stop()
		}
		running.Wait()
		r.checkEmpty()
	})
}

// checkEmpty looks for what was left behind once the loops have stopped.
func (r *rig) checkEmpty() {
	r.t.Helper()
	panics := uint64(0)
	for i, l := range r.loops {
		s, w := l.Stats(), r.workers[i].Stats()
		panics += s.Panics
		if s.Conns != 0 || s.Buffers != 0 || s.Pipes != 0 {
			r.t.Errorf("loop %d has %d connections, %d buffers, %d pipes left", i, s.Conns, s.Buffers, s.Pipes)
		}
		if w.Clients != 0 || w.Open != 0 || w.Idle != 0 || w.Tunnels.Open != 0 || r.workers[i].first != nil {
			r.t.Errorf("worker %d has %d clients, %d exchanges, %d idle connections, %d tunnels left", i, w.Clients, w.Open, w.Idle, w.Tunnels.Open)
		}
	}
	if _, used := r.descriptors.Share(); used != 0 {
		r.t.Errorf("%d descriptors are counted", used)
	}
	if panics != r.panics {
		r.t.Errorf("%d panics", panics)
	}
	for _, h := range r.registry.Healths() {
		if open, idle := h.Backend.Open.Load(), h.Idle.Load(); open != 0 || idle != 0 {
			r.t.Errorf("%v counts %d open, %d idle", h.Backend, open, idle)
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
		g = balance.NewGroup(len(r.loops))
		r.groups[k] = g
	}
	var members []balance.Member
	o := pool.Object.(*spec.Pool)
	for _, name := range o.Keys() {
		t := o.Targets[name]
		a, _ := spec.ParseTargetAddress(t.Address)
		at := backend.Address{Path: a.Path}
		if a.Path == "" {
			at = backend.TCP(netip.AddrPortFrom(a.IP, uint16(*t.Port)))
		}
		h := r.registry.Health(backend.Key{Pool: pool.ID, Addr: at}, setting.ID)
		members = append(members, balance.Member{Health: h, Weight: t.Weight})
	}
	sticky := setting.Object.(*spec.Setting).Affinity != nil
	g.SetMembers(members, balance.Policy{Algorithm: o.Algorithm, FailOpen: o.FailOpen, Affinity: sticky})
	return g
}

// Meters implements table.Living.
func (r *rig) Meters() *meter.Registry { return r.meters }

// Tickets implements table.Living.
func (r *rig) Tickets() *secure.Tickets { return r.tickets }

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
	for _, o := range r.more {
		put(o)
	}
	for _, o := range r.outward() {
		put(o)
	}
	compiled, _ := r.table.Load().Next(d.Finish(), r)
	r.table.Store(compiled)
}

// on runs fn on the first loop and waits for it.
func (r *rig) on(fn func()) {
	r.t.Helper()
	r.at(0, fn)
}

// each runs fn for every worker on its loop, one after the other.
func (r *rig) each(fn func(*Worker)) {
	r.t.Helper()
	for i, w := range r.workers {
		r.at(i, func() { fn(w) })
	}
}

func (r *rig) at(i int, fn func()) {
	r.t.Helper()
	done := make(chan struct{})
	if !r.loops[i].Post(func() { defer close(done); fn() }) {
		r.t.Fatal("the loop is stopped")
	}
	<-done
}

// stats are the figures of all workers together.
func (r *rig) stats() (s Stats) {
	r.t.Helper()
	r.each(func(w *Worker) { s.Add(w.Stats()) })
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

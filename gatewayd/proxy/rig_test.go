package proxy

import (
	"fmt"
	"net/netip"
	"runtime"
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
		h := r.registry.Health(backend.Key{Pool: pool.ID, Addr: backend.TCP(at)}, setting.ID)
		members = append(members, balance.Member{Health: h, Weight: t.Weight})
	}
	g.SetMembers(members, balance.Policy{})
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

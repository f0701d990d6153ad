package plane

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/health"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/listen"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/proxy"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/resolve"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A Config is what a Plane is started with.
type Config struct {
	// Loops is the number of event loops, each on a thread of its own. 0 means one a CPU that the process may use.
	Loops int
	// DNSServers are asked for the names of targets, "address:port" each; none means those of /etc/resolv.conf.
	DNSServers []string
	// Log may be nil: nothing is logged.
	Log *slog.Logger
}

// A Plane is a running data plane. It implements control.Plane.
type Plane struct {
	log      *slog.Logger
	loops    []*loop.Loop
	workers  []*proxy.Worker // one a loop, called on it alone
	running  sync.WaitGroup  // the loops and the sweeper
	closed   chan struct{}   // closed by Close
	sockets  *listen.Sockets
	places   sync.Map // *listen.Group to table.Place, for the loops
	table    atomic.Pointer[table.Table]
	registry backend.Registry
	prober   *health.Prober
	names    *resolve.Resolver
	// unhealthy is what to do when a target turns unhealthy, by the setting's hidden id; those that keep are left out.
	unhealthy atomic.Pointer[map[string]tunnel.Drain]

	mu         sync.Mutex // what follows is written by Publish and Close alone, under mu; others read it under mu
	set        *spec.Set
	serving    *uses
	groups     map[table.Place]*listen.Group
	life       *life
	departures departures
	shut       bool // Shutdown or Close was called: nothing is followed any more
}

// Start starts the loops, with an empty table and no socket.
func Start(cfg Config) (*Plane, error) {
	p := &Plane{log: cfg.Log, groups: map[table.Place]*listen.Group{}, life: newLife(), closed: make(chan struct{})}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	p.serving = &uses{plane: p}
	p.unhealthy.Store(&map[string]tunnel.Drain{})
	n := cfg.Loops
	if n <= 0 {
		n = runtime.NumCPU()
	}
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), loop.GOMAXPROCS(n)))
	p.table.Store(&table.Table{})
	for i := range n {
		l, err := loop.New(loop.Config{Index: i, Log: p.log})
		if err != nil {
			p.stopLoops()
			return nil, fmt.Errorf("event loop %d: %w", i, err)
		}
		p.loops = append(p.loops, l)
		p.workers = append(p.workers, proxy.NewWorker(l, proxy.Config{Table: &p.table, Log: p.log}))
		p.running.Add(1)
		go func() {
			defer p.running.Done()
			l.Run()
		}()
	}
	p.sockets = listen.New(p.loops, p.accept)
	prober, err := health.New(health.Config{Log: p.log, Changed: p.turned})
	if err != nil {
		p.stopLoops()
		return nil, err
	}
	p.prober = prober
	p.names = resolve.New(resolve.Config{Log: p.log, Changed: p.readdress, Servers: cfg.DNSServers})
	p.running.Go(p.sweep)
	return p, nil
}

// sweep forgets backends and verdicts that nobody names any more, now and then.
func (p *Plane) sweep() {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.registry.Sweep()
		case <-p.closed:
			return
		}
	}
}

// accept hands a client's connection to the worker of its loop.
func (p *Plane) accept(l *loop.Loop, g *listen.Group, c *loop.Conn) {
	at, known := p.places.Load(g)
	if !known { // The group was closed while the connection waited in its backlog, and is forgotten.
		c.Reset()
		return
	}
	place := at.(table.Place)
	p.workers[l.Index()].Accept(c, place.Address, place.Port)
}

// drain tells every worker what is gone and what is back. before is the configuration that had what is gone.
func (p *Plane) drain(before *spec.Set, x passage) {
	listeners := map[string]tunnel.Drain{}
	for _, id := range x.goneListeners {
		if e := before.ByID(spec.Listeners, id); e != nil {
			o := e.Object.(*spec.Listener)
			listeners[id] = tunnel.Drain{Timeout: o.DrainTimeout.Value(), Spread: spec.Spread(o.CloseSpread, o.DrainTimeout)}
		}
	}
	own := tunnel.Drain{Timeout: -1}
	var turns []func(w *proxy.Worker)
	for _, id := range x.goneListeners {
		turns = append(turns, func(w *proxy.Worker) {
			w.Drain(tunnel.Subject{Listener: id}, listeners[id])
		})
	}
	for _, id := range x.goneRules {
		turns = append(turns, func(w *proxy.Worker) { w.Drain(tunnel.Subject{Rule: id}, own) })
	}
	for _, b := range x.goneBackends {
		turns = append(turns, func(w *proxy.Worker) { w.Drain(tunnel.Subject{Backend: b}, own) })
	}
	for _, id := range x.backListeners {
		turns = append(turns, func(w *proxy.Worker) { w.Keep(tunnel.Subject{Listener: id}) })
	}
	for _, id := range x.backRules {
		turns = append(turns, func(w *proxy.Worker) { w.Keep(tunnel.Subject{Rule: id}) })
	}
	for _, b := range x.backBackends {
		turns = append(turns, func(w *proxy.Worker) { w.Keep(tunnel.Subject{Backend: b}) })
	}
	// A change of thousands of objects must not keep the loops from their connections.
	for share := range slices.Chunk(turns, drainShare) {
		p.each(func(i int) {
			for _, turn := range share {
				turn(p.workers[i])
			}
		})
	}
}

// drainShare is how many gone or returned objects a loop is told of at a time.
const drainShare = 128

// Shutdown ends politely. Connections are accepted until delay is over; then idle ones close, answers say so, and
// WebSockets get their Close 1012, spread over the time that is left of timeout. It returns once nothing is open, and at
// the latest after timeout or when ctx ends. Nothing may be prepared or published any more when it is called, and Close
// must follow.
func (p *Plane) Shutdown(ctx context.Context, delay, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return
	}
	p.mu.Lock()
	p.shut = true
	for at, g := range p.groups {
		g.Close()
		delete(p.groups, at)
	}
	p.mu.Unlock()
	p.each(func(i int) { p.workers[i].Shutdown(timeout - delay) })
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for p.Activity().Connections > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Close ends everything now. It must be called once.
func (p *Plane) Close() {
	close(p.closed)
	p.names.Close()
	p.prober.Close()
	p.mu.Lock()
	p.shut = true
	for at, g := range p.groups {
		g.Close()
		delete(p.groups, at)
	}
	p.mu.Unlock()
	p.stopLoops()
}

func (p *Plane) stopLoops() {
	for _, l := range p.loops {
		l.Stop()
	}
	p.running.Wait()
}

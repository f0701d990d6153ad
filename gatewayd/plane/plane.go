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

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/accesslog"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/affinity"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/handshake"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/health"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/listen"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/proxy"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/resolve"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secure"
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
	// AccessLog is where requests are logged; its file and what is shown of queries. An empty path is no access log.
	AccessLog accesslog.Config
	// Affinity is the key of the cookies that bring clients back to their target; nil means a new one.
	Affinity *affinity.Key
	// Tickets are what clients take up their TLS sessions by; nil means new ones.
	Tickets *secure.Tickets
	// Events are told of what happens; nil for nobody.
	Events Events
	// Log may be nil: nothing is logged.
	Log *slog.Logger

	kernel func() (loop.Kernel, error) // of each loop, in tests; nil is the system's
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
	meters   *meter.Registry
	// strangers counts the requests that no listener serves.
	strangers *meter.Traffic
	access    *accesslog.Log // nil without an access log
	counted   sync.Mutex     // guards lastStats
	lastStats []proxy.Stats  // of each worker, as it answered last
	prober    *health.Prober
	events    Events // nil for nobody
	// labels are what the targets that serve are called, for those who may not wait for mu.
	labels atomic.Pointer[map[*backend.Health]label]
	names  *resolve.Resolver

	descriptors *loop.Descriptors // nil where nothing limits them
	connections proxy.Connections
	tickets     *secure.Tickets

	turning sync.Mutex // guards unhealthy, and the order in which loops are told by it; taken behind mu, and held for posts only
	// unhealthy is what to do when a target turns unhealthy, by the setting's hidden id; those that keep are left out.
	unhealthy map[string]tunnel.Drain

	changed sync.Mutex      // guards pending
	pending map[string]bool // DNS names of which something changed
	stir    chan struct{}   // holds one: pending is not empty
	left    chan struct{}   // holds one: there is more to watch

	looking sync.Mutex // held while the loops' tunnels are looked through, so that many who ask cost what one costs; taken without mu

	mu         sync.Mutex // what follows is written by Publish and Close alone, under mu; others read it under mu
	set        *spec.Set
	serving    *uses
	groups     map[table.Place]*listen.Group
	life       *life
	departures departures
	former     former        // names of what is gone
	watched    []*leaving    // drains that are not over, to be told of
	fading     map[pair]*use // uses that are no more, for the requests that still hold their groups
	shut       bool          // Shutdown or Close was called: nothing is followed any more
}

// Start starts the loops, with an empty table and no socket.
func Start(cfg Config) (*Plane, error) {
	p := &Plane{log: cfg.Log, groups: map[table.Place]*listen.Group{}, life: newLife(), fading: map[pair]*use{}, stir: make(chan struct{}, 1), left: make(chan struct{}, 1), closed: make(chan struct{})}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	p.serving = &uses{plane: p}
	if cfg.Affinity == nil {
		cfg.Affinity = affinity.NewKey()
	}
	p.registry.Affinity = cfg.Affinity
	if p.events = cfg.Events; p.events != nil {
		p.registry.Ejected = p.tellEjection
	}
	if p.tickets = cfg.Tickets; p.tickets == nil {
		p.tickets = secure.NewTickets()
	}
	n := cfg.Loops
	if n <= 0 {
		n = runtime.NumCPU()
	}
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), loop.GOMAXPROCS(n)))
	p.meters, p.strangers, p.lastStats = meter.NewRegistry(n), meter.NewTraffic(n), make([]proxy.Stats, n)
	p.table.Store(&table.Table{})
	if err := p.openAccessLog(cfg.AccessLog, n); err != nil {
		return nil, err
	}
	p.limitDescriptors(n, 0)
	handshakes := handshake.NewSlots(loop.Handshakes(n))
	for i := range n {
		l, err := newLoop(cfg.kernel, loop.Config{Index: i, Log: p.log, Descriptors: p.descriptors})
		if err != nil {
			p.stopLoops()
			return nil, fmt.Errorf("event loop %d: %w", i, err)
		}
		p.loops = append(p.loops, l)
		worker := proxy.Config{
			Table: &p.table, Affinity: cfg.Affinity, Log: p.log, Strangers: p.strangers, Connections: &p.connections, Descriptors: p.descriptors,
			Handshakes: handshakes, AccessLog: p.sink(i),
		}
		p.workers = append(p.workers, proxy.NewWorker(l, worker))
		p.running.Add(1)
		go func() {
			defer p.running.Done()
			l.Run()
		}()
	}
	p.sockets = listen.New(p.loops, p.accept)
	prober, err := health.New(health.Config{Log: p.log, Names: p.called, Changed: p.turned, Handshakes: handshakes})
	if err != nil {
		p.stopLoops()
		return nil, err
	}
	p.prober = prober
	p.names = resolve.New(resolve.Config{Log: p.log, Changed: p.renamed, Servers: cfg.DNSServers})
	p.running.Go(p.sweep)
	p.running.Go(p.followNames)
	p.running.Go(p.followDrains)
	return p, nil
}

// newLoop makes a loop, with a kernel that is made for it where kernel is not nil.
func newLoop(kernel func() (loop.Kernel, error), cfg loop.Config) (l *loop.Loop, err error) {
	if kernel != nil {
		if cfg.Kernel, err = kernel(); err != nil {
			return nil, err
		}
	}
	return loop.New(cfg)
}

// sweep forgets backends and verdicts that nobody names any more, now and then.
func (p *Plane) sweep() {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.mu.Lock()
			p.fade(func(*use) bool { return true })
			p.life.forget(p.set, p.serving)
			p.mu.Unlock()
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

// keep tells every worker what is back, before anything new can come to it: an old drain would end it at once.
func (p *Plane) keep(x *passage) {
	var turns []func(w *proxy.Worker)
	for _, id := range x.backListeners {
		turns = append(turns, func(w *proxy.Worker) { w.Keep(tunnel.Subject{Listener: id}) })
	}
	for _, id := range x.backRules {
		turns = append(turns, func(w *proxy.Worker) { w.Keep(tunnel.Subject{Rule: id}) })
	}
	for _, b := range x.backBackends {
		turns = append(turns, func(w *proxy.Worker) { w.Keep(tunnel.Subject{Backend: b}) })
	}
	p.tell(turns)
}

// drain tells every worker what is gone, once nothing new can come to it. The plane's mu is held.
func (p *Plane) drain(x *passage) {
	own := func(longest time.Duration) tunnel.Drain { return tunnel.Drain{Timeout: -1, Longest: longest} }
	var turns []func(w *proxy.Worker)
	for _, e := range x.goneListeners {
		o := e.Object.(*spec.Listener)
		d := tunnel.Drain{Timeout: o.DrainTimeout.Value(), Spread: spec.Spread(o.CloseSpread, o.DrainTimeout)}
		turns = append(turns, func(w *proxy.Worker) { w.Drain(tunnel.Subject{Listener: e.ID}, d) })
	}
	for _, e := range x.goneRules {
		d := own(p.life.grants[e.ID])
		turns = append(turns, func(w *proxy.Worker) { w.Drain(tunnel.Subject{Rule: e.ID}, d) })
	}
	for b, o := range x.goneBackends {
		d := own(o.grant)
		turns = append(turns, func(w *proxy.Worker) { w.Drain(tunnel.Subject{Backend: b}, d) })
	}
	p.tell(turns)
}

// tell runs turns for every worker on its loop. A change of thousands of objects must not keep the loops from their
// connections, so they get a share at a time.
func (p *Plane) tell(turns []func(w *proxy.Worker)) {
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
	p.closeAccessLog()
}

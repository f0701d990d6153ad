package resolve

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// An Answer is what is known of a name.
type Answer struct {
	// Addrs are the last good addresses: unmapped, sorted, each once, 1000 at most. The slice is never changed.
	Addrs []netip.Addr
	// Known says that a look-up has ended, well or not, or at least has brought addresses of one family.
	Known bool
	// Reason says in words for a user what went wrong with the last look-up, wholly or with a part of the addresses; it
	// is empty where all went well. It has 300 bytes at most.
	Reason string
	// Since is when Addrs last changed; zero where there never were any.
	Since time.Time
	// Next is when the name is looked up again; zero where it never is.
	Next time.Time
}

// A Config is what a Resolver needs to know.
type Config struct {
	Log *slog.Logger // nil: nothing is logged

	// Changed is called after Known, Addrs or Reason of a name that is wanted changed: by one goroutine, so never twice
	// at once, and without locks. Several changes in a row may be one call. It may call Lookup, Sync and Await, but not
	// Close. nil: nobody is told.
	Changed func(name string)

	// ResolvConf and Hosts are the files that say where and how to ask; "" means /etc/resolv.conf and /etc/hosts.
	ResolvConf, Hosts string

	// Servers are DNS servers as "host:port", the host an IP address. Where there are any, they take the place of those
	// of resolv.conf, however many.
	Servers []string
}

// The bounds of times to live and of waiting after a failure.
const (
	maxTTL   = 5 * time.Minute
	maxRetry = 30 * time.Second
)

// maxAddrs bounds the addresses of a name.
const maxAddrs = 1000

// A pace is how fast things are done. Tests have it faster.
type pace struct {
	minTTL   time.Duration // the shortest time to live, and how long is waited after a first failure
	hosts    time.Duration // when a name of the hosts file is looked up again
	grace    time.Duration // how long one family's addresses wait for the other's
	head     time.Duration // the same while the name has no addresses: then they are taken, and the other's when they come
	patience time.Duration // how long a look-up keeps its first place (see lanes)
	longest  time.Duration // after which it is ended
	timeout  time.Duration // instead of resolv.conf's, where it is not 0
}

var steady = pace{minTTL: time.Second, hosts: 5 * time.Second, grace: 2 * time.Second, head: 100 * time.Millisecond,
	patience: time.Second, longest: time.Minute}

// A Resolver keeps the addresses of names up to date until it is closed. Each name has a goroutine, which sleeps most of
// the time; how many of them look something up at once is bounded (see lanes). All methods may be called by any
// goroutine.
type Resolver struct {
	log     *slog.Logger
	changed func(string)
	given   []string // Config.Servers
	pace    pace
	conf    file[*conf]
	hosts   file[hosts]
	servers *servers
	lanes   lanes
	ctx     context.Context
	cancel  context.CancelFunc
	work    sync.WaitGroup
	wake    chan struct{} // holds one: there is something to tell

	mu     sync.Mutex        // guards what follows, and the answer of each name
	names  map[string]*entry // that are wanted
	kept   memories
	news   []*entry // whose change is to be told, each once
	closed bool
}

// New starts a resolver without names. Close ends it.
func New(cfg Config) *Resolver { return newResolver(cfg, steady) }

func newResolver(cfg Config, p pace) *Resolver {
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	r := &Resolver{
		log: log, changed: cfg.Changed, given: slices.Clone(cfg.Servers), pace: p,
		servers: newServers(log), lanes: newLanes(), wake: make(chan struct{}, 1), names: map[string]*entry{}, kept: memories{},
	}
	r.conf.name, r.conf.parse = cmp.Or(cfg.ResolvConf, "/etc/resolv.conf"), parseConf
	r.hosts.name, r.hosts.parse = cmp.Or(cfg.Hosts, "/etc/hosts"), parseHosts
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.work.Go(r.tell)
	return r
}

// Close ends all look-ups and waits for everything, a call of Changed included. Nothing is called afterwards; what is
// known of the names that are wanted stays known.
func (r *Resolver) Close() {
	r.mu.Lock()
	r.closed, r.kept = true, nil
	r.mu.Unlock()
	r.cancel()
	r.work.Wait()
}

// Sync makes the names the ones that are wanted. New ones are looked up at once; for those that are left out nobody is
// asked any more. The last good addresses of one that is left out are kept for 5 minutes, of 10 000 such names at most:
// if it is wanted again by then it has them from the beginning. Names are told apart without regard to case; one with a
// dot at its end is absolute, and another than the one without.
func (r *Resolver) Sync(names []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	now := time.Now()
	wanted := make(map[string]bool, len(names))
	for _, name := range names {
		name = lower(name)
		wanted[name] = true
		if r.names[name] == nil {
			r.names[name] = r.begin(name, now)
		}
	}
	for name, e := range r.names {
		if !wanted[name] {
			e.cancel()
			delete(r.names, name)
			r.kept.keep(e, now)
		}
	}
	r.kept.trim(now)
}

// begin starts to follow a name. The resolver's mu is held.
func (r *Resolver) begin(name string, now time.Time) *entry {
	e := &entry{name: name, known: make(chan struct{})}
	e.ctx, e.cancel = context.WithCancel(r.ctx)
	if why := wrong(name); why != "" {
		e.answer = Answer{Known: true, Reason: why}
		close(e.known)
		r.announce(e)
		return e
	}
	if kept, ok := r.kept.take(name, now); ok {
		e.recall(&kept, now)
		r.announce(e)
	}
	r.work.Go(func() { r.follow(e) })
	return e
}

// Lookup tells what is known of a name now, and never waits for a look-up. Of a name that is not wanted it knows
// nothing.
func (r *Resolver) Lookup(name string) Answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.names[lower(name)]; e != nil {
		return e.answer
	}
	return Answer{}
}

// Await waits until something is known of each of the names that are wanted, or ctx ends, or the resolver is closed. What
// is known from before a name was left out counts until its time to live is over. Names that are not wanted, or no
// longer, are not waited for.
func (r *Resolver) Await(ctx context.Context, names []string) {
	for _, name := range names {
		r.mu.Lock()
		e := r.names[lower(name)]
		r.mu.Unlock()
		if e == nil {
			continue
		}
		select {
		case <-e.known:
		case <-e.ctx.Done():
		case <-ctx.Done():
			return
		}
	}
}

// announce has a change told. The resolver's mu is held.
func (r *Resolver) announce(e *entry) {
	if e.news || r.changed == nil {
		return
	}
	e.news = true
	r.news = append(r.news, e)
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// tell calls Changed until the resolver is closed.
func (r *Resolver) tell() {
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-r.wake:
		}
		for e := r.pop(); e != nil && r.ctx.Err() == nil; e = r.pop() {
			r.changed(e.name)
		}
	}
}

// pop is the next name whose change is to be told; nil for none.
func (r *Resolver) pop() *entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.news) > 0 {
		e := r.news[0]
		r.news[0] = nil
		r.news = r.news[1:]
		e.news = false
		if r.names[e.name] == e {
			return e
		}
	}
	return nil
}

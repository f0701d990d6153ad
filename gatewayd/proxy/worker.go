package proxy

import (
	crand "crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/accesslog"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/affinity"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/balance"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/handshake"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/rewrite"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
)

// Config is what a worker needs.
type Config struct {
	// Table is the routes of the published configuration; it is loaded once a request. It must hold one before the
	// first connection is accepted.
	Table *atomic.Pointer[table.Table]
	// Affinity is the key of the cookies that bring clients back to their backend, the one of the registry that the
	// backends are from; nil means that there are none, whatever settings say.
	Affinity *affinity.Key
	// Log gets what nobody can be answered with; nil discards.
	Log *slog.Logger
	// Strangers counts requests that no listener serves; nil counts them nowhere.
	Strangers *meter.Traffic
	// Connections counts those of all loops; nil makes one for this worker.
	Connections *Connections
	// Descriptors is what the loops share; nil bounds nothing.
	Descriptors *loop.Descriptors
	// Handshakes bound those that compute beside the loops; nil makes slots for this worker.
	Handshakes *handshake.Slots
	// AccessLog gets a line for each request, and two for a tunnel; nil is no access log.
	AccessLog *accesslog.Sink
}

// keepFree bounds how many objects of each kind wait for their next use.
const keepFree = 1024

// A Worker is the proxy of one loop: its client connections, exchanges, idle upstream connections and tunnels. All
// methods are called on the loop.
type Worker struct {
	l       *loop.Loop
	cfg     Config
	log     *slog.Logger
	doors   map[table.Place]*door
	stocks  map[*backend.Backend]*stock
	tunnels *tunnel.Set
	stats   Stats
	excess  int // client connections that are one too many, and wait to be told

	shakeTime time.Duration // the constant, but in tests

	idle    atomic.Int64 // connections to backends; written on the loop
	leaving int          // of those that were idle, and were given up in this turn
	asked   atomic.Bool  // another loop has asked for descriptors

	// Open exchanges, the newest first, and the drains that may cut them.
	first    *exchange
	drains   drains
	cursor   *exchange // the next to be planned anew
	planning bool
	stirred  []*exchange // went on in this handler

	origin    origin           // of the request at hand
	senders   []netip.AddrPort // that it came by
	rewritten bool             // the request at hand has a rewrite, and changes are its own

	over    *account // of the exchange that has just ended, until it is concluded
	unknown account  // of a request that had no exchange
	// Of the access log: a line in the making, and when its lines are handed over.
	line     []byte
	flushing loop.Timer

	closing  bool // Shutdown was called
	shutdown loop.Time

	// Memory that one handler uses at a time, for it would be kilobytes in every connection.
	out      gather
	shakes   *handshake.Runner
	request  http1.Request
	response http1.Response
	trailer  http1.Trailer
	want     balance.Want
	reply    reply
	location []byte // of a redirect
	path     []byte // normal form
	resolved []byte // path without dot-segments
	prefixed []byte // and under the setting's prefix
	subject  rewrite.Subject
	changes  rewrite.Changes
	pins     affinity.Pins
	cookie   []byte    // of Set-Cookie
	small    [512]byte // framing
	date     http1.Date
	random   *rand.ChaCha8    // request ids, and the own address to begin with
	sealer   *affinity.Sealer // nil without a key

	freeClients   []*client
	freeExchanges []*exchange
	freeUpstreams []*upstream
}

// NewWorker makes the worker of a loop.
func NewWorker(l *loop.Loop, cfg Config) *Worker {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Strangers == nil {
		cfg.Strangers = meter.NewTraffic(l.Index() + 1)
	}
	if cfg.Handshakes == nil {
		cfg.Handshakes = handshake.NewSlots(1)
	}
	if cfg.Connections == nil {
		cfg.Connections = new(Connections)
	}
	var seed [32]byte
	crand.Read(seed[:])
	w := &Worker{
		l: l, cfg: cfg, log: cfg.Log,
		doors:   map[table.Place]*door{},
		stocks:  map[*backend.Backend]*stock{},
		drains:  drains{},
		tunnels: tunnel.NewSet(l),
		shakes:  handshake.NewRunner(l, cfg.Handshakes),
		out:     gather{l: l},
		random:  rand.NewChaCha8(seed),

		shakeTime: shakeTime,
	}
	w.tunnels.Told = w.logTunnel
	cfg.Connections.join(w)
	if cfg.Affinity != nil {
		w.sealer = affinity.NewSealer(cfg.Affinity)
	}
	return w
}

// Accept serves a client connection that was accepted on an address and port, which are spelled as in table.Place.
func (w *Worker) Accept(c *loop.Conn, address string, port int) {
	d := w.door(table.Place{Address: address, Port: port})
	greets, welcome := d.greeted(c.RemoteAddr())
	if !welcome {
		w.refused(ReasonUntrustedProxy)
		w.logClosed(d, c.RemoteAddr(), errUntrusted)
		c.Reset()
		d.tidy()
		return
	}
	why, tell := d.admit()
	if why == 0 {
		c.CountedIn(d.open)
	}
	if why != 0 && !tell {
		w.stats.TurnedAway++
		c.Reset()
		d.tidy()
		return
	}
	w.serve(c, d, why, greets)
}

func (w *Worker) door(at table.Place) *door {
	d := w.doors[at]
	if d == nil {
		d = &door{w: w, place: at, open: w.cfg.Connections.at(at)}
		w.doors[at] = d
	}
	return d
}

// serve makes a stream a client connection. why says that it is one too many, or 0; greets that it begins with a PROXY
// protocol header.
func (w *Worker) serve(s loop.Stream, d *door, why Reason, greets bool) {
	var c *client
	if n := len(w.freeClients); n > 0 {
		c, w.freeClients = w.freeClients[n-1], w.freeClients[:n-1]
	} else {
		c = new(client)
	}
	*c = client{w: w, stream: s, keepAlive: 75 * time.Second, taking: ownWriteTimeout, excess: why}
	if why != 0 {
		w.excess++
	}
	d.push(c)
	w.stats.Clients++
	a := d.address()
	if a != nil {
		c.keepAlive = a.KeepAliveTimeout
	}
	if greets {
		s.SetHandler(&greeting{c: c})
		c.await(a.HeaderTimeout)
		return
	}
	c.welcome()
}

// welcome begins with the client's own bytes.
func (c *client) welcome() {
	if a := c.door.address(); a != nil && a.Secure {
		c.shakeHands()
		return
	}
	c.stream.SetHandler(c)
	c.await(c.keepAlive)
}

// await gives a connection on which nothing was asked yet its time.
func (c *client) await(patience time.Duration) {
	if c.excess != 0 {
		patience = min(patience, excessTime)
	}
	if c.w.closing {
		patience = min(patience, time.Second) // it was queued when the sockets closed, and may still ask once
	}
	c.stream.SetDeadline(c.w.l.Now() + loop.Time(patience))
}

// enter begins every call of the loop. What is still collected then was left by a handler that panicked.
func (w *Worker) enter() {
	if w.out.to != nil {
		w.out.drop()
	}
}

// leave ends every call of the loop.
func (w *Worker) leave() {
	w.out.flush()
	if len(w.stirred) > 0 {
		w.settle()
	}
}

// appendID appends 128 random bits in hex.
func (w *Worker) appendID(b []byte) []byte {
	var id [16]byte
	binary.LittleEndian.PutUint64(id[:8], w.random.Uint64())
	binary.LittleEndian.PutUint64(id[8:], w.random.Uint64())
	return hex.AppendEncode(b, id[:])
}

package table

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/balance"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/rewrite"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secure"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// Living gives what outlives tables.
type Living interface {
	// Group is the group of a pool under a setting, made if there is none; never nil. Compile asks once for each pair.
	Group(pool, setting *spec.Entry) *balance.Group
	// Meters find what counts the requests of a route. It is nil for a table that never serves.
	Meters() *meter.Registry
	// Tickets are what clients of https listeners take up their sessions by; nil is none.
	Tickets() *secure.Tickets
}

// A Warning says that an object does not serve, or not all that it says, and what serves instead.
type Warning struct {
	Kind    *spec.Kind
	Name    string
	Problem spec.Problem
}

// A Table is the routes of one configuration. It is immutable and may be used by anybody.
type Table struct {
	revision  uint64
	addresses map[Place]*Address
	places    []Place
	routes    []*Route

	drafts   map[string]*draft // by the listener's name; for Next
	settings map[*spec.Entry]*Setting
	demands  map[*spec.Entry]*demand // of rules that have conditions beside host and path
	actions  map[*spec.Entry]action  // of rules that are not of a pool
	rewrites map[*spec.Entry]*rewrite.Rewrite

	identities map[*spec.Entry]*secure.Identity // of certificates in use; nil where one cannot be shown
}

// A Place is where a socket listens. Address "" means every address of the machine, as "::" does; another is in the canonical form
// of netip, IPv4 never mapped into IPv6.
type Place struct {
	Address string
	Port    int
}

// Revision is that of the set the table was made of.
func (t *Table) Revision() uint64 { return t.revision }

// Addresses lists what the listeners want bound, in order. The caller must not change it.
func (t *Table) Addresses() []Place { return t.places }

// Address is what listens on an address and port, nil where no listener does any more. "" is an address of its own
// here: whether a connection belongs to it or to a literal address on the same port is decided by who accepts it.
func (t *Table) Address(address string, port int) *Address {
	return t.addresses[Place{address, port}]
}

// TLS is that of the connections to the targets of a setting that a rule names; nil where there is none.
func (t *Table) TLS(setting *spec.Entry) *secure.Client {
	if s := t.settings[setting]; s != nil {
		return s.TLS
	}
	return nil
}

// Routes lists the route of every rule, inactive ones left out, by the rule's name. The caller must not change it.
func (t *Table) Routes() []*Route { return t.routes }

// A Route is what a rule does with requests: it sends them to the group of a pool or, where it has none, does what
// another field says. It is immutable and holds no Table, so that a tunnel which keeps it for days keeps nothing else.
type Route struct {
	Listener         *Listener
	RuleID, RuleName string
	PoolID, PoolName string
	Setting          *Setting         // never nil
	Group            *balance.Group   // nil also where the pool or setting was dropped although it was in use: 502
	Split            *Split           // the routes to choose from instead
	Redirect         *Redirect        // the redirect to answer instead
	Respond          *Respond         // the answer to give instead
	HashSource       bool             // the pool goes by a hash of the client's address
	HashHeader       string           // or of this header's value, in lower case; else ""
	Traffic          *meter.Traffic   // counts the rule's requests
	Upstream         *meter.Upstream  // counts what is sent to the pool under the setting
	Rewrite          *rewrite.Rewrite // nil where nothing is rewritten
}

// A Respond is an answer that a rule gives by itself.
type Respond struct {
	Status      int
	ContentType string
	Body        []byte // the caller must not change it
}

// A Listener is a listener's part in a request: its limits and its identity.
type Listener struct {
	ID, Name                                      string
	HeaderTimeout, KeepAliveTimeout, DrainTimeout time.Duration
	CloseSpread                                   time.Duration  // the last part of a drain, at most DrainTimeout
	MaxHeaderBytes                                int            // request line included
	MaxURLBytes                                   int            // of the target in the request line
	MaxBodyBytes                                  int64          // 0: no limit
	MaxConnections                                int            // of its address and port, over all loops; 0: no limit
	Traffic                                       *meter.Traffic // counts the requests that no rule of it takes
	BodyTimeout                                   time.Duration  // without a byte
	MaxTunnels                                    int            // over all loops; 0: no limit
	Tunnels                                       *atomic.Int64  // how many there are, and handshakes for one; of all tables that have the listener

	Pages   map[int]*Page // of answers of the gateway's own, by status; the caller must not change it
	Trusted Trust         // who is believed in what it says of a client
	Auth    *secure.Auth  // what clients must show; nil for nothing
	// ProxyProtocol is what the listener says; the Address decides.
	ProxyProtocol bool
}

// An Affinity is the cookie that brings a client back to its backend.
type Affinity struct {
	CookieName string
	TwinName   string        // of the one for requests from other sites, of clients that speak TLS
	Lifetime   time.Duration // 0: until the browser ends its session
}

// A WebSocket bounds those of a setting. 0 is without limit.
type WebSocket struct {
	IdleTimeout, MaxLifetime time.Duration
	MaxMessage               uint64   // bytes of payload
	Origins                  *Origins // whose pages may open them; nil: all
}

// A Setting says how to talk to a backend.
type Setting struct {
	ID, Name                                                        string
	ConnectTimeout, RequestTimeout, StreamIdleTimeout, DrainTimeout time.Duration // StreamIdleTimeout 0: no limit
	WriteTimeout                                                    time.Duration // without a byte that the client takes
	CloseSpread                                                     time.Duration // the last part of a drain, at most DrainTimeout
	Retries                                                         int
	Host                                                            string        // Host header to send; "" means the client's
	PathPrefix                                                      string        // what stands before the path; "" means the client's path
	HostFromTarget                                                  bool          // send the backend's address instead
	KeepAliveIdle                                                   time.Duration // 0: no connection is kept
	MaxIdle                                                         int           // idle connections to one backend, over all loops
	MaxConnections                                                  int           // in flight to one backend, over all loops; 0: no limit
	EjectFailures                                                   int           // failures in a row that eject a backend; 0: never
	EjectFor                                                        time.Duration
	Affinity                                                        *Affinity // nil: clients do not come back to their backend
	WebSocket                                                       WebSocket
	SendProxyProtocol                                               bool
	Sources                                                         []netip.Addr // own addresses to connect from; none: the system's choice

	TLS   *secure.Client // nil: targets are spoken to in clear
	terms *terms         // what TLS was made of
}

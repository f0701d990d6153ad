package spec

import (
	"net/netip"
	"sort"
)

// A Pool is a set of interchangeable targets. An empty pool is legal; its requests are answered 502. Its members are the
// union of its own targets and of the Targets that name it.
type Pool struct {
	Name       string                `json:"name" tfsdk:"name" spec:"required,is=name" doc:"Name of the pool, unique among pools. A new name renames it in place."`
	Targets    map[string]PoolTarget `json:"targets" tfsdk:"targets" spec:"0..10000" doc:"Members of the pool, beside those that enrol themselves as gatewayd_target. The key is yours: it names the member in plans and in health views."`
	Algorithm  string                `json:"algorithm" tfsdk:"algorithm" spec:"one_of=round_robin|least_connections|power_of_two|source_hash|header_hash" doc:"How a target is chosen for a request or WebSocket, always by weight: in turn, the one with the least in flight, the better of two drawn at random, or by a hash of the client's address or of a header. A hash sends the same client or value to the same target; when targets come and go, only their share moves."`
	HashHeader *string               `json:"hash_header" tfsdk:"hash_header" spec:"is=field_name,1..100" doc:"Header whose value header_hash goes by. Requests without it are balanced in turn. Needed with header_hash, and with nothing else."`
	SlowStart  Duration              `json:"slow_start" tfsdk:"slow_start" spec:"0s..1h" doc:"How long a target takes to grow from a small share to its full one after it became healthy. 0s means that it has its full share at once."`
	FailOpen   bool                  `json:"fail_open" tfsdk:"fail_open" doc:"Send requests to all targets when every one is unhealthy, instead of answering 502."`
}

// A PoolTarget is one member of a pool.
type PoolTarget struct {
	Address string `json:"address" tfsdk:"address" spec:"required,is=target_address" doc:"IP address of the target; or a DNS name, each of whose addresses is a target, resolved anew by its TTL; or \"unix:\" and the absolute path of a socket. Link-local, multicast and unspecified addresses are never taken from DNS."`
	Port    *int   `json:"port" tfsdk:"port" spec:"1..65535" doc:"TCP port of the target. Null means the port of the setting that the rule names. A Unix socket has none."`
	Weight  int    `json:"weight" tfsdk:"weight" spec:"0..1000" doc:"Share of new requests and WebSockets relative to the other members. 0 means none."`
}

// The algorithms of a pool.
const (
	RoundRobin       = "round_robin"
	LeastConnections = "least_connections"
	PowerOfTwo       = "power_of_two"
	SourceHash       = "source_hash"
	HeaderHash       = "header_hash"
)

func (t *PoolTarget) defaults() { t.Weight = 1 }

// Key is the pool's name.
func (p *Pool) Key() string { return p.Name }

func (p *Pool) defaults() {
	p.Algorithm = RoundRobin
	p.SlowStart = "0s"
}

// Keys are the keys of the targets in order.
func (p *Pool) Keys() []string {
	keys := make([]string, 0, len(p.Targets))
	for k := range p.Targets {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func (p *Pool) check(ps *Problems) {
	switch {
	case p.Algorithm == HeaderHash && p.HashHeader == nil:
		ps.AddNeeding("hash_header", []string{"algorithm"}, "is required with algorithm = %q: it names the header that is hashed", HeaderHash)
	case p.Algorithm != HeaderHash && p.HashHeader != nil:
		ps.AddNeeding("hash_header", []string{"algorithm"}, "means nothing with algorithm = %q; leave it out, or choose %q", p.Algorithm, HeaderHash)
	}
	p.checkMembers(ps)
}

// checkMembers refuses two members with one address and port: a backend is its pool, address and port, so that two of
// them could not be told apart.
func (p *Pool) checkMembers(ps *Problems) {
	first := map[seat]string{}
	for _, k := range p.Keys() {
		t, path := p.Targets[k], key("targets", k)
		checkPort(ps, path, t.Address, t.Port)
		where, ok := seatOf(t.Address, t.Port)
		if !ok {
			continue
		}
		holder, taken := first[where]
		if !taken {
			first[where] = k
			continue
		}
		needs := []string{join(path, "port"), join(key("targets", holder), "address"), join(key("targets", holder), "port")}
		ps.AddNeeding(join(path, "address"), needs, "is the address and port of target %q already; a member can be in a pool once", holder)
	}
}

// checkPort refuses a port beside a Unix socket.
func checkPort(ps *Problems, path, address string, port *int) {
	if a, ok := ParseTargetAddress(address); ok && a.Path != "" && port != nil {
		ps.AddNeeding(join(path, "port"), []string{join(path, "address")}, "means nothing for a Unix socket; leave it out")
	}
}

// A TargetAddress is where a target is: exactly one of the fields is set.
type TargetAddress struct {
	IP   netip.Addr // unmapped
	Name string     // of DNS, in lower case; with a final dot it is absolute
	Path string     // of a Unix socket
}

// String is the address as a target's is written.
func (a TargetAddress) String() string {
	switch {
	case a.Path != "":
		return unixPrefix + a.Path
	case a.Name != "":
		return a.Name
	}
	return a.IP.String()
}

// ParseTargetAddress reads the address of a target; ok is false where Check would refuse it.
func ParseTargetAddress(s string) (a TargetAddress, ok bool) {
	a, err := parseTargetAddress(s)
	return a, err == nil
}

// A seat is an address and port in a pool, 0 for the setting's port. One member has it.
type seat struct {
	address TargetAddress
	port    int
}

// seatOf is false where the address is none.
func seatOf(address string, port *int) (seat, bool) {
	a, ok := ParseTargetAddress(address)
	s := seat{address: a}
	if port != nil {
		s.port = *port
	}
	return s, ok
}

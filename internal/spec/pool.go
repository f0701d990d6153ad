package spec

import (
	"net/netip"
	"sort"
)

// A Pool is a set of interchangeable targets. An empty pool is legal; its requests are answered 502.
type Pool struct {
	Name    string                `json:"name" tfsdk:"name" spec:"required,is=name" doc:"Name of the pool, unique among pools. A new name renames it in place."`
	Targets map[string]PoolTarget `json:"targets" tfsdk:"targets" spec:"0..10000" doc:"Members of the pool. The key is yours: it names the member in plans and in health views."`
}

// A PoolTarget is one member of a pool.
type PoolTarget struct {
	Address string `json:"address" tfsdk:"address" spec:"required,is=ip" doc:"IP address of the target."`
	Port    *int   `json:"port" tfsdk:"port" spec:"1..65535" doc:"TCP port of the target. Null means the port of the setting that the rule names."`
	Weight  int    `json:"weight" tfsdk:"weight" spec:"0..1000" doc:"Share of new requests and WebSockets relative to the other members. 0 means none."`
}

func (t *PoolTarget) defaults() { t.Weight = 1 }

// Key is the pool's name.
func (p *Pool) Key() string { return p.Name }

// Keys are the keys of the targets in order.
func (p *Pool) Keys() []string {
	keys := make([]string, 0, len(p.Targets))
	for k := range p.Targets {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// check refuses two members with one address and port: a backend is its pool, address and port, so that two of them
// could not be told apart.
func (p *Pool) check(ps *Problems) {
	type place struct {
		address netip.Addr
		port    int
	}
	first := map[place]string{}
	for _, k := range p.Keys() {
		t := p.Targets[k]
		address, err := netip.ParseAddr(t.Address)
		if err != nil {
			continue
		}
		where := place{address: address.Unmap()}
		if t.Port != nil {
			where.port = *t.Port
		}
		holder, taken := first[where]
		if !taken {
			first[where] = k
			continue
		}
		path := key("targets", k)
		needs := []string{join(path, "port"), join(key("targets", holder), "address"), join(key("targets", holder), "port")}
		ps.AddNeeding(join(path, "address"), needs, "is the address and port of target %q already; a member can be in a pool once", holder)
	}
}

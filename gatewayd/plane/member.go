package plane

import (
	"net/netip"
	"strings"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/balance"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// An enrolled is a target of a pool as somebody wrote it: in the pool's map, or as an object of its own.
type enrolled struct {
	key     string // of the map, or "target/" and the object's name
	id      string // the same through a rename of the object
	address spec.TargetAddress
	port    int // 0 is the setting's
	weight  int
}

// roster are the targets of a pool, those of its map first.
func roster(set *spec.Set, pool *spec.Entry) []enrolled {
	o := pool.Object.(*spec.Pool)
	own := set.MembersOf(pool.Name())
	list := make([]enrolled, 0, len(o.Targets)+len(own))
	add := func(key, id, address string, port *int, weight int) {
		a, ok := spec.ParseTargetAddress(address)
		if !ok {
			return // Accepted by an earlier version; Check reports it as a condition.
		}
		e := enrolled{key: key, id: id, address: a, weight: weight}
		if port != nil {
			e.port = *port
		}
		list = append(list, e)
	}
	for _, k := range o.Keys() {
		t := o.Targets[k]
		add(k, k, t.Address, t.Port, t.Weight)
	}
	for _, e := range own {
		t := e.Object.(*spec.Target)
		add("target/"+t.Name, "target/"+e.ID, t.Address, t.Port, t.Weight)
	}
	return list
}

// A member is one backend of a use.
type member struct {
	key    string // of the target; for an address of a DNS name with "@" and the address behind it
	name   string // the DNS name that the address is of, else ""
	ported bool   // the target has a port of its own
	weight int
	health *backend.Health
}

// members are the backends of a use's roster as names stand now, each with its health. The plane's mu is held.
func (p *Plane) members(u *use) []member {
	setting := u.setting.Object.(*spec.Setting)
	list := make([]member, 0, len(u.roster))
	add := func(e *enrolled, key string, at backend.Address) {
		h := p.registry.Health(backend.Key{Pool: u.pool.ID, Addr: at}, u.setting.ID)
		h.SetEjects(setting.Eject != nil)
		h.CountTunnels(func() *meter.Target {
			return p.meters.Target(meter.TargetKey{Pool: u.pool.ID, Setting: u.setting.ID, Target: e.id})
		})
		list = append(list, member{key: key, name: e.address.Name, ported: e.port != 0, weight: e.weight, health: h})
	}
	for i := range u.roster {
		e := &u.roster[i]
		port := e.port
		if port == 0 {
			port = setting.EffectivePort()
		}
		switch {
		case e.address.Path != "":
			add(e, e.key, backend.Address{Path: e.address.Path})
		case e.address.Name != "":
			for _, ip := range p.names.Lookup(e.address.Name).Addrs {
				add(e, addressKey(e.key, ip), backend.TCP(netip.AddrPortFrom(ip, uint16(port))))
			}
		default:
			add(e, e.key, backend.TCP(netip.AddrPortFrom(e.address.IP, uint16(port))))
		}
	}
	nameBackends(list)
	return list
}

// addressKey is the key of one address of a target that is a DNS name.
func addressKey(key string, ip netip.Addr) string { return key + "@" + ip.String() }

// nameBackends tells each backend its DNS name: none where a target has its address itself, else the least.
func nameBackends(list []member) {
	names := make(map[*backend.Backend]string, len(list))
	for _, m := range list {
		known, before := names[m.health.Backend]
		if !before || m.name < known {
			names[m.health.Backend] = m.name
		}
	}
	for b, name := range names {
		b.SetName(strings.TrimSuffix(name, "."))
	}
}

// groupMembers is what the group of a use picks among. Two targets that come to the same address and port, as by the
// setting's port or by two names, are one backend with both weights.
func (u *use) groupMembers() []balance.Member {
	list := make([]balance.Member, 0, len(u.members))
	place := make(map[*backend.Health]int, len(u.members))
	for _, m := range u.members {
		if i, known := place[m.health]; known {
			list[i].Weight += m.weight
			continue
		}
		place[m.health] = len(list)
		list = append(list, balance.Member{Health: m.health, Weight: m.weight})
	}
	return list
}

// backends are those that something new may come to.
func (u *uses) backends() map[*backend.Backend]bool {
	all := map[*backend.Backend]bool{}
	for _, x := range u.pairs {
		for _, m := range x.members {
			all[m.health.Backend] = true
		}
	}
	return all
}

// names are the DNS names of the targets of some uses, each once.
func (u *uses) names() []string {
	var list []string
	seen := map[string]bool{}
	for _, x := range u.pairs {
		for i := range x.roster {
			if n := x.roster[i].address.Name; n != "" && !seen[n] {
				seen[n] = true
				list = append(list, n)
			}
		}
	}
	return list
}

package plugin

import (
	"strings"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
	"github.com/gatewayd/terraform-provider-gatewayd/provider/crud"
)

// leavings are the kinds whose writes can take a target out, and its machine with it. Listeners and rules end by their
// own drains and have no machine.
var leavings = map[*spec.Kind]crud.Leaving{spec.Pools: membersLeave, spec.Targets: targetLeaves}

// membersLeave are the members that a pool's map lost, or that are somewhere else under their key; where the pool is
// deleted, all of them. One that still serves those that name it has no drains yet, and is not asked for. The targets
// that enrolled themselves have left one by one before.
func membersLeave(before, after spec.Object) func(api.Drain) bool {
	was := before.(*spec.Pool)
	is := &spec.Pool{Name: was.Name}
	if after != nil {
		is = after.(*spec.Pool)
	}
	left, at := map[string]bool{}, places{}
	for key, t := range was.Targets {
		if now, stays := is.Targets[key]; !stays || now.Address != t.Address || !samePort(now.Port, t.Port) {
			left[key] = true
			at.add(t.Address, t.Port)
		}
	}
	if len(left) == 0 {
		return nil
	}
	return func(d api.Drain) bool {
		return d.Kind == spec.Targets.Name && (d.Pool == was.Name || d.Pool == is.Name) && (left[keyOf(d)] || at.has(d))
	}
}

// targetLeaves is a target that is deleted, or that is somewhere else. Its name tells it from all others, whatever its
// pool is called.
func targetLeaves(before, after spec.Object) func(api.Drain) bool {
	was := before.(*spec.Target)
	is := was
	if after != nil {
		is = after.(*spec.Target)
		if is.Pool == was.Pool && is.Address == was.Address && samePort(is.Port, was.Port) {
			return nil
		}
	}
	at := places{}
	at.add(was.Address, was.Port)
	return func(d api.Drain) bool {
		if d.Kind != spec.Targets.Name {
			return false
		}
		name, enrolled := strings.CutPrefix(keyOf(d), spec.Targets.Name+"/")
		return enrolled && (name == was.Name || name == is.Name) || (d.Pool == was.Pool || d.Pool == is.Pool) && at.has(d)
	}
}

// places are where targets were, by address as drains have it, and port; 0 is any port, that of whichever setting. Two
// targets of a pool may come to one address and port, by the setting's port or as a member of the map and one that
// enrolled itself. They are one backend then, whose drain has the key of one of them.
type places map[string]map[int]bool

// add notes where a target was. The addresses of a DNS name are known by its key alone.
func (p places) add(address string, port *int) {
	a, ok := spec.ParseTargetAddress(address)
	if !ok || a.Name != "" {
		return
	}
	ports := p[a.String()]
	if ports == nil {
		ports = map[int]bool{}
		p[a.String()] = ports
	}
	if port == nil {
		ports[0] = true
	} else {
		ports[*port] = true
	}
}

// has says whether a drain's target was there.
func (p places) has(d api.Drain) bool {
	ports := p[d.Address]
	return ports[0] || ports[d.Port]
}

// keyOf is the key of a drain's target: each address of a DNS name has a row of its own, the key, "@" and the address.
func keyOf(d api.Drain) string {
	key, _, _ := strings.Cut(d.Name, "@")
	return key
}

func samePort(a, b *int) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

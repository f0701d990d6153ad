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
	left := map[string]bool{}
	for key, t := range was.Targets {
		if now, stays := is.Targets[key]; !stays || now.Address != t.Address || !samePort(now.Port, t.Port) {
			left[key] = true
		}
	}
	if len(left) == 0 {
		return nil
	}
	return func(d api.Drain) bool {
		return d.Kind == spec.Targets.Name && (d.Pool == was.Name || d.Pool == is.Name) && left[keyOf(d)]
	}
}

// targetLeaves is a target that is deleted, or that is somewhere else. Its name tells it from all others, whatever its
// pool is called.
func targetLeaves(before, after spec.Object) func(api.Drain) bool {
	was := before.(*spec.Target)
	names := []string{was.Name}
	if after != nil {
		is := after.(*spec.Target)
		if is.Pool == was.Pool && is.Address == was.Address && samePort(is.Port, was.Port) {
			return nil
		}
		names = append(names, is.Name)
	}
	return func(d api.Drain) bool {
		name, enrolled := strings.CutPrefix(keyOf(d), spec.Targets.Name+"/")
		return d.Kind == spec.Targets.Name && enrolled && (name == names[0] || name == names[len(names)-1])
	}
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

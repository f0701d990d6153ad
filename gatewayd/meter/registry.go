package meter

import (
	"runtime"
	"sync"
	"weak"
)

// A Registry finds the meters of ids, for as long as somebody holds them: routes of tables, backends, requests and tunnels
// do. So what is deleted takes its figures with it, and a table that is never published leaves nothing behind. A nil Registry is
// that of tables that never serve: it finds nothing.
type Registry struct {
	loops int

	mu        sync.Mutex // guards what follows
	traffic   map[TrafficKey]weak.Pointer[Traffic]
	upstreams map[UpstreamKey]weak.Pointer[Upstream]
	targets   map[TargetKey]weak.Pointer[Target]
}

// NewRegistry makes an empty registry for a number of loops.
func NewRegistry(loops int) *Registry {
	return &Registry{
		loops: loops, traffic: map[TrafficKey]weak.Pointer[Traffic]{}, upstreams: map[UpstreamKey]weak.Pointer[Upstream]{},
		targets: map[TargetKey]weak.Pointer[Target]{},
	}
}

// Traffic finds or makes the meter of ids.
func (r *Registry) Traffic(of TrafficKey) *Traffic {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return find(r, r.traffic, of, NewTraffic)
}

// Upstream finds or makes the meter of ids.
func (r *Registry) Upstream(of UpstreamKey) *Upstream {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return find(r, r.upstreams, of, newUpstream)
}

// Target finds or makes the meter of a target.
func (r *Registry) Target(of TargetKey) *Target {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return find(r, r.targets, of, newTarget)
}

// find is called with mu held.
func find[K comparable, M any](r *Registry, all map[K]weak.Pointer[M], of K, fresh func(loops int) *M) *M {
	if m := all[of].Value(); m != nil {
		return m
	}
	m := fresh(r.loops)
	all[of] = weak.Make(m)
	runtime.AddCleanup(m, func(of K) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if all[of].Value() == nil { // Else another one took its place.
			delete(all, of)
		}
	}, of)
	return m
}

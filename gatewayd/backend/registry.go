package backend

import (
	"cmp"
	"slices"
	"sync"
)

// A Registry holds the backends and healths of a gateway. Its zero value is empty and ready; every method may be called
// by anybody.
//
// Whoever prepares a configuration asks for what it names (Backend, Health), publishes it, and then says with Retain
// what the published one names. What was asked for since the last Retain is never dropped before the next one, so an
// entry cannot vanish between the two.
type Registry struct {
	mu       sync.Mutex // guards what follows
	backends map[Key]*place
}

// A place is a backend with its healths.
type place struct {
	backend *Backend
	named   bool
	healths map[string]*record // by the setting's hidden id
}

type record struct {
	health *Health
	named  bool
}

// Backend is the backend of a key, made if there is none.
func (r *Registry) Backend(k Key) *Backend {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.place(k).backend
}

// Health is the health of a backend under a setting, made if there is none. setting is the setting's hidden id.
func (r *Registry) Health(k Key, setting string) *Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.place(k)
	rec := p.healths[setting]
	if rec == nil {
		rec = &record{health: &Health{Backend: p.backend, Setting: setting}}
		p.healths[setting] = rec
	}
	rec.named = true
	return rec.health
}

func (r *Registry) place(k Key) *place {
	p := r.backends[k]
	if p == nil {
		if r.backends == nil {
			r.backends = map[Key]*place{}
		}
		p = &place{backend: &Backend{Key: k}, healths: map[string]*record{}}
		r.backends[k] = p
	}
	p.named = true
	return p
}

// Retain says which healths the published configuration names; their backends are named with them. What it does not
// name is dropped: at once where nothing is open on the backend, else by a later Sweep or Retain. Call it when the
// configuration is live on every loop, because a loop with an older one may still open something.
func (r *Registry) Retain(named []*Health) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.backends {
		p.named = false
		for _, rec := range p.healths {
			rec.named = false
		}
	}
	for _, h := range named {
		p := r.backends[h.Backend.Key]
		if p == nil {
			continue
		}
		if rec := p.healths[h.Setting]; rec != nil && rec.health == h {
			p.named, rec.named = true, true
		}
	}
	r.sweep()
}

// Sweep drops what the last Retain did not name and nothing is open on any more. Call it now and then while something
// drains; it costs a walk over everything.
func (r *Registry) Sweep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sweep()
}

func (r *Registry) sweep() {
	for k, p := range r.backends {
		if p.backend.Open.Load() > 0 {
			continue
		}
		for setting, rec := range p.healths {
			if !rec.named {
				delete(p.healths, setting)
			}
		}
		if !p.named {
			delete(r.backends, k)
		}
	}
}

// Backends lists every backend, those that only drain included, by pool and address.
func (r *Registry) Backends() []*Backend {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*Backend, 0, len(r.backends))
	for _, p := range r.backends {
		list = append(list, p.backend)
	}
	slices.SortFunc(list, func(a, b *Backend) int { return a.Key.compare(b.Key) })
	return list
}

// Healths lists every health, those that only drain included, by pool, address and setting.
func (r *Registry) Healths() []*Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []*Health
	for _, p := range r.backends {
		for _, rec := range p.healths {
			list = append(list, rec.health)
		}
	}
	slices.SortFunc(list, func(a, b *Health) int {
		return cmp.Or(a.Backend.Key.compare(b.Backend.Key), cmp.Compare(a.Setting, b.Setting))
	})
	return list
}

func (k Key) compare(other Key) int {
	return cmp.Or(cmp.Compare(k.Pool, other.Pool), k.Addr.Compare(other.Addr))
}

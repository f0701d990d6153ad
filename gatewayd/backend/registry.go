package backend

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/affinity"
)

// KeepFor is how long a verdict stands after the health was last named. A rule or listener that is replaced takes its
// targets away for a moment, and dead ones must not come back from it as unknown.
const KeepFor = 5 * time.Minute

// A Registry holds the backends and healths of a gateway. Its zero value is empty and ready; every method may be called
// by anybody.
//
// Whoever prepares a configuration asks for what it names (Backend, Health), publishes it, and then says with Retain
// what the published one names. What was asked for since the last Retain is never dropped before the next one, so an
// entry cannot vanish between the two.
type Registry struct {
	// Affinity is what the IDs of backends are made under; nil means that they have none. It is set before the first call.
	Affinity *affinity.Key
	// Ejected, which may be nil, is told of each ejection and, with the zero time, of its end. It is called with the health
	// locked, so that the order is that of what happened. It is set before the first call.
	Ejected func(h *Health, until time.Time)

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
	away   time.Time // when the first Retain did not name it any more; zero while it is named
}

// keeps says whether a health that is not named has a verdict, or a count on the way to one, that still stands. What was
// never probed and is not ejected has nothing to keep.
func (rec *record) keeps(now time.Time) bool {
	if now.Sub(rec.away) >= KeepFor {
		return false
	}
	v := rec.health.View()
	return !v.LastProbe.IsZero() || !v.Ejected.IsZero()
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
		rec = &record{health: &Health{Backend: p.backend, Setting: setting, ejected: r.Ejected}}
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
		if r.Affinity != nil {
			p.backend.ID = r.Affinity.Backend(k.Pool, k.Addr.String())
		}
		r.backends[k] = p
	}
	p.named = true
	return p
}

// Retain says which healths the published configuration names; their backends are named with them. What it does not
// name keeps what is known of it for KeepFor, and goes on where it was when it is named again by then; what was never
// probed has nothing to keep. Afterwards it is dropped by the next Retain or Sweep that finds nothing open on the
// backend. So what is kept is bounded by what was named and probed in that time. Call it when the configuration is live
// on every loop, because a loop with an older one may still open something.
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
			p.named, rec.named, rec.away = true, true, time.Time{}
		}
	}
	r.sweep()
}

// Sweep drops what the last Retain did not name, once its time is over and nothing is open on it any more. Call it now
// and then; it costs a walk over everything.
func (r *Registry) Sweep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sweep()
}

func (r *Registry) sweep() {
	now := time.Now()
	for k, p := range r.backends {
		open := p.backend.Open.Load() > 0
		for setting, rec := range p.healths {
			if rec.named {
				continue
			}
			if rec.away.IsZero() {
				rec.away = now
			}
			if !open && !rec.keeps(now) {
				rec.health.forget()
				delete(p.healths, setting)
			}
		}
		if !p.named && !open && len(p.healths) == 0 {
			delete(r.backends, k)
		}
	}
}

// Backends lists every backend, those that only drain or are only kept included, by pool and address.
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

// Healths lists every health, those that only drain or are only kept included, by pool, address and setting.
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

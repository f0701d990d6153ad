package spec

import (
	"maps"
	"slices"
)

// A place is a seat in the pool of a name.
type place struct {
	pool string
	seat seat
}

// placeOf is the place of a Target's entry; false for any other, and for an address that is none.
func placeOf(e *Entry) (place, bool) {
	t, ok := e.Object.(*Target)
	if !ok {
		return place{}, false
	}
	s, ok := seatOf(t.Address, t.Port)
	return place{t.Pool, s}, ok
}

// seatsOf are the keys of a pool's targets by their seats; nil for an object of another kind.
func seatsOf(o Object) map[seat]string {
	p, ok := o.(*Pool)
	if !ok || len(p.Targets) == 0 {
		return nil
	}
	seats := make(map[seat]string, len(p.Targets))
	for k, t := range p.Targets {
		if s, ok := seatOf(t.Address, t.Port); ok {
			seats[s] = k
		}
	}
	return seats
}

// enrol notes the place of a Target's entry, so that whoever takes the same one is told of it without a search.
func (d *Draft) enrol(e *Entry) {
	if at, ok := placeOf(e); ok {
		d.places[at] = append(slices.Clip(d.places[at]), e.name)
	}
}

// discharge forgets it.
func (d *Draft) discharge(e *Entry) {
	at, ok := placeOf(e)
	if !ok {
		return
	}
	left := slices.DeleteFunc(slices.Clone(d.places[at]), func(name string) bool { return name == e.name })
	if d.places[at] = left; len(left) == 0 {
		delete(d.places, at)
	}
}

// MembersOf lists the Targets that name a pool, by name.
func (s *Set) MembersOf(pool string) []*Entry {
	if s == nil {
		return nil
	}
	names := slices.Sorted(maps.Keys(s.holders[Ref{Kind: Pools, Name: pool}][Targets]))
	list := make([]*Entry, len(names))
	for i, n := range names {
		list[i] = s.Get(Targets, n)
	}
	return list
}

// checkPlaces refuses a member that is in the pool already, by whichever way: a backend is its pool, address and port.
func (s *Set) checkPlaces(e *Entry) Problems {
	var ps Problems
	switch o := e.Object.(type) {
	case *Target:
		at, ok := placeOf(e)
		if !ok {
			break
		}
		needs := []string{"pool", "port"}
		if pool := s.Get(Pools, o.Pool); pool != nil {
			if k, taken := pool.seats[at.seat]; taken {
				ps.AddNeeding("address", needs, "is the address and port of target %q of pool %q itself already; a member can be in a pool once", k, o.Pool)
			}
		}
		for _, other := range s.places[at] {
			if other != e.name {
				ps.AddNeeding("address", needs, "is the address and port of gatewayd_target %q in pool %q already; a member can be in a pool once", other, o.Pool)
				break
			}
		}
	case *Pool:
		for _, k := range o.Keys() {
			t := o.Targets[k]
			where, ok := seatOf(t.Address, t.Port)
			if !ok {
				continue
			}
			if others := s.places[place{e.name, where}]; len(others) > 0 {
				path := key("targets", k)
				ps.AddNeeding(join(path, "address"), []string{"name", join(path, "port")},
					"is the address and port of gatewayd_target %q, which is a member of the pool already; a member can be in a pool once", others[0])
			}
		}
	}
	return ps
}

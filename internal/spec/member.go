package spec

import (
	"cmp"
	"maps"
	"slices"
)

// A place is a seat in the pool of a name.
type place struct {
	pool string
	seat seat
}

// placeOf is the place of a Target's entry; false for any other, nil too, and for an address that is none.
func placeOf(e *Entry) (place, bool) {
	if e == nil {
		return place{}, false
	}
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
// Two that shared their place before the change as well are a condition and not refused: see PlaceConditions.
func (s *Set) checkPlaces(e *Entry, before func(*Entry) *Entry) Problems {
	switch e.Object.(type) {
	case *Target:
		return s.checkTarget(e, before(e))
	case *Pool:
		return slices.Concat(s.checkOwnTargets(e, before), s.checkFollowers(e, before))
	}
	return nil
}

// checkTarget refuses a Target that comes to a place that is taken.
func (s *Set) checkTarget(e, before *Entry) Problems {
	at, ok := placeOf(e)
	if was, had := placeOf(before); !ok || had && was == at {
		return nil
	}
	var ps Problems
	needs := []string{"pool", "port"}
	if k, taken := s.ownTarget(at); taken {
		ps.AddNeeding("address", needs, "is the address and port of target %q of pool %q itself already; a member can be in a pool once", k, at.pool)
	}
	for _, other := range s.places[at] {
		if other != e.name {
			ps.AddNeeding("address", needs, "is the address and port of gatewayd_target %q in pool %q already; a member can be in a pool once", other, at.pool)
			break
		}
	}
	return ps
}

// ownTarget is the key of the target that has a place by the pool itself.
func (s *Set) ownTarget(at place) (key string, taken bool) {
	if pool := s.Get(Pools, at.pool); pool != nil {
		key, taken = pool.seats[at.seat]
	}
	return key, taken
}

// checkOwnTargets refuses a pool's own target whose place a Target has. Where only the pool's new name brought the two
// together, that is told at the name.
func (s *Set) checkOwnTargets(e *Entry, before func(*Entry) *Entry) Problems {
	var ps Problems
	o, was := e.Object.(*Pool), before(e)
	for _, k := range o.Keys() {
		t := o.Targets[k]
		where, ok := seatOf(t.Address, t.Port)
		if !ok {
			continue
		}
		had := false
		if was != nil {
			_, had = was.seats[where]
		}
		i := slices.IndexFunc(s.places[place{e.name, where}], func(name string) bool {
			from, known := placeOf(before(s.Get(Targets, name)))
			return !had || !known || from != place{was.name, where}
		})
		if i < 0 {
			continue
		}
		other, path := s.places[place{e.name, where}][i], key("targets", k)
		if had && was.name != e.name {
			ps.AddNeeding("name", []string{join(path, "address"), join(path, "port")},
				"is the pool of gatewayd_target %q, which has the address and port of target %q of this one; a member can be in a pool once", other, k)
			continue
		}
		ps.AddNeeding(join(path, "address"), []string{"name", join(path, "port")},
			"is the address and port of gatewayd_target %q, which is a member of the pool already; a member can be in a pool once", other)
	}
	return ps
}

// checkFollowers refuses a new name of a pool at which its Targets meet others at their places.
func (s *Set) checkFollowers(e *Entry, before func(*Entry) *Entry) Problems {
	var ps Problems
	if was := before(e); was == nil || was.name == e.name {
		return nil
	}
	for _, t := range s.MembersOf(e.name) {
		at, ok := placeOf(t)
		if !ok || s.places[at][0] == t.name {
			continue
		}
		// Where all at a place were together before, each was with the first.
		first := s.places[at][0]
		from, known := placeOf(before(t))
		if with, there := placeOf(before(s.Get(Targets, first))); !known || !there || from != with {
			ps.Add("name", "brings gatewayd_target %q and gatewayd_target %q, which have one address and port, into one pool; a member can be in a pool once", first, t.name)
		}
	}
	return ps
}

// PlaceConditions tells the later of two members of a pool that they have one place, as a configuration of before this
// was refused may have it. Entries of other kinds than Target have no such condition.
func (s *Set) PlaceConditions(e *Entry) Problems {
	var ps Problems
	at, ok := placeOf(e)
	if !ok {
		return nil
	}
	if k, taken := s.ownTarget(at); taken {
		ps.Add("address", "is the address and port of target %q of pool %q itself too: the two are one member with both weights; take one of them away", k, at.pool)
		return ps
	}
	for _, name := range s.places[at] {
		if other := s.Get(Targets, name); cmp.Or(cmp.Compare(other.Revision, e.Revision), cmp.Compare(name, e.name)) < 0 {
			ps.Add("address", "is the address and port of gatewayd_target %q in pool %q too: the two are one member with both weights; take one of them away", name, at.pool)
			break
		}
	}
	return ps
}

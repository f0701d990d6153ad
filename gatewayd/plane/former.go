package plane

import "github.com/gatewayd/terraform-provider-gatewayd/internal/spec"

// former are the last names of objects that are gone, for the tunnels that outlive them: those of a setting may do so for
// weeks. The oldest are forgotten first. The plane's mu guards them.
type former struct {
	names map[formerID]string
	order []formerID
}

type formerID struct {
	kind *spec.Kind
	id   string
}

// tunnelKinds are the kinds whose names a tunnel is told by.
var tunnelKinds = [...]*spec.Kind{spec.Listeners, spec.Rules, spec.Pools, spec.Settings}

// add notes what a step took away.
func (f *former) add(s *step) {
	if f.names == nil {
		f.names = map[formerID]string{}
	}
	for _, kind := range tunnelKinds {
		went, came := map[string]string{}, map[string]bool{}
		for was, is := range s.is.Differences(s.was, kind) {
			if was != nil {
				went[was.ID] = was.Name()
			}
			if is != nil {
				came[is.ID] = true
			}
		}
		for id, name := range went {
			if came[id] {
				continue
			}
			at := formerID{kind, id}
			if _, known := f.names[at]; !known {
				f.order = append(f.order, at)
			}
			f.names[at] = name
		}
	}
	for len(f.order) > maxFormer {
		delete(f.names, f.order[0])
		f.order = f.order[1:]
	}
}

// maxFormer bounds how many names are remembered.
const maxFormer = 50_000

// A naming knows the names of a configuration's objects by their hidden ids, and those of what is gone.
type naming struct {
	live   map[formerID]string
	former *former
}

// naming is that of what serves. The plane's mu is held as long as it is used.
func (p *Plane) naming() naming {
	n := naming{live: map[formerID]string{}, former: &p.former}
	for _, kind := range tunnelKinds {
		for _, e := range p.set.All(kind) {
			n.live[formerID{kind, e.ID}] = e.Name()
		}
	}
	return n
}

// of is the name of an object, and whether the object is gone. One that went long ago has none.
func (n naming) of(kind *spec.Kind, id string) (name string, gone bool) {
	at := formerID{kind, id}
	if name, live := n.live[at]; live {
		return name, false
	}
	return n.former.names[at], true
}

// ids are the hidden ids of whatever is called so, or was when it went.
func (n naming) ids(kind *spec.Kind, name string) map[string]bool {
	ids := map[string]bool{}
	for at, live := range n.live {
		if at.kind == kind && live == name {
			ids[at.id] = true
		}
	}
	for at, last := range n.former.names {
		if _, live := n.live[at]; at.kind == kind && last == name && !live {
			ids[at.id] = true
		}
	}
	return ids
}

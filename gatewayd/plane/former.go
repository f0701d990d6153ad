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

// namesOf are the names of a configuration's objects that tunnels are told by, by hidden id.
func namesOf(set *spec.Set) map[formerID]string {
	names := map[formerID]string{}
	for _, kind := range tunnelKinds {
		for _, e := range set.All(kind) {
			names[formerID{kind, e.ID}] = e.Name()
		}
	}
	return names
}

// idsOf are the hidden ids of whatever is called so, or was when it went. The plane's mu is held.
func (p *Plane) idsOf(kind *spec.Kind, name string) map[string]bool {
	ids := map[string]bool{}
	if e := p.set.Get(kind, name); e != nil {
		ids[e.ID] = true
	}
	for at, last := range p.former.names {
		if at.kind == kind && last == name && p.set.ByID(kind, at.id) == nil {
			ids[at.id] = true
		}
	}
	return ids
}

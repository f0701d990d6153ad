package events

import (
	"cmp"
	"slices"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// Published implements control.Witness.
func (f *Feed) Published(what string, was, is *spec.Set) {
	x := api.ConfigChange{What: what, After: was.Revision(), Revision: is.Revision(), Objects: []api.ChangedObject{}}
	if was != nil { // Else the gateway starts, and everything is new.
		x.Objects = changed(was, is)
	}
	if n := len(x.Objects) - api.MaxEventObjects; n > 0 {
		x.Objects, x.More = x.Objects[:api.MaxEventObjects], n
	}
	f.add(x.Revision, api.Event{Kind: api.EventChange, Change: &x})
}

// changed are the objects in which two sets differ, by kind and name. It costs a comparison of pointers for each that did
// not change.
func changed(was, is *spec.Set) []api.ChangedObject {
	list := []api.ChangedObject{}
	for _, kind := range spec.Kinds() {
		before, after := map[string]*spec.Entry{}, map[string]*spec.Entry{} // by hidden id, through a rename
		for was, is := range is.Differences(was, kind) {
			if was != nil {
				before[was.ID] = was
			}
			if is != nil {
				after[is.ID] = is
			}
		}
		start := len(list)
		for id, e := range before {
			if after[id] == nil {
				list = append(list, api.ChangedObject{Kind: kind.Name, Name: e.Name(), What: api.ObjectDeleted})
			}
		}
		for id, e := range after {
			o := api.ChangedObject{Kind: kind.Name, Name: e.Name(), What: became(before[id], e)}
			if o.What == api.ObjectRenamed {
				o.Was = before[id].Name()
			}
			list = append(list, o)
		}
		slices.SortFunc(list[start:], func(a, b api.ChangedObject) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), -cmp.Compare(a.What, b.What)) // What was deleted goes before what came in its place.
		})
	}
	return list
}

// became says what became of an object; nil for none before.
func became(was, is *spec.Entry) string {
	switch {
	case was == nil:
		return api.ObjectCreated
	case was.Name() != is.Name():
		return api.ObjectRenamed
	case was.Retired && !is.Retired:
		return api.ObjectRevived
	case !was.Retired && is.Retired:
		return api.ObjectRetired
	case was.Revision == is.Revision:
		return api.ObjectFollowed
	}
	return api.ObjectChanged
}

package spec

import (
	"cmp"
	"iter"
	"maps"
	"reflect"
	"slices"
	"sort"
)

// An Entry is one object as a gateway holds it. It is never changed once it is in a Set.
type Entry struct {
	Kind *Kind
	// ID is given at creation and kept by renames and revivals. What lives longer than a configuration is keyed by it.
	ID string
	// Revision is that of the object's own last write; it is the ETag. Other objects' writes, a rename that the object
	// follows and retirement never change it.
	Revision uint64
	// Retired objects were deleted while others named them. They are gone from lists and reads and serve their holders
	// until the last one lets go.
	Retired bool
	Object  Object

	name  string
	refs  []Ref
	seats map[seat]string // of a pool: see seatsOf
	facts facts           // nil where there are none
}

// NewEntry makes an entry of an object that nobody changes any more.
func NewEntry(id string, revision uint64, o Object) *Entry {
	return &Entry{Kind: KindOf(o), ID: id, Revision: revision, Object: o, name: o.Key(), refs: Refs(o), seats: seatsOf(o), facts: knownFacts(o)}
}

// Name is the object's name.
func (e *Entry) Name() string { return e.name }

// Refs lists the objects that the entry's object names. The caller must not change it.
func (e *Entry) Refs() []Ref { return e.refs }

// Retire is a retired copy of the entry.
func (e *Entry) Retire() *Entry {
	c := *e
	c.Retired = true
	return &c
}

// Follow is a copy of the entry that names the kind's object to where it named from, revision unchanged.
func (e *Entry) Follow(kind *Kind, from, to string) *Entry {
	c := *e
	c.Object = renamed(e.Object, kind, from, to)
	c.refs = Refs(c.Object)
	return &c
}

// A Set is a whole configuration: an immutable value. Names are unique in a kind, retired objects included.
// The nil Set is empty.
type Set struct {
	revision uint64
	entries  map[*Kind][]*Entry                // by name; a slice is never changed once a Set holds it
	holders  map[Ref]map[*Kind]map[string]bool // by Ref without Path: the entries that name it
	places   map[place][]string                // the names of Targets; a slice is never changed
}

// Revision is the number of the commit that made the set; 0 for the empty one.
func (s *Set) Revision() uint64 {
	if s == nil {
		return 0
	}
	return s.revision
}

// Get finds an object by name, retired ones included; nil if there is none.
func (s *Set) Get(kind *Kind, name string) *Entry {
	if s == nil {
		return nil
	}
	if i, found := search(s.entries[kind], name); found {
		return s.entries[kind][i]
	}
	return nil
}

// search is where an entry of that name stands, or would.
func search(entries []*Entry, name string) (int, bool) {
	return slices.BinarySearchFunc(entries, name, func(e *Entry, name string) int { return cmp.Compare(e.name, name) })
}

// Live finds an object by name; nil if there is none or it is retired.
func (s *Set) Live(kind *Kind, name string) *Entry {
	if e := s.Get(kind, name); e != nil && !e.Retired {
		return e
	}
	return nil
}

// ByID finds an object by its id, retired ones included; nil if there is none.
func (s *Set) ByID(kind *Kind, id string) *Entry {
	if s == nil {
		return nil
	}
	for _, e := range s.entries[kind] {
		if e.ID == id {
			return e
		}
	}
	return nil
}

// Len is the number of objects of a kind, retired ones included.
func (s *Set) Len(kind *Kind) int {
	if s == nil {
		return 0
	}
	return len(s.entries[kind])
}

// All lists the objects of a kind by name, retired ones included. The caller must not change the list.
func (s *Set) All(kind *Kind) []*Entry {
	if s == nil {
		return nil
	}
	return s.entries[kind]
}

// Differences are the objects of a kind in which s differs from before: each name's entry there and here, nil where
// there is none. It costs a comparison of pointers for each object that did not change.
func (s *Set) Differences(before *Set, kind *Kind) iter.Seq2[*Entry, *Entry] {
	return func(yield func(was, is *Entry) bool) {
		a, b := before.All(kind), s.All(kind)
		for len(a) > 0 || len(b) > 0 {
			var was, is *Entry
			switch {
			case len(b) == 0 || len(a) > 0 && a[0].name < b[0].name:
				was, a = a[0], a[1:]
			case len(a) == 0 || b[0].name < a[0].name:
				is, b = b[0], b[1:]
			default:
				was, is, a, b = a[0], b[0], a[1:], b[1:]
			}
			if was != is && !yield(was, is) {
				return
			}
		}
	}
}

// Holders lists the objects that name the given one, by kind and name.
func (s *Set) Holders(kind *Kind, name string) []*Entry {
	if s == nil {
		return nil
	}
	var entries []*Entry
	for _, k := range Kinds() {
		held := s.holders[Ref{Kind: kind, Name: name}][k]
		names := slices.Sorted(maps.Keys(held))
		for _, n := range names {
			entries = append(entries, s.Get(k, n))
		}
	}
	return entries
}

// A Draft is a Set in the making, seen and changed by one writer.
type Draft struct {
	Set
	copied map[any]bool // which of the base's maps are the draft's own
}

// Draft begins a set that starts as s and will be of the given revision.
func (s *Set) Draft(revision uint64) *Draft {
	d := &Draft{copied: map[any]bool{}}
	d.revision = revision
	if s != nil {
		d.entries, d.holders, d.places = maps.Clone(s.entries), maps.Clone(s.holders), maps.Clone(s.places)
	}
	if d.entries == nil {
		d.entries, d.holders = map[*Kind][]*Entry{}, map[Ref]map[*Kind]map[string]bool{}
	}
	if d.places == nil {
		d.places = map[place][]string{}
	}
	return d
}

// Put stores an entry under its name, in place of one of that name.
func (d *Draft) Put(e *Entry) {
	own := d.own(e.Kind)
	i, found := search(own, e.name)
	if !found {
		d.entries[e.Kind] = slices.Insert(own, i, e)
		d.hold(e)
		d.enrol(e)
		return
	}
	old := own[i]
	own[i] = e
	d.discharge(old)
	d.enrol(e)
	// One setting may be named by every rule, and copying its holders would be most of a write's cost.
	if slices.Equal(old.refs, e.refs) {
		return
	}
	d.release(old)
	d.hold(e)
}

// Remove drops the object of that name, if there is one.
func (d *Draft) Remove(kind *Kind, name string) {
	i, found := search(d.entries[kind], name)
	if !found {
		return
	}
	e := d.entries[kind][i]
	d.entries[kind] = slices.Delete(d.own(kind), i, i+1)
	d.release(e)
	d.discharge(e)
}

func (d *Draft) hold(e *Entry) {
	for _, r := range e.refs {
		d.ownHolders(Ref{Kind: r.Kind, Name: r.Name}, e.Kind)[e.name] = true
	}
}

func (d *Draft) release(e *Entry) {
	for _, r := range e.refs {
		d.letGo(Ref{Kind: r.Kind, Name: r.Name}, e.Kind, e.name)
	}
}

// letGo drops one holder of ref, and with the last one what was kept of ref, so that years of renames leave nothing.
func (d *Draft) letGo(ref Ref, kind *Kind, name string) {
	names := d.ownHolders(ref, kind)
	delete(names, name)
	if len(names) > 0 {
		return
	}
	delete(d.holders[ref], kind)
	if len(d.holders[ref]) == 0 {
		delete(d.holders, ref)
	}
}

// At sets the revision of the set that the draft becomes, for a writer that learns it last.
func (d *Draft) At(revision uint64) { d.revision = revision }

// Finish is the set that the draft became. The draft must not be used afterwards.
func (d *Draft) Finish() *Set {
	s := d.Set
	return &s
}

// own is the kind's list, copied once before the first change.
func (d *Draft) own(kind *Kind) []*Entry {
	if !d.copied[kind] {
		d.copied[kind] = true
		d.entries[kind] = append(make([]*Entry, 0, len(d.entries[kind])+1), d.entries[kind]...)
	}
	return d.entries[kind]
}

type held struct {
	ref  Ref
	kind *Kind
}

func (d *Draft) ownHolders(ref Ref, kind *Kind) map[string]bool {
	if k := (held{ref, kind}); !d.copied[k] || d.holders[ref][kind] == nil {
		d.copied[k] = true
		kinds := maps.Clone(d.holders[ref])
		if kinds == nil {
			kinds = map[*Kind]map[string]bool{}
		}
		names := maps.Clone(kinds[kind])
		if names == nil {
			names = map[string]bool{}
		}
		kinds[kind], d.holders[ref] = names, kinds
	}
	return d.holders[ref][kind]
}

// CheckRefs returns what is wrong with an entry's references in the set: objects that are not there, or that are
// retired and were not named by the entry before, and members that are in a pool twice and were not before. before finds
// the earlier version of an entry of the set: the entry itself where nothing changed it, nil where it is new. A listener,
// which never retires, may be missing where it was named before: its rules stay editable until one of its name returns.
func (s *Set) CheckRefs(e *Entry, before func(*Entry) *Entry) Problems {
	var ps Problems
	was := before(e)
	for _, r := range e.refs {
		named := s.Get(r.Kind, r.Name)
		switch {
		case named == nil && (r.Kind.Retires || !was.names(r)):
			ps.Add(r.Path, "names %s %q, which does not exist", r.Kind, r.Name)
		case named != nil && named.Retired && !was.names(r):
			ps.Add(r.Path, "names %s %q, which was deleted and only still serves those that named it before", r.Kind, r.Name)
		}
	}
	return slices.Concat(ps, s.checkHostSource(e), s.checkPlaces(e, before), s.checkRedirect(e, was))
}

// names says whether the entry named the object at the same place; a nil entry names nothing. Where an element of a list
// stands among the others is no part of the place: it keeps what it names when another is put before it.
func (e *Entry) names(r Ref) bool {
	return e != nil && slices.ContainsFunc(e.refs, func(was Ref) bool {
		return was == r || was.Kind == r.Kind && was.Name == r.Name && samePlace(was.Path, r.Path)
	})
}

// samePlace compares two paths without regard to the indexes of lists.
func samePlace(a, b string) bool {
	x, errX := Steps(a)
	y, errY := Steps(b)
	return errX == nil && errY == nil && slices.EqualFunc(x, y, func(s, t any) bool {
		_, indexed := s.(int)
		_, too := t.(int)
		return s == t || indexed && too
	})
}

// checkHostSource refuses a setting that has no host for the probe that it names. The probe itself may turn to settings
// without one: whoever writes the two one after the other, as Terraform does, writes the probe first. HostConditions
// tells of what is left.
func (s *Set) checkHostSource(e *Entry) Problems {
	o, ok := e.Object.(*Setting)
	if !ok || o.Probe == nil || o.Host != nil || o.HostFromTarget {
		return nil
	}
	var ps Problems
	if p := s.Get(Probes, *o.Probe); p != nil && p.Object.(*Probe).HostFromSetting {
		ps.AddNeeding("probe", []string{"host", "host_from_target"}, "names probe %q, which takes its host from the setting; give the setting a host, or host_from_target = true", *o.Probe)
	}
	return ps
}

// HostConditions tells of a probe that takes its host from a setting that has none: its requests there say 127.0.0.1. A
// retired setting is past mending and not told of. Other entries have no such condition.
func (s *Set) HostConditions(e *Entry) Problems {
	var ps Problems
	if o, ok := e.Object.(*Probe); !ok || !o.HostFromSetting {
		return nil
	}
	for _, h := range s.Holders(Probes, e.name) {
		if set, ok := h.Object.(*Setting); ok && !h.Retired && set.Host == nil && !set.HostFromTarget {
			ps.Add("host_from_setting", "finds no host in setting %q, whose targets are probed with the host 127.0.0.1; give the setting a host, or host_from_target = true", h.name)
		}
	}
	return ps
}

// sortSets puts the sets of a struct in order.
func sortSets(fields []Field, v reflect.Value) {
	for i := range fields {
		f := &fields[i]
		value := v.Field(f.index)
		if value.Kind() == reflect.Pointer {
			if value.IsNil() {
				continue
			}
			value = value.Elem()
		}
		switch f.Type {
		case SetOf:
			sort.Strings(value.Interface().([]string))
		case ObjectOf:
			sortSets(f.Fields, value)
		case List:
			for i := 0; f.Elem == ObjectOf && i < value.Len(); i++ {
				sortSets(f.Fields, value.Index(i))
			}
		case Map:
			// What the map gives out are copies, and the strings of their sets are not.
			for _, k := range value.MapKeys() {
				sortSets(f.Fields, value.MapIndex(k))
			}
		}
	}
}

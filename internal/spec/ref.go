package spec

import "reflect"

// A Ref is one object's naming of another.
type Ref struct {
	Kind *Kind
	Name string
	Path string // of the field that names it
}

// Refs lists the objects that o names, in the order of its fields.
func Refs(o Object) []Ref {
	var refs []Ref
	eachRef("", KindOf(o).fields, reflect.ValueOf(o).Elem(), func(path string, f *Field, name string) string {
		refs = append(refs, Ref{Kind: KindByName(f.Ref), Name: name, Path: path})
		return name
	})
	return refs
}

// renamed is a copy of o in which every naming of the kind's object from names to instead.
func renamed(o Object, kind *Kind, from, to string) Object {
	o = Clone(o)
	eachRef("", KindOf(o).fields, reflect.ValueOf(o).Elem(), func(_ string, f *Field, name string) string {
		if f.Ref == kind.Name && name == from {
			return to
		}
		return name
	})
	return o
}

// eachRef visits the names of other objects in a struct, those in its maps by key, and puts in the place of each what
// visit returns. It says whether that changed anything; where it did not, nothing was written to.
func eachRef(path string, fields []Field, v reflect.Value, visit func(path string, f *Field, name string) string) bool {
	changed := false
	for i := range fields {
		f := &fields[i]
		value := v.Field(f.index)
		if value.Kind() == reflect.Pointer {
			if value.IsNil() {
				continue
			}
			value = value.Elem()
		}
		where := join(path, f.Name)
		switch {
		case f.Ref != "" && f.Type == String && value.Len() > 0:
			if name := visit(where, f, value.String()); name != value.String() {
				value.SetString(name)
				changed = true
			}
		case f.Ref != "" && f.Elem == String:
			for i := range value.Len() {
				path := where
				if f.Type == List {
					path = at(where, i) // What is in a set has no place.
				}
				if name := visit(path, f, value.Index(i).String()); name != value.Index(i).String() {
					value.Index(i).SetString(name)
					changed = true
				}
			}
		case f.Type == ObjectOf:
			changed = eachRef(where, f.Fields, value, visit) || changed
		case f.Elem == ObjectOf:
			for i := range value.Len() {
				changed = eachRef(at(where, i), f.Fields, value.Index(i), visit) || changed
			}
		case f.Type == Map && hasRefs(f.Fields):
			changed = eachRefOfMap(where, f, value, visit) || changed
		}
	}
	return changed
}

// eachRefOfMap visits the elements of a map, which can only be changed as a whole.
func eachRefOfMap(path string, f *Field, v reflect.Value, visit func(string, *Field, string) string) bool {
	changed := false
	for _, k := range sortedKeys(v) {
		element := reflect.New(v.Type().Elem()).Elem()
		element.Set(v.MapIndex(reflect.ValueOf(k)))
		if eachRef(key(path, k), f.Fields, element, visit) {
			v.SetMapIndex(reflect.ValueOf(k), element)
			changed = true
		}
	}
	return changed
}

// hasRefs says whether one of the fields, at any depth, names another object. A pool has thousands of targets, and none
// of them does.
func hasRefs(fields []Field) bool {
	for i := range fields {
		if fields[i].Ref != "" || hasRefs(fields[i].Fields) {
			return true
		}
	}
	return false
}

// Clone is a deep copy of an object.
func Clone(o Object) Object {
	return deepCopy(reflect.ValueOf(o)).Interface().(Object)
}

func deepCopy(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(deepCopy(v.Elem()))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			out.Field(i).Set(deepCopy(v.Field(i)))
		}
	case reflect.Slice:
		if !v.IsNil() {
			out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				out.Index(i).Set(deepCopy(v.Index(i)))
			}
		}
	case reflect.Map:
		if !v.IsNil() {
			out.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
			for _, k := range v.MapKeys() {
				out.SetMapIndex(k, deepCopy(v.MapIndex(k)))
			}
		}
	default:
		out.Set(v)
	}
	return out
}

// Equal says whether two objects of one kind mean and are written the same. The order of a set means nothing.
func Equal(a, b Object) bool {
	return KindOf(a) == KindOf(b) && reflect.DeepEqual(canonical(a), canonical(b))
}

// canonical is a copy of o with its sets in order.
func canonical(o Object) Object {
	o = Clone(o)
	sortSets(KindOf(o).fields, reflect.ValueOf(o).Elem())
	return o
}

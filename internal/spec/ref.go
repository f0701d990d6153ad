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
	eachRef("", KindOf(o).fields, reflect.ValueOf(o).Elem(), func(path string, f *Field, v reflect.Value) {
		refs = append(refs, Ref{Kind: KindByName(f.Ref), Name: v.String(), Path: path})
	})
	return refs
}

// renamed is a copy of o in which every naming of the kind's object from names to instead.
func renamed(o Object, kind *Kind, from, to string) Object {
	o = Clone(o)
	eachRef("", KindOf(o).fields, reflect.ValueOf(o).Elem(), func(_ string, f *Field, v reflect.Value) {
		if f.Ref == kind.Name && v.String() == from {
			v.SetString(to)
		}
	})
	return o
}

// eachRef visits the strings that name objects. Those inside maps are visited as copies, so a kind whose map elements
// name objects needs more than this to be renamed.
func eachRef(path string, fields []Field, v reflect.Value, visit func(string, *Field, reflect.Value)) {
	for i := range fields {
		f := &fields[i]
		value := v.Field(f.index)
		if value.Kind() == reflect.Pointer {
			if value.IsNil() {
				continue
			}
			value = value.Elem()
		}
		switch {
		case f.Ref != "" && f.Type == String && value.Len() > 0:
			visit(join(path, f.Name), f, value)
		case f.Type == ObjectOf:
			eachRef(join(path, f.Name), f.Fields, value, visit)
		}
	}
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

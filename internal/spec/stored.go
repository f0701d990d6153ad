package spec

import (
	"reflect"
	"slices"
)

// DecodeStored reads one object as Decode does, but leaves out the fields that this version does not know: a newer one
// stored them, and what else the object says must go on serving. unknown are these fields, in the order of the text. Only
// a store may be read so; whoever writes an object is told of what it does not mean.
func DecodeStored(k *Kind, data []byte) (o Object, unknown, problems Problems) {
	root, problems := parse(data)
	if len(problems) > 0 {
		return nil, nil, problems
	}
	leaveOut(&unknown, "", root, k.object)
	o = k.New()
	if bind(&problems, "", root, reflect.ValueOf(o).Elem()); len(problems) > 0 {
		return nil, nil, problems
	}
	return o, unknown, nil
}

// leaveOut removes the members below n that a value of type t has no field for.
func leaveOut(unknown *Problems, path string, n *node, t reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer:
		leaveOut(unknown, path, n, t.Elem())
	case reflect.Struct:
		zero := reflect.Zero(t)
		n.members = slices.DeleteFunc(n.members, func(m member) bool {
			where, f := join(path, cut(m.name)), fieldByName(zero, m.name)
			if !f.IsValid() {
				unknown.Add(where, "is not known to this version of gatewayd, which serves the rest")
				return true
			}
			leaveOut(unknown, where, m.value, f.Type())
			return false
		})
	case reflect.Map:
		for _, m := range n.members {
			leaveOut(unknown, key(path, m.name), m.value, t.Elem())
		}
	case reflect.Slice:
		for i, e := range n.elements {
			leaveOut(unknown, at(path, i), e, t.Elem())
		}
	}
}

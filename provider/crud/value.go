package crud

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A reading is a Terraform value, read as an object of a kind. What is null has its default, as it will have in the
// plan; what is unknown is left out.
type reading struct {
	// object is nil where the value has a shape that the kind does not have, as a null element of a list.
	object spec.Object
	// unknown lists the paths whose values are not known yet, but for elements of sets, which have no path.
	unknown []string
	// partial says that a set has unknown elements.
	partial bool
	// problems are those that hold whatever the unknown values turn out to be.
	problems spec.Problems
}

// read reads a configuration, plan or state and checks it.
//
// An unknown element of a set has no path, and a verdict about its set may rest on it (how many there are) or not
// (another element is wrong). So the value is read twice, without the unknown elements and with placeholders for them,
// and of the problems of sets only those count that are there both times.
func read(k *spec.Kind, value tftypes.Value) reading {
	without := flattening{}
	r := reading{}
	var found spec.Problems
	r.object, found = without.object(k, value)
	r.unknown, r.partial = without.unknown, without.partial
	if without.partial {
		with := flattening{placeholders: true}
		_, second := with.object(k, value)
		found = slices.DeleteFunc(found, func(p spec.Problem) bool {
			return !slices.ContainsFunc(second, func(q spec.Problem) bool { return p.Path == q.Path && p.Message == q.Message })
		})
	}
	for _, p := range found {
		if !r.restsOnUnknown(p) {
			r.problems = append(r.problems, p)
		}
	}
	return r
}

// known says whether every value is known, so that the object is what an apply would write.
func (r *reading) known() bool { return len(r.unknown) == 0 && !r.partial }

// restsOnUnknown says whether a problem may be none once more is known.
func (r *reading) restsOnUnknown(p spec.Problem) bool {
	for _, u := range r.unknown {
		if related(p.Path, u) {
			return true
		}
		for _, need := range p.Needs {
			if needs(need, u) {
				return true
			}
		}
	}
	return false
}

// needs says whether what a problem needs is unknown where a path is.
func needs(need, unknown string) bool {
	whole, anyOf := strings.CutSuffix(need, spec.AnyElement)
	if !anyOf {
		return related(need, unknown)
	}
	steps, err := spec.Steps(unknown)
	within, errWithin := spec.Steps(whole)
	return err != nil || errWithin != nil || related(whole, unknown) && len(steps) <= len(within)+1
}

// A flattening turns a Terraform value into what encoding/json writes.
type flattening struct {
	// placeholders puts a value that no user can write in the place of each unknown element of a set.
	placeholders bool
	unknown      []string
	// partial says that a set has unknown elements.
	partial bool
}

// object decodes the value with spec.Unmarshal, so that Terraform, the API and files are read by one set of rules.
func (f *flattening) object(k *spec.Kind, value tftypes.Value) (spec.Object, spec.Problems) {
	o := k.New()
	plain := f.value("", asFields(k, value))
	if plain == nil {
		return o, nil
	}
	text, err := json.Marshal(plain)
	if err != nil {
		return nil, spec.Problems{{Message: fmt.Sprintf("cannot be read: %s", err)}}
	}
	if ps := spec.Unmarshal(text, o); len(ps) > 0 {
		return nil, ps
	}
	return o, spec.Check(o)
}

func (f *flattening) value(path string, v tftypes.Value) any {
	if v.IsNull() || !v.IsKnown() {
		return nil
	}
	t := v.Type()
	switch {
	case t.Is(tftypes.Object{}):
		return f.members(v, false, func(name string) string { return below(path, name) })
	case t.Is(tftypes.Map{}):
		return f.members(v, true, func(key string) string { return belowKey(path, key) })
	case t.Is(tftypes.List{}), t.Is(tftypes.Tuple{}):
		return f.list(path, v)
	case t.Is(tftypes.Set{}):
		return f.set(path, v)
	}
	return scalar(v)
}

// members reads an object or a map. A null attribute of an object was not given; a null element of a map is a mistake,
// and spec says so.
func (f *flattening) members(v tftypes.Value, keepNull bool, at func(string) string) map[string]any {
	var members map[string]tftypes.Value
	must(v.As(&members))
	plain := make(map[string]any, len(members))
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		switch m := members[name]; {
		case !m.IsKnown():
			f.unknown = append(f.unknown, at(name))
		case !m.IsNull() || keepNull:
			plain[name] = f.value(at(name), m)
		}
	}
	return plain
}

// list reads a list. An unknown element keeps its place, so that the others keep theirs; of an unknown object nothing is
// given.
func (f *flattening) list(path string, v tftypes.Value) []any {
	var elements []tftypes.Value
	must(v.As(&elements))
	plain := make([]any, len(elements))
	for i, e := range elements {
		if !e.IsKnown() {
			f.unknown = append(f.unknown, belowIndex(path, i))
			if plain[i] = placeholder(i); e.Type().Is(tftypes.Object{}) {
				plain[i] = map[string]any{}
			}
			continue
		}
		plain[i] = f.value(belowIndex(path, i), e)
	}
	return plain
}

func (f *flattening) set(path string, v tftypes.Value) []any {
	var elements []tftypes.Value
	must(v.As(&elements))
	plain := make([]any, 0, len(elements))
	for i, e := range elements {
		switch {
		case e.IsKnown():
			plain = append(plain, f.value(belowIndex(path, i), e))
		default:
			f.partial = true
			if f.placeholders {
				plain = append(plain, placeholder(i))
			}
		}
	}
	return plain
}

// placeholder is an element that equals no other and no value of a user.
func placeholder(i int) string { return fmt.Sprintf("\x00unknown %d", i) }

func scalar(v tftypes.Value) any {
	switch t := v.Type(); {
	case t.Is(tftypes.String):
		var s string
		must(v.As(&s))
		return s
	case t.Is(tftypes.Bool):
		var b bool
		must(v.As(&b))
		return b
	case t.Is(tftypes.Number):
		var n *big.Float
		must(v.As(&n))
		return json.Number(n.Text('f', -1))
	default:
		panic("crud: no object has a value of " + t.String())
	}
}

// must is for conversions of which the type was looked at a line before.
func must(err error) {
	if err != nil {
		panic("crud: " + err.Error())
	}
}

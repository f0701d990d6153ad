package crud

import (
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// attributePath is the Terraform attribute that a problem's path leads to. An element of a set has no address of its
// own, so the set stands for it; of a field that this provider does not know, as a newer gateway may name, the part
// that it knows.
func attributePath(k *spec.Kind, text string) path.Path { return pathAmong(k.Fields(), text) }

func pathAmong(fields []spec.Field, text string) path.Path {
	at := path.Empty()
	steps, err := spec.Steps(text)
	if err != nil {
		return at
	}
	collection := spec.Type("") // that the path has led to, and not into yet
	for _, step := range steps {
		switch s := step.(type) {
		case string:
			f := fieldNamed(fields, s)
			if f == nil || collection == spec.Map || collection == spec.List {
				return at
			}
			at, fields, collection = at.AtName(f.Attribute), f.Fields, f.Type
		case spec.MapKey:
			if collection != spec.Map {
				return at
			}
			at, collection = at.AtMapKey(string(s)), spec.ObjectOf
		case int:
			if collection != spec.List {
				return at
			}
			at, collection = at.AtListIndex(s), spec.ObjectOf // If it is a string, it has no fields.
		}
	}
	return at
}

// attributeText is a problem's path as Terraform writes it.
func attributeText(k *spec.Kind, text string) string {
	if f := fieldNamed(k.Fields(), text); f != nil {
		return f.Attribute
	}
	return text
}

func fieldNamed(fields []spec.Field, name string) *spec.Field {
	for i := range fields {
		if fields[i].Name == name {
			return &fields[i]
		}
	}
	return nil
}

// below are the paths of spec.Problem as this package builds them.
func below(base, name string) string {
	if base == "" {
		return name
	}
	return base + "." + name
}

func belowKey(base, key string) string { return base + "[" + strconv.Quote(key) + "]" }

func belowIndex(base string, i int) string { return base + "[" + strconv.Itoa(i) + "]" }

// related says whether one of two paths leads to the other or into it.
func related(a, b string) bool {
	x, errX := spec.Steps(a)
	y, errY := spec.Steps(b)
	if errX != nil || errY != nil {
		return true
	}
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return false
		}
	}
	return true
}

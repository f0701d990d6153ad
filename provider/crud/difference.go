package crud

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// differences lists field by field how the object on the gateway differs from the one in the state.
func differences(k *spec.Kind, state, gateway spec.Object) []string {
	var c comparison
	c.fields("", k.Fields(), members(spec.Encode(state)), members(spec.Encode(gateway)))
	return c.lines
}

// A comparison is of two encoded objects: a is the state's, b the gateway's.
type comparison struct{ lines []string }

func members(text []byte) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	must(json.Unmarshal(text, &m))
	return m
}

func (c *comparison) fields(path string, fields []spec.Field, a, b map[string]json.RawMessage) {
	for i := range fields {
		f := &fields[i]
		at, x, y := below(path, f.Name), a[f.Name], b[f.Name]
		switch {
		case same(f, x, y):
		case isNull(x) || isNull(y):
			c.note(at, x, y)
		case f.Type == spec.ObjectOf:
			c.fields(at, f.Fields, members(x), members(y))
		case f.Type == spec.Map:
			c.elements(at, f, members(x), members(y))
		case f.Elem == spec.ObjectOf:
			c.list(at, f, x, y)
		default:
			c.note(at, x, y)
		}
	}
}

func (c *comparison) elements(path string, f *spec.Field, a, b map[string]json.RawMessage) {
	all := maps.Clone(a)
	maps.Copy(all, b)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		at := belowKey(path, key)
		x, inState := a[key]
		y, onGateway := b[key]
		switch {
		case !inState:
			c.lines = append(c.lines, fmt.Sprintf("%s: only on the gateway", at))
		case !onGateway:
			c.lines = append(c.lines, fmt.Sprintf("%s: only in the state", at))
		default:
			c.fields(at, f.Fields, members(x), members(y))
		}
	}
}

func (c *comparison) list(path string, f *spec.Field, state, gateway json.RawMessage) {
	var a, b []map[string]json.RawMessage
	must(json.Unmarshal(state, &a))
	must(json.Unmarshal(gateway, &b))
	for i := range max(len(a), len(b)) {
		switch at := belowIndex(path, i); {
		case i >= len(a):
			c.lines = append(c.lines, at+": only on the gateway")
		case i >= len(b):
			c.lines = append(c.lines, at+": only in the state")
		default:
			c.fields(at, f.Fields, a[i], b[i])
		}
	}
}

func (c *comparison) note(path string, state, gateway json.RawMessage) {
	c.lines = append(c.lines, fmt.Sprintf("%s: %s in the state, %s on the gateway", path, state, gateway))
}

// same compares two encoded values; the order of a set means nothing.
func same(f *spec.Field, x, y json.RawMessage) bool {
	if f.Type != spec.SetOf || isNull(x) || isNull(y) {
		return string(x) == string(y)
	}
	var a, b []string
	must(json.Unmarshal(x, &a))
	must(json.Unmarshal(y, &b))
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func isNull(text json.RawMessage) bool { return strings.TrimSpace(string(text)) == "null" }

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
	var lines []string
	compare(&lines, "", k.Fields(), members(spec.Encode(state)), members(spec.Encode(gateway)))
	return lines
}

func members(text []byte) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	must(json.Unmarshal(text, &m))
	return m
}

func compare(lines *[]string, path string, fields []spec.Field, a, b map[string]json.RawMessage) {
	for i := range fields {
		f := &fields[i]
		at, x, y := below(path, f.Name), a[f.Name], b[f.Name]
		switch {
		case same(f, x, y):
		case isNull(x) || isNull(y):
			note(lines, at, x, y)
		case f.Type == spec.ObjectOf:
			compare(lines, at, f.Fields, members(x), members(y))
		case f.Type == spec.Map:
			compareMap(lines, at, f, members(x), members(y))
		default:
			note(lines, at, x, y)
		}
	}
}

func compareMap(lines *[]string, path string, f *spec.Field, a, b map[string]json.RawMessage) {
	all := maps.Clone(a)
	maps.Copy(all, b)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		at := belowKey(path, key)
		x, inState := a[key]
		y, onGateway := b[key]
		switch {
		case !inState:
			*lines = append(*lines, fmt.Sprintf("%s: only on the gateway", at))
		case !onGateway:
			*lines = append(*lines, fmt.Sprintf("%s: only in the state", at))
		default:
			compare(lines, at, f.Fields, members(x), members(y))
		}
	}
}

func note(lines *[]string, path string, state, gateway json.RawMessage) {
	*lines = append(*lines, fmt.Sprintf("%s: %s in the state, %s on the gateway", path, state, gateway))
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

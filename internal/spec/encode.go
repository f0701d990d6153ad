package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
)

// Encode writes an object as JSON, every field of it but for secrets.
func Encode(o Object) []byte {
	k := KindOf(o)
	if !k.HasSecrets() {
		return encode(o)
	}
	v := reflect.ValueOf(o).Elem()
	out := []byte{'{'}
	for i := range k.fields {
		f := &k.fields[i]
		if f.Secret {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, encode(f.Name)...), ':'), encode(v.Field(f.index).Interface())...)
	}
	return append(out, '}')
}

// EncodeSparse writes what of an object differs from the defaults, without secrets, so that a gateway that does not know a
// newer field is not asked about it without need.
func EncodeSparse(o Object) []byte {
	return encode(sparse(KindOf(o).fields, reflect.ValueOf(o).Elem()))
}

func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("spec: encoding %T: %v", v, err)) // Strings, numbers and maps of them always encode.
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func sparse(fields []Field, v reflect.Value) map[string]any {
	out := map[string]any{}
	for i := range fields {
		f := &fields[i]
		value := v.Field(f.index)
		switch {
		case f.Secret:
		case (f.Nullable || f.Required) && isNil(value):
		case f.Type == ObjectOf:
			if value.Kind() == reflect.Pointer {
				out[f.Name] = sparse(f.Fields, value.Elem())
			} else if part := sparse(f.Fields, value); len(part) > 0 {
				out[f.Name] = part
			}
		case f.Type == Map:
			elements := map[string]any{}
			for _, k := range sortedKeys(value) {
				elements[k] = sparse(f.Fields, value.MapIndex(reflect.ValueOf(k)))
			}
			out[f.Name] = elements
		case f.Elem == ObjectOf:
			elements := make([]any, value.Len())
			for i := range elements {
				elements[i] = sparse(f.Fields, value.Index(i))
			}
			out[f.Name] = elements
		case f.Required || f.Nullable || !equalDefault(f, value):
			out[f.Name] = value.Interface()
		}
	}
	return out
}

func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return v.IsNil()
	}
	return false
}

func equalDefault(f *Field, v reflect.Value) bool {
	if v.Kind() == reflect.String {
		return f.Default == v.String()
	}
	return reflect.DeepEqual(f.Default, v.Interface())
}

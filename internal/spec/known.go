package spec

import (
	"fmt"
	"reflect"
	"sort"
	"strings"
)

// fieldByName finds a field by its json name in its exact case. The fields of an embedded struct are the struct's own.
func fieldByName(v reflect.Value, name string) reflect.Value {
	for i := range v.NumField() {
		if v.Type().Field(i).Anonymous {
			if f := fieldByName(v.Field(i), name); f.IsValid() {
				return f
			}
		}
		if v.Type().Field(i).Tag.Get("json") == name && name != "" {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}

// suggestion names the field that was probably meant.
func suggestion(t reflect.Type, name string) string {
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous {
			continue
		}
		known := f.Tag.Get("json")
		if strings.EqualFold(strings.ReplaceAll(known, "_", ""), strings.ReplaceAll(strings.ReplaceAll(name, "_", ""), "-", "")) {
			return fmt.Sprintf("; it is written %q", known)
		}
		names = append(names, known)
	}
	sort.Strings(names)
	return "; there are " + strings.Join(names, ", ")
}

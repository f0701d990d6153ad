package admin

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

type object = map[string]any

// at walks down into decoded JSON.
func at(t *testing.T, v any, steps ...string) any {
	t.Helper()
	for _, step := range steps {
		o, ok := v.(object)
		if !ok || o[step] == nil {
			t.Fatalf("there is nothing at %s (of %s)", step, strings.Join(steps, " > "))
		}
		v = o[step]
	}
	return v
}

func names(v any) []string { return slices.Sorted(maps.Keys(v.(object))) }

func TestOpenAPIDescribesEveryField(t *testing.T) {
	g := start(t, nil)
	g.base(t)
	var doc any
	if err := json.Unmarshal([]byte(g.do(t, "GET", "/openapi.json", "").want(t, 200).body), &doc); err != nil {
		t.Fatal(err)
	}
	if version := at(t, doc, "openapi"); version != "3.1.0" {
		t.Errorf("version %v", version)
	}
	for _, kind := range spec.Kinds() {
		schema := at(t, doc, "components", "schemas", "kind."+kind.Name)
		checkObject(t, kind.Name, schema, kind.Fields())
		var body any
		if err := json.Unmarshal([]byte(g.do(t, "GET", api.ObjectPath(kind, "base"), "").want(t, 200).body), &body); err != nil {
			t.Fatal(err)
		}
		given := least(t, kind, "base")
		for _, f := range kind.Fields() {
			if at(t, schema, "properties", f.Name).(object)["writeOnly"] == true {
				delete(schema.(object)["properties"].(object), f.Name) // It is in no answer.
				delete(given, f.Name)
			}
		}
		checkBody(t, kind.Name, schema, body, given)
	}
	checkReferences(t, doc, doc)
}

// checkObject compares the schema of an object with the fields that spec knows.
func checkObject(t *testing.T, path string, schema any, fields []spec.Field) {
	t.Helper()
	var known, required []string
	for i := range fields {
		known = append(known, fields[i].Name)
		if fields[i].Required {
			required = append(required, fields[i].Name)
		}
	}
	slices.Sort(known)
	if diff := cmp.Diff(known, names(at(t, schema, "properties"))); diff != "" {
		t.Errorf("%s: fields (-spec +schema):\n%s", path, diff)
	}
	var got []string
	if list, ok := schema.(object)["required"].([]any); ok {
		for _, name := range list {
			got = append(got, name.(string))
		}
	}
	if !slices.Equal(required, got) || schema.(object)["additionalProperties"] != false {
		t.Errorf("%s: required %v, want %v; additionalProperties %v", path, got, required, schema.(object)["additionalProperties"])
	}
	for i := range fields {
		checkField(t, path+"."+fields[i].Name, at(t, schema, "properties", fields[i].Name).(object), &fields[i])
	}
}

func checkField(t *testing.T, path string, schema object, f *spec.Field) {
	t.Helper()
	want := map[spec.Type]string{
		spec.Bool: "boolean", spec.Int: "integer", spec.String: "string", spec.DurationOf: "string",
		spec.List: "array", spec.SetOf: "array", spec.Map: "object", spec.ObjectOf: "object",
	}[f.Type]
	var shape any = want
	if f.Nullable {
		shape = []any{want, "null"}
	}
	if !reflect.DeepEqual(schema["type"], shape) || schema["description"] != f.Doc {
		t.Errorf("%s: type %v, want %v; description %q", path, schema["type"], shape, schema["description"])
	}
	if _, given := schema["default"]; given != (f.Default != nil) || encode(schema["default"]) != encode(f.Default) {
		t.Errorf("%s: default %v, want %v", path, schema["default"], f.Default)
	}
	if (schema["writeOnly"] == true) != f.Secret {
		t.Errorf("%s: writeOnly %v, want %t", path, schema["writeOnly"], f.Secret)
	}
	if f.Range != nil {
		checkRange(t, path, schema, f)
	}
	switch f.Type {
	case spec.Map:
		checkObject(t, path+"[]", schema["additionalProperties"], f.Fields)
		if schema[keyKeys] != f.Keys {
			t.Errorf("%s: keys %v, want %q", path, schema[keyKeys], f.Keys)
		}
	case spec.List:
		if f.Elem == spec.ObjectOf {
			checkObject(t, path+"[]", schema["items"], f.Fields)
		}
	case spec.ObjectOf:
		checkObject(t, path, schema, f.Fields)
	}
}

func checkRange(t *testing.T, path string, schema object, f *spec.Field) {
	t.Helper()
	if f.Type == spec.DurationOf {
		if schema[keyRange] != f.Range.String() {
			t.Errorf("%s: range %v, want %s", path, schema[keyRange], f.Range)
		}
		return
	}
	words := map[spec.Type][2]string{
		spec.Int: {"minimum", "maximum"}, spec.String: {"minLength", "maxLength"}, spec.List: {"minItems", "maxItems"},
		spec.SetOf: {"minItems", "maxItems"}, spec.Map: {"minProperties", "maxProperties"},
	}[f.Type]
	if schema[words[0]] != float64(f.Range.Min) || schema[words[1]] != float64(f.Range.Max) {
		t.Errorf("%s: range %v to %v, want %s", path, schema[words[0]], schema[words[1]], f.Range)
	}
}

// checkBody compares what a GET of an object answers with its schema: the same properties, and where nothing was given
// the default of the schema.
func checkBody(t *testing.T, path string, schema, body any, given map[string]any) {
	t.Helper()
	properties := at(t, schema, "properties")
	if diff := cmp.Diff(names(properties), names(body)); diff != "" {
		t.Errorf("%s: properties (-schema +body):\n%s", path, diff)
	}
	for name, property := range properties.(object) {
		value := body.(object)[name]
		if _, ok := given[name]; ok {
			continue
		}
		if !reflect.DeepEqual(value, property.(object)["default"]) {
			t.Errorf("%s.%s: a GET answers %v where nothing was given, the schema says %v", path, name, value, property.(object)["default"])
		}
	}
}

// checkReferences follows every $ref.
func checkReferences(t *testing.T, doc, v any) {
	t.Helper()
	switch v := v.(type) {
	case object:
		if ref, ok := v["$ref"].(string); ok {
			at(t, doc, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
		for _, inner := range v {
			checkReferences(t, doc, inner)
		}
	case []any:
		for _, inner := range v {
			checkReferences(t, doc, inner)
		}
	}
}

func TestOpenAPIHasEveryRoute(t *testing.T) {
	var doc any
	if err := json.Unmarshal(openAPI("1"), &doc); err != nil {
		t.Fatal(err)
	}
	described := map[string][]string{}
	for path, item := range at(t, doc, "paths").(object) {
		for method := range item.(object) {
			described[path] = append(described[path], strings.ToUpper(method))
		}
		slices.Sort(described[path])
	}
	served := map[string][]string{}
	for _, route := range (&admin{}).routes() {
		patterns := []string{route.pattern}
		if strings.Contains(route.pattern, "{collection}") {
			patterns = nil
			for _, kind := range spec.Kinds() {
				patterns = append(patterns, strings.Replace(route.pattern, "{collection}", kind.Collection, 1))
			}
		}
		for _, pattern := range patterns {
			served[pattern] = slices.Sorted(maps.Keys(route.actions))
		}
	}
	if diff := cmp.Diff(served, described); diff != "" {
		t.Errorf("routes (-served +described):\n%s", diff)
	}
	for _, route := range (&admin{}).routes() {
		for method, action := range route.actions {
			pattern := strings.Replace(route.pattern, "{collection}", "pools", 1)
			operation := at(t, doc, "paths", pattern, strings.ToLower(method)).(object)
			var params []string
			list, _ := operation["parameters"].([]any)
			for _, p := range list {
				if p.(object)["in"] == "query" {
					params = append(params, p.(object)["name"].(string))
				}
			}
			if diff := cmp.Diff(slices.Sorted(slices.Values(action.params)), slices.Sorted(slices.Values(params))); diff != "" {
				t.Errorf("%s %s: parameters (-served +described):\n%s", method, pattern, diff)
			}
			if (operation["requestBody"] != nil) != action.body || (method == http.MethodGet && action.body) {
				t.Errorf("%s %s: body %v", method, pattern, operation["requestBody"])
			}
		}
	}
}

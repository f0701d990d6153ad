package crud

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// named gives fields the names in Terraform that they have in the API.
func named(fields []spec.Field) []spec.Field {
	for i := range fields {
		fields[i].Attribute = fields[i].Name
		named(fields[i].Fields)
	}
	return fields
}

// shapes is a list of objects that hold a map and an object with a list of objects again.
var shapes = named([]spec.Field{{
	Name: "steps", Type: spec.List, Elem: spec.ObjectOf, Nullable: true, Fields: []spec.Field{
		{Name: "headers", Type: spec.Map, Keys: "field_name", Nullable: true, Fields: []spec.Field{
			{Name: "pool", Type: spec.String, Ref: "pool", Required: true},
		}},
		{Name: "inner", Type: spec.ObjectOf, Nullable: true, Fields: []spec.Field{
			{Name: "words", Type: spec.SetOf, Elem: spec.String, Nullable: true},
			{Name: "parts", Type: spec.List, Elem: spec.ObjectOf, Nullable: true, Fields: []spec.Field{
				{Name: "size", Type: spec.Int, Default: 3},
			}},
		}},
	},
}})

func TestPathsIntoNestedShapes(t *testing.T) {
	for text, want := range map[string]string{
		"steps":                                "steps",
		"steps[2]":                             "steps[2]",
		`steps[2].headers["X.\"y\" ü"].pool`:   `steps[2].headers["X.\"y\" ü"].pool`,
		`steps[2].headers["X-Y"].newer[1]`:     `steps[2].headers["X-Y"]`,
		"steps[0].inner.parts[1].size":         "steps[0].inner.parts[1].size",
		"steps[0].inner.words[1]":              "steps[0].inner.words",
		`steps["a"].headers`:                   "steps",
		"steps.headers":                        "steps",
		"steps[0].headers.pool":                "steps[0].headers",
		"steps[0].inner.parts[1].size.of.what": "steps[0].inner.parts[1].size",
	} {
		if got := pathAmong(shapes, text).String(); got != want {
			t.Errorf("%s: want %s, got %s", text, want, got)
		}
	}
	for path, want := range map[string]bool{`steps[0].headers["a"].pool`: true, `steps[0].headers["a"]`: false, "steps[0].inner": false} {
		if isReference(shapes, path) != want {
			t.Errorf("%s: want it to be a reference: %t", path, want)
		}
	}
}

func TestDifferencesInNestedShapes(t *testing.T) {
	for _, c := range []struct {
		state, gateway string
		want           []string
	}{
		{`{"steps":[{"headers":null,"inner":{"words":["a","b"],"parts":[]}}]}`, `{"steps":[{"headers":null,"inner":{"words":["b","a"],"parts":[]}}]}`, nil},
		{`{"steps":[{"headers":{"a":{"pool":"p"}},"inner":null},{}]}`, `{"steps":[{"headers":{"a":{"pool":"q"}},"inner":null}]}`, []string{
			`steps[0].headers["a"].pool: "p" in the state, "q" on the gateway`, "steps[1]: only in the state"}},
		{`{"steps":[{"headers":null,"inner":{"words":null,"parts":[{"size":1}]}}]}`, `{"steps":[{"headers":null,"inner":{"words":null,"parts":[{"size":2},{"size":3}]}}]}`, []string{
			"steps[0].inner.parts[0].size: 1 in the state, 2 on the gateway", "steps[0].inner.parts[1]: only on the gateway"}},
		{`{"steps":null}`, `{"steps":[]}`, []string{"steps: null in the state, [] on the gateway"}},
	} {
		var d comparison
		d.fields("", shapes, members([]byte(c.state)), members([]byte(c.gateway)))
		if diff := cmp.Diff(c.want, d.lines); diff != "" {
			t.Errorf("%s and %s: %s", c.state, c.gateway, diff)
		}
	}
}

// TestUnknownsInNestedShapes: an unknown object of a list keeps its place, and what else is unknown is known by its path.
func TestUnknownsInNestedShapes(t *testing.T) {
	steps := resourceAttributes(shapes)["steps"].GetType().TerraformType(context.Background()).(tftypes.List)
	step := steps.ElementType.(tftypes.Object)
	headers, inner := step.AttributeTypes["headers"].(tftypes.Map), step.AttributeTypes["inner"].(tftypes.Object)
	parts := inner.AttributeTypes["parts"].(tftypes.List)
	unknown := func(t tftypes.Type) tftypes.Value { return tftypes.NewValue(t, tftypes.UnknownValue) }
	value := tftypes.NewValue(steps, []tftypes.Value{
		unknown(step),
		tftypes.NewValue(step, map[string]tftypes.Value{
			"headers": tftypes.NewValue(headers, map[string]tftypes.Value{
				"X-A": tftypes.NewValue(headers.ElementType, map[string]tftypes.Value{"pool": unknown(tftypes.String)}),
				"X-B": unknown(headers.ElementType),
			}),
			"inner": tftypes.NewValue(inner, map[string]tftypes.Value{
				"words": tftypes.NewValue(inner.AttributeTypes["words"], nil),
				"parts": tftypes.NewValue(parts, []tftypes.Value{
					tftypes.NewValue(parts.ElementType, map[string]tftypes.Value{"size": tftypes.NewValue(tftypes.Number, 4)}), unknown(parts.ElementType),
				}),
			}),
		}),
	})
	f := flattening{}
	text, err := json.Marshal(f.value("steps", value))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(text), `[{},{"headers":{"X-A":{}},"inner":{"parts":[{"size":4},{}]}}]`; got != want {
		t.Errorf("want %s, got %s", want, got)
	}
	if diff := cmp.Diff([]string{"steps[0]", `steps[1].headers["X-A"].pool`, `steps[1].headers["X-B"]`, "steps[1].inner.parts[1]"}, f.unknown); diff != "" {
		t.Error(diff)
	}
	r := reading{unknown: f.unknown}
	for path, want := range map[string]bool{
		`steps[0].headers["X-A"].pool`: true, "steps[1].inner.parts[1].size": true, "steps[1].inner.parts[0].size": false,
		`steps[1].headers["X-A"].pool`: true, `steps[1].headers["X-C"]`: false,
	} {
		if r.restsOnUnknown(spec.Problem{Path: path}) != want {
			t.Errorf("%s: want it to rest on what is unknown: %t", path, want)
		}
	}
	if !r.restsOnUnknown(spec.Problem{Path: "steps[1].headers", Needs: []string{"steps[0].inner"}}) {
		t.Error("what a problem needs is unknown")
	}
	for need, want := range map[string]bool{"steps[1].headers[*]": true, "steps[0].headers[*]": true, "steps[1].inner[*]": false, "name[*]": false} {
		if got := r.restsOnUnknown(spec.Problem{Path: "name", Needs: []string{need}}); got != want {
			t.Errorf("to rest on elements %s: want %t", need, want)
		}
	}
}

func TestSchemasOfNestedShapes(t *testing.T) {
	list := resourceAttributes(shapes)["steps"].(schema.ListNestedAttribute)
	if !list.Optional || list.Computed || list.NestedObject.Attributes["headers"] == nil {
		t.Errorf("%+v", list)
	}
	part := list.NestedObject.Attributes["inner"].(schema.SingleNestedAttribute).Attributes["parts"].(schema.ListNestedAttribute)
	if size := part.NestedObject.Attributes["size"]; !size.IsComputed() {
		t.Errorf("a field of an element has no default: %+v", size)
	}
	if null := nullValue(&shapes[0]); !null.IsNull() || !null.Type(context.Background()).Equal(list.GetType()) {
		t.Errorf("null is of the type %s", null.Type(context.Background()))
	}
}

package plugin_test

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
	"github.com/gatewayd/terraform-provider-gatewayd/provider/crud"
)

// TestSchemaIsTheSpec walks every field of every kind: the Terraform schema, the struct and its tags say the same.
func TestSchemaIsTheSpec(t *testing.T) {
	for _, k := range spec.Kinds() {
		s := crud.ResourceSchema(k)
		if ds := s.ValidateImplementation(t.Context()); ds.HasError() {
			t.Errorf("%s: %v", k, ds)
		}
		if ds := crud.DataSourceSchema(k).ValidateImplementation(t.Context()); ds.HasError() {
			t.Errorf("data source %s: %v", k, ds)
		}
		if s.Version != 0 || s.MarkdownDescription == "" {
			t.Errorf("%s: want version 0 and a description, got %d and %q", k, s.Version, s.MarkdownDescription)
		}
		checkStruct(t, k.Name, reflect.TypeOf(k.New()).Elem(), k.Fields())
		checkFacts(t, k.Name, k.Facts(), s.Attributes)
		checkAttributes(t, k.Name, k.Fields(), s.Attributes)
	}
}

// checkFacts wants each fact to be computed alone, and takes them out of the attributes.
func checkFacts(t *testing.T, where string, facts []spec.Field, attributes map[string]schema.Attribute) {
	t.Helper()
	for _, f := range facts {
		a := attributes[f.Name]
		if a == nil || !a.IsComputed() || a.IsOptional() || a.GetMarkdownDescription() != f.Doc || !strings.HasSuffix(f.Doc, ".") {
			t.Errorf("%s.%s: want a computed attribute with the documentation of the fact, got %+v", where, f.Name, a)
		}
		delete(attributes, f.Name)
	}
}

// checkStruct wants one tag a field, and the same one for JSON and Terraform.
func checkStruct(t *testing.T, where string, typ reflect.Type, fields []spec.Field) {
	t.Helper()
	if typ.NumField() != len(fields) {
		t.Errorf("%s: the struct has %d fields, the kind %d", where, typ.NumField(), len(fields))
		return
	}
	for i, f := range fields {
		sf := typ.Field(i)
		if name := sf.Tag.Get("json"); name != f.Name || sf.Tag.Get("tfsdk") != f.Attribute || strings.Contains(name, ",") {
			t.Errorf("%s.%s: want the tags json and tfsdk to be %q and %q", where, sf.Name, f.Name, f.Attribute)
		}
		inner := sf.Type
		if inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Map || inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if len(f.Fields) > 0 {
			checkStruct(t, where+"."+f.Name, inner, f.Fields)
		}
	}
}

func checkAttributes(t *testing.T, where string, fields []spec.Field, attributes map[string]schema.Attribute) {
	t.Helper()
	if len(attributes) != len(fields) {
		t.Errorf("%s: want %d attributes, got %v", where, len(fields), slices.Sorted(maps.Keys(attributes)))
	}
	for _, f := range fields {
		at, a := where+"."+f.Name, attributes[f.Attribute]
		if a == nil {
			t.Errorf("%s: no attribute", at)
			continue
		}
		if a.IsWriteOnly() != f.Secret || a.IsSensitive() != f.Secret {
			t.Errorf("%s: want write-only and sensitive to be %t", at, f.Secret)
		}
		defaulted := !f.Required && !f.Nullable || f.Settled
		if a.IsRequired() != f.Required || a.IsOptional() == f.Required || a.IsComputed() != defaulted {
			t.Errorf("%s: want required %t and computed %t, got required %t, optional %t, computed %t",
				at, f.Required, defaulted, a.IsRequired(), a.IsOptional(), a.IsComputed())
		}
		if doc := a.GetMarkdownDescription(); f.Doc == "" || !strings.HasPrefix(doc, f.Doc) || !strings.HasSuffix(doc, ".") {
			t.Errorf("%s: want a description of full sentences, got %q", at, doc)
		}
		if modifiers := reflect.ValueOf(a).FieldByName("PlanModifiers"); modifiers.Len() > 0 {
			t.Errorf("%s: plan modifiers may force a replacement; none is needed", at)
		}
		if _, isSet := a.(schema.SetNestedAttribute); isSet {
			t.Errorf("%s: a set of objects has no addresses; use a map or list", at)
		}
		for _, words := range f.OneOf {
			if !strings.Contains(a.GetMarkdownDescription(), "`"+words+"`") {
				t.Errorf("%s: the description does not name %q", at, words)
			}
		}
		if f.Range != nil && f.Range.Min > 0 && !strings.Contains(a.GetMarkdownDescription(), f.Range.String()) {
			t.Errorf("%s: the description does not name the range %s", at, f.Range)
		}
		switch nested := a.(type) {
		case schema.SingleNestedAttribute:
			checkAttributes(t, at, f.Fields, nested.Attributes)
		case schema.MapNestedAttribute:
			checkAttributes(t, at, f.Fields, nested.NestedObject.Attributes)
		case schema.ListNestedAttribute:
			checkAttributes(t, at, f.Fields, nested.NestedObject.Attributes)
		}
	}
}

// TestNothingGivenIsTheDefault: what Terraform plans for a configuration of required fields alone is what spec makes of
// such an object, at every level.
func TestNothingGivenIsTheDefault(t *testing.T) {
	r := start(t, newGateway(t), nil)
	for _, k := range spec.Kinds() {
		i := r.instance(k)
		p := i.plan(least(k, 1))
		if p.failed {
			t.Fatalf("%s: %s", k, p.diagnostics)
		}
		want := shown(t, k, least(k, 1))
		if diff := cmp.Diff(want, decoded(t, k, p)); diff != "" {
			t.Errorf("%s: %s", k, diff)
		}
	}
}

// decoded is a plan as the framework itself decodes it into the struct of spec.
func decoded(t *testing.T, k *spec.Kind, p *plan) spec.Object {
	t.Helper()
	if k.HasSecrets() || k.Facts() != nil { // No struct of the framework's has only some of the attributes.
		o, ps := spec.Decode(k, encode(t, generated(t, k, withoutSecrets(k, p.value))))
		if ps != nil {
			t.Fatal(ps)
		}
		return o
	}
	o := reflect.New(reflect.TypeOf(k.New()).Elem()).Interface().(spec.Object)
	if ds := (tfsdk.Plan{Raw: p.value, Schema: crud.ResourceSchema(k)}).Get(t.Context(), o); ds.HasError() {
		t.Fatalf("%s: %v", k, ds)
	}
	return o
}

// withoutSecrets is a plan without the attributes that only a configuration has a value of.
func withoutSecrets(k *spec.Kind, plan tftypes.Value) tftypes.Value {
	values, types := membersOf(plan), map[string]tftypes.Type{}
	for _, f := range k.Fields() {
		if f.Secret {
			delete(values, f.Attribute)
		}
	}
	for name, v := range values {
		types[name] = v.Type()
	}
	return tftypes.NewValue(tftypes.Object{AttributeTypes: types}, values)
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestEveryKindIsThere: resource, data source and identity, with the name as what imports and changes.
func TestEveryKindIsThere(t *testing.T) {
	r := start(t, newGateway(t), nil)
	identities, err := r.server.GetResourceIdentitySchemas(t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil || len(identities.Diagnostics) > 0 {
		t.Fatal(err, diagnostics(identities.Diagnostics))
	}
	for _, k := range spec.Kinds() {
		name := "gatewayd_" + k.Name
		id := identities.IdentitySchemas[name]
		if r.schemas.ResourceSchemas[name] == nil || r.schemas.DataSourceSchemas[name] == nil || id == nil {
			t.Errorf("%s: want a resource, a data source and an identity", name)
			continue
		}
		if len(id.IdentityAttributes) != 1 || id.IdentityAttributes[0].Name != "name" || !id.IdentityAttributes[0].RequiredForImport {
			t.Errorf("%s: want the identity to be the name, got %v", name, id.IdentityAttributes)
		}
		var m resource.MetadataResponse
		crud.NewResource(k, nil).Metadata(context.Background(), resource.MetadataRequest{ProviderTypeName: "gatewayd"}, &m)
		if !m.ResourceBehavior.MutableIdentity {
			t.Errorf("%s: a rename would fail; the identity must be mutable", name)
		}
	}
	for _, view := range []string{"gatewayd_health", "gatewayd_route", "gatewayd_status"} {
		s := r.schemas.DataSourceSchemas[view]
		if s == nil {
			t.Errorf("no data source %s", view)
			continue
		}
		checkDocumented(t, view, s.Block.Attributes)
	}
}

func checkDocumented(t *testing.T, where string, attributes []*tfprotov6.SchemaAttribute) {
	t.Helper()
	for _, a := range attributes {
		if a.Description == "" {
			t.Errorf("%s.%s: no description", where, a.Name)
		}
		if a.NestedType != nil {
			checkDocumented(t, where+"."+a.Name, a.NestedType.Attributes)
		}
	}
}

package crud

import (
	"fmt"
	"maps"
	"strings"

	datasource "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/listdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/objectdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/setdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// ResourceSchema is the schema of a kind's resource. Required fields are required; nullable ones are optional; the
// others are optional and computed with their default, so that a plan shows what will be. Secrets are write-only. Facts
// alone are computed alone, and every plan knows them that knows what they follow from. Nothing forces replacement. There are no validators: spec.Check runs over the whole object and knows more.
func ResourceSchema(k *spec.Kind) schema.Schema {
	attributes := resourceAttributes(k.Fields())
	for i := range k.Facts() {
		attributes[k.Facts()[i].Name] = factAttribute(&k.Facts()[i])
	}
	return schema.Schema{MarkdownDescription: k.Doc, Attributes: attributes}
}

// DataSourceSchema is the schema of a kind's data source: the name goes in, everything else comes out.
func DataSourceSchema(k *spec.Kind) datasource.Schema {
	attributes := dataSourceAttributes(k.Fields())
	maps.Copy(attributes, dataSourceAttributes(k.Facts()))
	attributes["name"] = datasource.StringAttribute{
		Required:            true,
		MarkdownDescription: fmt.Sprintf("Name of the %s on the gateway.", k),
	}
	return datasource.Schema{MarkdownDescription: "Reads one " + k.Name + " by its name. " + k.Doc, Attributes: attributes}
}

// IdentitySchema is the identity of every kind: the name, which may change.
func IdentitySchema(k *spec.Kind) identityschema.Schema {
	return identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"name": identityschema.StringAttribute{
			RequiredForImport: true,
			Description:       fmt.Sprintf("Name of the %s, unique among %s.", k, k.Collection),
		},
	}}
}

func resourceAttributes(fields []spec.Field) map[string]schema.Attribute {
	attributes := make(map[string]schema.Attribute, len(fields))
	for i := range fields {
		attributes[fields[i].Attribute] = resourceAttribute(&fields[i])
	}
	return attributes
}

func resourceAttribute(f *spec.Field) schema.Attribute {
	required, optional, computed, doc := f.Required, !f.Required, hasDefault(f), description(f)
	switch f.Type {
	case spec.Bool:
		a := schema.BoolAttribute{Required: required, Optional: optional, Computed: computed, MarkdownDescription: doc}
		if computed {
			a.Default = booldefault.StaticBool(f.Default.(bool))
		}
		return a
	case spec.Int:
		a := schema.Int64Attribute{Required: required, Optional: optional, Computed: computed, MarkdownDescription: doc}
		if computed {
			a.Default = int64default.StaticInt64(int64(f.Default.(int)))
		}
		return a
	case spec.String, spec.DurationOf:
		a := schema.StringAttribute{Required: required, Optional: optional, Computed: computed || f.Settled, MarkdownDescription: doc,
			Sensitive: f.Secret, WriteOnly: f.Secret}
		if computed {
			a.Default = stringdefault.StaticString(f.Default.(string))
		}
		return a
	case spec.List:
		if f.Elem == spec.ObjectOf {
			return schema.ListNestedAttribute{Required: required, Optional: optional, MarkdownDescription: doc,
				NestedObject: schema.NestedAttributeObject{Attributes: resourceAttributes(f.Fields)}}
		}
		a := schema.ListAttribute{ElementType: types.StringType, Required: required, Optional: optional, Computed: computed, MarkdownDescription: doc}
		if computed {
			a.Default = listdefault.StaticValue(defaultValue(f).(types.List))
		}
		return a
	case spec.SetOf:
		a := schema.SetAttribute{ElementType: types.StringType, Required: required, Optional: optional, Computed: computed, MarkdownDescription: doc}
		if computed {
			a.Default = setdefault.StaticValue(defaultValue(f).(types.Set))
		}
		return a
	case spec.Map:
		return schema.MapNestedAttribute{Required: required, Optional: optional, MarkdownDescription: doc,
			NestedObject: schema.NestedAttributeObject{Attributes: resourceAttributes(f.Fields)}}
	case spec.ObjectOf:
		a := schema.SingleNestedAttribute{Required: required, Optional: optional, Computed: computed, MarkdownDescription: doc,
			Attributes: resourceAttributes(f.Fields)}
		if computed {
			a.Default = objectdefault.StaticValue(defaultValue(f).(types.Object))
		}
		return a
	}
	panic(unshaped(f))
}

// factAttribute is the attribute of a fact.
func factAttribute(f *spec.Field) schema.Attribute {
	switch f.Type {
	case spec.String:
		return schema.StringAttribute{Computed: true, MarkdownDescription: f.Doc}
	case spec.List:
		return schema.ListAttribute{ElementType: types.StringType, Computed: true, MarkdownDescription: f.Doc}
	}
	panic(unshaped(f))
}

func dataSourceAttributes(fields []spec.Field) map[string]datasource.Attribute {
	attributes := make(map[string]datasource.Attribute, len(fields))
	for i := range fields {
		if !fields[i].Secret {
			attributes[fields[i].Name] = dataSourceAttribute(&fields[i])
		}
	}
	return attributes
}

func dataSourceAttribute(f *spec.Field) datasource.Attribute {
	switch f.Type {
	case spec.Bool:
		return datasource.BoolAttribute{Computed: true, MarkdownDescription: f.Doc}
	case spec.Int:
		return datasource.Int64Attribute{Computed: true, MarkdownDescription: f.Doc}
	case spec.String, spec.DurationOf:
		return datasource.StringAttribute{Computed: true, MarkdownDescription: f.Doc}
	case spec.List:
		if f.Elem == spec.ObjectOf {
			return datasource.ListNestedAttribute{Computed: true, MarkdownDescription: f.Doc,
				NestedObject: datasource.NestedAttributeObject{Attributes: dataSourceAttributes(f.Fields)}}
		}
		return datasource.ListAttribute{ElementType: types.StringType, Computed: true, MarkdownDescription: f.Doc}
	case spec.SetOf:
		return datasource.SetAttribute{ElementType: types.StringType, Computed: true, MarkdownDescription: f.Doc}
	case spec.Map:
		return datasource.MapNestedAttribute{Computed: true, MarkdownDescription: f.Doc,
			NestedObject: datasource.NestedAttributeObject{Attributes: dataSourceAttributes(f.Fields)}}
	case spec.ObjectOf:
		return datasource.SingleNestedAttribute{Computed: true, MarkdownDescription: f.Doc, Attributes: dataSourceAttributes(f.Fields)}
	}
	panic(unshaped(f))
}

// hasDefault says whether Terraform fills the field where the configuration has nothing.
func hasDefault(f *spec.Field) bool { return !f.Required && !f.Nullable }

// description is the field's doc with what a reader of the documentation cannot see elsewhere: words, range, default.
func description(f *spec.Field) string {
	parts := []string{f.Doc}
	if len(f.OneOf) > 0 {
		parts = append(parts, "One of `"+strings.Join(f.OneOf, "`, `")+"`.")
	}
	if f.Range != nil {
		parts = append(parts, rangeText(f))
	}
	if hasDefault(f) {
		if text := defaultText(f); text != "" {
			parts = append(parts, "Default: `"+text+"`.")
		}
	}
	return strings.Join(parts, " ")
}

func rangeText(f *spec.Field) string {
	switch f.Type {
	case spec.String:
		return "Length: " + f.Range.String() + " bytes."
	case spec.List, spec.SetOf, spec.Map:
		if f.Range.Min == 0 {
			return fmt.Sprintf("At most %d entries.", f.Range.Max)
		}
		return "Entries: " + f.Range.String() + "."
	}
	return "Range: " + f.Range.String() + "."
}

// defaultText is the default as it would be written in HCL; empty for an object, whose attributes have their own.
func defaultText(f *spec.Field) string {
	switch d := f.Default.(type) {
	case string:
		return fmt.Sprintf("%q", d)
	case []string:
		return strings.ReplaceAll(fmt.Sprintf("%q", d), `" "`, `", "`)
	case bool, int:
		return fmt.Sprint(d)
	}
	return ""
}

func unshaped(f *spec.Field) string {
	return fmt.Sprintf("crud: field %s: no Terraform attribute for %s", f.Name, f.Type)
}

package crud

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// defaultValue is what Terraform plans for a field that the configuration does not give: null for a nullable one.
func defaultValue(f *spec.Field) attr.Value {
	if !hasDefault(f) {
		return nullValue(f)
	}
	switch f.Type {
	case spec.Bool:
		return types.BoolValue(f.Default.(bool))
	case spec.Int:
		return types.Int64Value(int64(f.Default.(int)))
	case spec.String, spec.DurationOf:
		return types.StringValue(f.Default.(string))
	case spec.List:
		return types.ListValueMust(types.StringType, stringValues(f.Default.([]string)))
	case spec.SetOf:
		return types.SetValueMust(types.StringType, stringValues(f.Default.([]string)))
	case spec.ObjectOf:
		values := make(map[string]attr.Value, len(f.Fields))
		for i := range f.Fields {
			values[f.Fields[i].Name] = defaultValue(&f.Fields[i])
		}
		return types.ObjectValueMust(attributeTypes(f.Fields), values)
	}
	panic(unshaped(f))
}

func nullValue(f *spec.Field) attr.Value {
	switch f.Type {
	case spec.Bool:
		return types.BoolNull()
	case spec.Int:
		return types.Int64Null()
	case spec.String, spec.DurationOf:
		return types.StringNull()
	case spec.List:
		if f.Elem == spec.ObjectOf {
			return types.ListNull(types.ObjectType{AttrTypes: attributeTypes(f.Fields)})
		}
		return types.ListNull(types.StringType)
	case spec.SetOf:
		return types.SetNull(types.StringType)
	case spec.Map:
		return types.MapNull(types.ObjectType{AttrTypes: attributeTypes(f.Fields)})
	case spec.ObjectOf:
		return types.ObjectNull(attributeTypes(f.Fields))
	}
	panic(unshaped(f))
}

func attributeTypes(fields []spec.Field) map[string]attr.Type {
	all := make(map[string]attr.Type, len(fields))
	for i := range fields {
		all[fields[i].Name] = nullValue(&fields[i]).Type(context.Background())
	}
	return all
}

func stringValues(list []string) []attr.Value {
	values := make([]attr.Value, len(list))
	for i, s := range list {
		values[i] = types.StringValue(s)
	}
	return values
}

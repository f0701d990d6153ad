package admin

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// Keywords of our own for what JSON Schema has no word for.
const (
	keyRange  = "x-gatewayd-range"  // of a duration
	keyFormat = "x-gatewayd-format" // a grammar's name
	keyRef    = "x-gatewayd-ref"    // the kind of the object that is named
	keyKeys   = "x-gatewayd-keys"   // the name of the grammar of a map's keys
)

func text() *huma.Schema    { return &huma.Schema{Type: huma.TypeString} }
func boolean() *huma.Schema { return &huma.Schema{Type: huma.TypeBoolean} }

func between(low, high int64) *huma.Schema {
	return &huma.Schema{Type: huma.TypeInteger, Minimum: new(float64(low)), Maximum: new(float64(high))}
}

// objectSchema describes the fields of a kind or of an object inside one.
func objectSchema(fields []spec.Field) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}, AdditionalProperties: false}
	for i := range fields {
		f := &fields[i]
		s.Properties[f.Name] = fieldSchema(f)
		if f.Required {
			s.Required = append(s.Required, f.Name)
		}
	}
	return s
}

// fieldSchema describes one field: its shape, default and bounds, all as spec has them.
func fieldSchema(f *spec.Field) *huma.Schema {
	s := &huma.Schema{}
	switch f.Type {
	case spec.Bool:
		s = boolean()
	case spec.Int:
		s.Type = huma.TypeInteger
	case spec.String, spec.DurationOf:
		s = text()
	case spec.List, spec.SetOf:
		s.Type, s.Items, s.UniqueItems = huma.TypeArray, text(), true // Neither has a string twice.
		if f.Elem == spec.ObjectOf {
			s.Items, s.UniqueItems = objectSchema(f.Fields), false
		}
	case spec.Map:
		s.Type, s.AdditionalProperties = huma.TypeObject, objectSchema(f.Fields)
	case spec.ObjectOf:
		s = objectSchema(f.Fields)
	}
	s.Description, s.Nullable, s.Default, s.WriteOnly = f.Doc, f.Nullable, f.Default, f.Secret
	for _, word := range f.OneOf {
		s.Enum = append(s.Enum, word)
	}
	s.Extensions = map[string]any{}
	if f.Format != "" {
		s.Extensions[keyFormat] = f.Format
	}
	if f.Ref != "" {
		s.Extensions[keyRef] = f.Ref
	}
	if f.Keys != "" {
		s.Extensions[keyKeys] = f.Keys
	}
	if f.Range != nil {
		bound(s, f)
	}
	return s
}

// bound writes a field's range by the keyword that its shape has.
func bound(s *huma.Schema, f *spec.Field) {
	low, high := int(f.Range.Min), int(f.Range.Max)
	switch f.Type {
	case spec.Int:
		s.Minimum, s.Maximum = new(float64(f.Range.Min)), new(float64(f.Range.Max))
	case spec.String:
		s.MinLength, s.MaxLength = &low, &high
	case spec.List, spec.SetOf:
		s.MinItems, s.MaxItems = &low, &high
	case spec.Map:
		s.MinProperties, s.MaxProperties = &low, &high
	case spec.DurationOf:
		s.Extensions[keyRange] = f.Range.String()
	}
}

// pageSchema describes a page of a kind's collection.
func pageSchema(kind *spec.Kind) *huma.Schema {
	item := &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: false,
		Required: []string{"name", "id", "etag", "retired", "object"},
		Properties: map[string]*huma.Schema{
			"name": text(), "id": text(), "etag": text(), "retired": boolean(), "object": refTo(kindName(kind)),
		},
	}
	if len(kind.Facts()) > 0 {
		facts := objectSchema(kind.Facts())
		facts.Description = "What follows from the object's fields."
		item.Properties["facts"] = facts
	}
	return &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: false, Required: []string{"items"},
		Properties: map[string]*huma.Schema{"items": {Type: huma.TypeArray, Items: item}, "next": text()},
	}
}

// changesSchema describes the body of POST /v1/changes.
func changesSchema() *huma.Schema {
	var names []any
	put := &huma.Schema{Description: "The wanted object; excludes delete."}
	for _, kind := range spec.Kinds() {
		names = append(names, kind.Name)
		put.AnyOf = append(put.AnyOf, refTo(kindName(kind)))
	}
	change := &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: false, Required: []string{"kind", "name"},
		Properties: map[string]*huma.Schema{
			"kind": {Type: huma.TypeString, Enum: names}, "name": text(), "id": text(), "put": put, "delete": boolean(),
			"if_match": {Type: huma.TypeInteger, Minimum: new(0.0)}, "if_none_match": boolean(),
		},
	}
	return &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: false, Required: []string{"changes"},
		Properties: map[string]*huma.Schema{"changes": {Type: huma.TypeArray, Items: change, MinItems: new(1)}},
	}
}

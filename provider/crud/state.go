package crud

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/big"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A state has an object's fields and its facts; what is secret is null in it.

// valueOf is an object, with its facts, as a value of a Terraform type.
func valueOf(t tftypes.Type, o spec.Object) tftypes.Value {
	all := members(spec.Encode(o))
	if facts := spec.EncodeFacts(o); facts != nil {
		maps.Copy(all, members(facts))
	}
	text, err := json.Marshal(all)
	must(err)
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var plain any
	must(decoder.Decode(&plain))
	return valueFrom(t, plain)
}

// valueFrom makes a value of what JSON had. A member that is not there is null.
func valueFrom(t tftypes.Type, plain any) tftypes.Value {
	switch v := plain.(type) {
	case map[string]any:
		values := make(map[string]tftypes.Value, len(v))
		switch t := t.(type) {
		case tftypes.Object:
			for name, of := range t.AttributeTypes {
				values[name] = valueFrom(of, v[name])
			}
		case tftypes.Map:
			for key, e := range v {
				values[key] = valueFrom(t.ElementType, e)
			}
		}
		return tftypes.NewValue(t, values)
	case []any:
		elements := make([]tftypes.Value, len(v))
		for i, e := range v {
			elements[i] = valueFrom(elementType(t), e)
		}
		return tftypes.NewValue(t, elements)
	case json.Number:
		n, _, err := big.ParseFloat(v.String(), 10, 512, big.ToNearestEven) // As Terraform does.
		must(err)
		return tftypes.NewValue(t, n)
	}
	return tftypes.NewValue(t, plain)
}

func elementType(t tftypes.Type) tftypes.Type {
	if set, ok := t.(tftypes.Set); ok {
		return set.ElementType
	}
	return t.(tftypes.List).ElementType
}

// asFields is a configuration, plan or state by the names of the kind's fields, without facts.
func asFields(k *spec.Kind, value tftypes.Value) tftypes.Value {
	if !k.HasSecrets() && k.Facts() == nil || value.IsNull() || !value.IsKnown() {
		return value
	}
	attributes := attributesOf(value)
	fields, types := map[string]tftypes.Value{}, map[string]tftypes.Type{}
	for i := range k.Fields() {
		f := &k.Fields()[i]
		if v, ok := attributes[f.Attribute]; ok {
			fields[f.Name], types[f.Name] = v, v.Type()
		}
	}
	return tftypes.NewValue(tftypes.Object{AttributeTypes: types}, fields)
}

// attributesOf are the attributes of a value, in a map that is the caller's.
func attributesOf(value tftypes.Value) map[string]tftypes.Value {
	var attributes map[string]tftypes.Value
	must(value.As(&attributes))
	return maps.Clone(attributes)
}

// source is what says which object is wanted: the plan, but of a kind with secrets the configuration, which alone has
// them.
func source(k *spec.Kind, plan, config tftypes.Value) tftypes.Value {
	if k.HasSecrets() {
		return config
	}
	return plan
}

// derived is the plan with what follows from the object that is wanted: its facts, and fields that come from a secret. So
// a certificate is compared by what it is: another one in a write-only PFX, or on the gateway, plans an update without a
// version that somebody has to count. What rests on an unknown value is unknown.
func (r *reading) derived(k *spec.Kind, plan, config tftypes.Value) tftypes.Value {
	if r.object == nil || k.Facts() == nil && !k.HasSecrets() {
		return plan
	}
	o, problems := spec.Settle(r.object)
	if len(problems) > 0 {
		o = r.object
	}
	t := plan.Type().(tftypes.Object)
	from, configured, attributes := attributesOf(valueOf(t, o)), attributesOf(config), attributesOf(plan)
	for i := range k.Fields() {
		f := &k.Fields()[i]
		if f.Settled && configured[f.Attribute].IsNull() {
			attributes[f.Attribute] = from[f.Attribute]
			if from[f.Attribute].IsNull() && !r.known() {
				attributes[f.Attribute] = tftypes.NewValue(t.AttributeTypes[f.Attribute], tftypes.UnknownValue)
			}
		}
	}
	known := spec.EncodeFacts(o) != nil
	for _, f := range k.Facts() {
		attributes[f.Name] = from[f.Name]
		if !known {
			attributes[f.Name] = tftypes.NewValue(t.AttributeTypes[f.Name], tftypes.UnknownValue)
		}
	}
	return tftypes.NewValue(t, attributes)
}

// lacking are the secrets that a write over the state would have to bring and the configuration does not.
func (r *reading) lacking(k *spec.Kind, state tftypes.Value) spec.Problems {
	if r.object == nil || !k.HasSecrets() {
		return nil
	}
	var was spec.Object
	if !state.IsNull() {
		was = read(k, state).object
	}
	o, problems := spec.Settle(r.object)
	if len(problems) > 0 {
		o = r.object
	}
	_, lacks := spec.Inherit(o, was)
	var certain spec.Problems
	for _, p := range lacks {
		if !r.restsOnUnknown(p) {
			certain = append(certain, p)
		}
	}
	return certain
}

package plugin_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestEveryShapeRoundTrips: every field of every kind, in every shape, goes through plan, apply, read, import and
// generated configuration, is on the gateway as it was written, and plans empty afterwards.
func TestEveryShapeRoundTrips(t *testing.T) {
	g := furnished(t)
	r := start(t, g, nil)
	for _, k := range spec.Kinds() {
		all := variants(t, k)
		kept := r.instance(k) // goes from each shape to the next
		for _, name := range slices.Sorted(maps.Keys(all)) {
			config := all[name]
			config["name"] = "it"
			t.Run(k.Name+" "+name, func(t *testing.T) {
				fresh := r.instance(k).in(r.with(t))
				if kept.state.IsNull() {
					kept.must(config)
				} else {
					kept.in(r.with(t)).must(config)
					kept.refresh()
				}
				want := shown(t, k, config)
				if diff := cmp.Diff(want, g.get(k, "it")); diff != "" {
					t.Errorf("on the gateway: %s", diff)
				}
				kept.in(r.with(t)).wantEmpty(config)
				for _, byIdentity := range []bool{false, true} {
					imported := *fresh
					if ds := imported.importName("it", byIdentity); ds != "" {
						t.Fatal(ds)
					}
					imported.wantEmpty(config)
					imported.wantEmpty(generated(t, k, imported.state))
				}
			})
		}
	}
}

// with is the run as another test's.
func (r *run) with(t *testing.T) *run {
	c := *r
	c.T = t
	return &c
}

// generated is the configuration that Terraform generates for a state: everything, but for empty strings and what nobody
// configures.
func generated(t *testing.T, k *spec.Kind, state tftypes.Value) object {
	t.Helper()
	config := plain(t, state).(object)
	for _, f := range k.Facts() {
		delete(config, f.Name)
	}
	return config
}

// shown is the object of a configuration as the API shows it: without what is secret.
func shown(t *testing.T, k *spec.Kind, config object) spec.Object {
	t.Helper()
	o, ps := spec.Decode(k, encode(t, config))
	if ps == nil {
		o, ps = spec.Decode(k, spec.Encode(o))
	}
	if ps != nil {
		t.Fatal(ps)
	}
	return o
}

func plain(t *testing.T, v tftypes.Value) any {
	t.Helper()
	typ := v.Type()
	switch {
	case v.IsNull():
		return nil
	case typ.Is(tftypes.Object{}), typ.Is(tftypes.Map{}):
		o := object{}
		for name, e := range membersOf(v) {
			if typ.Is(tftypes.Map{}) || !e.Equal(tftypes.NewValue(tftypes.String, "")) {
				o[name] = plain(t, e)
			}
		}
		return o
	case typ.Is(tftypes.Set{}), typ.Is(tftypes.List{}):
		var elements []tftypes.Value
		if err := v.As(&elements); err != nil {
			t.Fatal(err)
		}
		l := list{}
		for _, e := range elements {
			l = append(l, plain(t, e))
		}
		return l
	case typ.Is(tftypes.String):
		return value[string](t, v)
	case typ.Is(tftypes.Bool):
		return value[bool](t, v)
	}
	return number(t, v)
}

// TestUnknownValuesStayUnknown: a value that is not known at plan, at any place, is planned as unknown beside all others
// as they will be, and is applied once it is known.
func TestUnknownValuesStayUnknown(t *testing.T) {
	g := furnished(t)
	for _, k := range spec.Kinds() {
		config := settled(t, k, full(k.Fields(), 2))
		for _, place := range places(config) {
			t.Run(k.Name+" "+place.name, func(t *testing.T) {
				i := start(t, g, nil).instance(k)
				config["name"] = "late"
				later := place.replaced(config, unknown{})
				if ds := i.validate(later); ds != "" {
					t.Fatalf("validate: %s", ds)
				}
				p := i.plan(later)
				if p.diagnostics != "" {
					t.Fatalf("plan: %s", p.diagnostics)
				}
				if secret := slices.ContainsFunc(k.Fields(), func(f spec.Field) bool { return f.Secret && f.Name == place.name }); p.value.IsFullyKnown() && !secret {
					t.Error("want an unknown value in the plan")
				}
				i.must(config)
				i.wantEmpty(config)
				i.must(nil)
			})
		}
	}
}

// A place is where a value of a configuration stands.
type place struct {
	name     string
	replaced func(config object, with any) object
}

// places are the fields of a configuration and of objects inside it, and the elements of its lists, sets and maps.
func places(config object) []place {
	var all []place
	for _, name := range slices.Sorted(maps.Keys(config)) {
		all = append(all, place{name, func(o object, with any) object {
			c := maps.Clone(o)
			c[name] = with
			return c
		}})
		switch inner := config[name].(type) {
		case object:
			for _, p := range places(inner) {
				all = append(all, place{name + "." + p.name, func(o object, with any) object {
					c := maps.Clone(o)
					c[name] = p.replaced(o[name].(object), with)
					return c
				}})
			}
		case list:
			all = append(all, place{name + "[0]", func(o object, with any) object {
				c := maps.Clone(o)
				c[name] = append(list{with}, o[name].(list)[1:]...)
				return c
			}})
			first, ok := inner[0].(object)
			if !ok {
				continue
			}
			for _, p := range places(first) {
				all = append(all, place{name + "[0]." + p.name, func(o object, with any) object {
					c := maps.Clone(o)
					c[name] = append(list{p.replaced(o[name].(list)[0].(object), with)}, o[name].(list)[1:]...)
					return c
				}})
			}
		}
	}
	return all
}

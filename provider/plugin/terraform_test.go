package plugin_test

import (
	"context"
	"fmt"
	"maps"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
	"github.com/gatewayd/terraform-provider-gatewayd/provider/plugin"
)

// What follows does what Terraform does with a provider, over its protocol and without its binary: the proposed new
// state, and the checks that a provider keeps to its plan.

// object and list are how tests write configurations. What is left out is null.
type (
	object = map[string]any
	list   = []any
)

// unknown is a value that is known after apply.
type unknown struct{}

// A run is one configured provider, as in one run of terraform.
type run struct {
	*testing.T
	server  tfprotov6.ProviderServer
	schemas *tfprotov6.GetProviderSchemaResponse
}

// start configures a provider. With a nil configuration it calls the gateway.
func start(t *testing.T, g *gateway, config object) *run {
	t.Helper()
	for _, e := range os.Environ() {
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, "GATEWAYD_") {
			t.Setenv(name, "")
		}
	}
	r := &run{T: t, server: plugin.Server(version)()}
	var err error
	r.schemas, err = r.server.GetProviderSchema(context.Background(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil || len(r.schemas.Diagnostics) > 0 {
		t.Fatalf("schema: %v %s", err, diagnostics(r.schemas.Diagnostics))
	}
	if config == nil {
		config = g.arguments(nil)
	}
	if ds := r.configure(config); ds != "" {
		t.Fatal(ds)
	}
	return r
}

func (r *run) configure(config object) string {
	r.Helper()
	value := r.dynamic(build(r.schemas.Provider.ValueType(), config))
	v, err := r.server.ValidateProviderConfig(context.Background(), &tfprotov6.ValidateProviderConfigRequest{Config: value})
	if err != nil || len(v.Diagnostics) > 0 {
		return fmt.Sprint(err, diagnostics(v.Diagnostics))
	}
	c, err := r.server.ConfigureProvider(context.Background(), &tfprotov6.ConfigureProviderRequest{Config: value})
	if err != nil {
		r.Fatal(err)
	}
	return diagnostics(c.Diagnostics)
}

// An instance is one resource in the state.
type instance struct {
	*run
	kind     *spec.Kind
	typeName string
	schema   *tfprotov6.Schema
	state    tftypes.Value
	private  []byte
	identity *tfprotov6.ResourceIdentityData
}

func (r *run) instance(kind *spec.Kind) *instance {
	i := &instance{run: r, kind: kind, typeName: "gatewayd_" + kind.Name}
	i.schema = r.schemas.ResourceSchemas[i.typeName]
	i.state = tftypes.NewValue(i.schema.ValueType(), nil)
	return i
}

// in is the same instance in a later run.
func (i *instance) in(r *run) *instance {
	c := *i
	c.run = r
	return &c
}

func (i *instance) config(config object) tftypes.Value {
	i.Helper()
	return build(i.schema.ValueType(), attributes(i.kind, config))
}

// attributes is a configuration by the names that Terraform has for fields.
func attributes(k *spec.Kind, config object) object {
	named := maps.Clone(config)
	for _, f := range k.Fields() {
		if v, given := config[f.Name]; given && f.Secret {
			delete(named, f.Name)
			named[f.Attribute] = v
		}
	}
	return named
}

func (i *instance) validate(config object) string {
	i.Helper()
	resp, err := i.server.ValidateResourceConfig(context.Background(), &tfprotov6.ValidateResourceConfigRequest{TypeName: i.typeName, Config: i.dynamic(i.config(config)),
		ClientCapabilities: &tfprotov6.ValidateResourceConfigClientCapabilities{WriteOnlyAttributesAllowed: true}})
	if err != nil {
		i.Fatal(err)
	}
	return diagnostics(resp.Diagnostics)
}

// A plan is what PlanResourceChange answered.
type plan struct {
	config, value tftypes.Value
	private       []byte
	identity      *tfprotov6.ResourceIdentityData
	// diagnostics are warnings and errors, as diagnostics writes them.
	diagnostics string
	failed      bool
}

// plan plans the configuration; nil destroys.
func (i *instance) plan(config object) *plan {
	i.Helper()
	p := &plan{config: tftypes.NewValue(i.schema.ValueType(), nil)}
	proposed := p.config
	if config != nil {
		p.config = i.config(config)
		proposed = propose(i.schema.Block.Attributes, i.state, p.config)
	}
	resp, err := i.server.PlanResourceChange(context.Background(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: i.typeName, PriorState: i.dynamic(i.state), ProposedNewState: i.dynamic(proposed),
		Config: i.dynamic(p.config), PriorPrivate: i.private, PriorIdentity: i.identity,
	})
	if err != nil {
		i.Fatal(err)
	}
	p.diagnostics, p.failed = diagnostics(resp.Diagnostics), failed(resp.Diagnostics)
	if p.failed {
		return p
	}
	if len(resp.RequiresReplace) > 0 {
		i.Errorf("%s: a plan wants a replacement because of %v", i.typeName, resp.RequiresReplace)
	}
	p.value, p.private, p.identity = i.static(resp.PlannedState), resp.PlannedPrivate, resp.PlannedIdentity
	if config != nil {
		i.checkPlan(p)
	}
	return p
}

// checkPlan is Terraform's rule that a plan has every value of the configuration, but for what is write-only, of which it
// has none.
func (i *instance) checkPlan(p *plan) {
	i.Helper()
	configuredOnes := membersOf(p.config)
	for _, a := range i.schema.Block.Attributes {
		if a.WriteOnly {
			if !membersOf(p.value)[a.Name].IsNull() {
				i.Errorf("%s: %s is write-only, and planned", i.typeName, a.Name)
			}
			configuredOnes[a.Name] = tftypes.NewValue(a.Type, nil)
		}
	}
	err := tftypes.Walk(tftypes.NewValue(p.config.Type(), configuredOnes), func(at *tftypes.AttributePath, configured tftypes.Value) (bool, error) {
		if configured.IsNull() || !configured.IsKnown() {
			return false, nil
		}
		planned, _, err := tftypes.WalkAttributePath(p.value, at)
		if err != nil {
			return false, fmt.Errorf("%s is not in the plan: %w", at, err)
		}
		scalar := configured.Type().Is(tftypes.String) || configured.Type().Is(tftypes.Number) || configured.Type().Is(tftypes.Bool)
		if scalar && !configured.Equal(planned.(tftypes.Value)) {
			return false, fmt.Errorf("%s is configured as %s and planned as %s", at, configured, planned)
		}
		return !configured.Type().Is(tftypes.Set{}), nil
	})
	if err != nil {
		i.Errorf("%s: invalid plan: %v", i.typeName, err)
	}
}

// apply applies a plan; resolve gives the configuration with what was unknown. It returns the diagnostics.
func (i *instance) apply(p *plan) string {
	i.Helper()
	if p.failed {
		return p.diagnostics
	}
	resp, err := i.server.ApplyResourceChange(context.Background(), &tfprotov6.ApplyResourceChangeRequest{
		TypeName: i.typeName, PriorState: i.dynamic(i.state), PlannedState: i.dynamic(p.value),
		Config: i.dynamic(p.config), PlannedPrivate: p.private, PlannedIdentity: p.identity,
	})
	if err != nil {
		i.Fatal(err)
	}
	i.state, i.private, i.identity = i.static(resp.NewState), resp.Private, resp.NewIdentity
	if !failed(resp.Diagnostics) && !i.fits(p.value) {
		diff, _ := i.state.Diff(p.value)
		i.Errorf("%s: inconsistent result after apply: %v", i.typeName, diff)
	}
	return diagnostics(resp.Diagnostics)
}

// fits is Terraform's rule that a state has every known value of the plan.
func (i *instance) fits(plan tftypes.Value) bool {
	i.Helper()
	fits := i.state.IsNull() == plan.IsNull()
	is := membersOf(i.state)
	for name, planned := range membersOf(plan) {
		fits = fits && (planned.Equal(is[name]) || !planned.IsFullyKnown())
	}
	return fits
}

// must plans and applies, and wants no diagnostic.
func (i *instance) must(config object) {
	i.Helper()
	if ds := i.validate(config); config != nil && ds != "" {
		i.Fatalf("validate: %s", ds)
	}
	p := i.plan(config)
	if p.diagnostics != "" {
		i.Fatalf("plan: %s", p.diagnostics)
	}
	if ds := i.apply(p); ds != "" {
		i.Fatalf("apply: %s", ds)
	}
}

// wantEmpty refreshes and wants a plan that changes nothing.
func (i *instance) wantEmpty(config object) {
	i.Helper()
	if ds := i.refresh(); ds != "" {
		i.Fatalf("refresh: %s", ds)
	}
	p := i.plan(config)
	if p.diagnostics != "" {
		i.Fatalf("plan: %s", p.diagnostics)
	}
	if !p.value.Equal(i.state) {
		diff, _ := i.state.Diff(p.value)
		i.Errorf("%s: want an empty plan, got %v", i.typeName, diff)
	}
}

func (i *instance) refresh() string {
	i.Helper()
	resp, err := i.server.ReadResource(context.Background(), &tfprotov6.ReadResourceRequest{
		TypeName: i.typeName, CurrentState: i.dynamic(i.state), Private: i.private, CurrentIdentity: i.identity,
	})
	if err != nil {
		i.Fatal(err)
	}
	if !failed(resp.Diagnostics) {
		i.state, i.private, i.identity = i.static(resp.NewState), resp.Private, resp.NewIdentity
	}
	return diagnostics(resp.Diagnostics)
}

// importName imports by name and reads, as Terraform does; with byIdentity through an identity.
func (i *instance) importName(name string, byIdentity bool) string {
	i.Helper()
	req := &tfprotov6.ImportResourceStateRequest{TypeName: i.typeName, ID: name}
	if byIdentity {
		req.ID, req.Identity = "", identityOf(i.T, name)
	}
	resp, err := i.server.ImportResourceState(context.Background(), req)
	if err != nil {
		i.Fatal(err)
	}
	if failed(resp.Diagnostics) || len(resp.ImportedResources) != 1 {
		return diagnostics(resp.Diagnostics)
	}
	imported := resp.ImportedResources[0]
	i.state, i.private, i.identity = i.static(imported.State), imported.Private, imported.Identity
	return i.refresh()
}

var identityType = tftypes.Object{AttributeTypes: map[string]tftypes.Type{"name": tftypes.String}}

func identityOf(t *testing.T, name string) *tfprotov6.ResourceIdentityData {
	t.Helper()
	data, err := tfprotov6.NewDynamicValue(identityType, build(identityType, object{"name": name}))
	if err != nil {
		t.Fatal(err)
	}
	return &tfprotov6.ResourceIdentityData{IdentityData: &data}
}

// named is the name in the identity.
func (i *instance) named() string {
	i.Helper()
	v, err := i.identity.IdentityData.Unmarshal(identityType)
	if err != nil {
		i.Fatal(err)
	}
	return at[string](i.T, v, "name")
}

// at is a known scalar of a state.
func at[V any](t *testing.T, state tftypes.Value, path string) V {
	t.Helper()
	steps, err := spec.Steps(path)
	if err != nil {
		t.Fatal(err)
	}
	p := tftypes.NewAttributePath()
	for _, s := range steps {
		switch s := s.(type) {
		case string:
			p = p.WithAttributeName(s)
		case spec.MapKey:
			p = p.WithElementKeyString(string(s))
		case int:
			p = p.WithElementKeyInt(s)
		}
	}
	found, _, err := tftypes.WalkAttributePath(state, p)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return value[V](t, found.(tftypes.Value))
}

func value[V any](t *testing.T, v tftypes.Value) V {
	t.Helper()
	var out V
	if err := v.As(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func number(t *testing.T, v tftypes.Value) int {
	t.Helper()
	var f *big.Float
	if err := v.As(&f); err != nil {
		t.Fatal(err)
	}
	n, _ := f.Int64()
	return int(n)
}

// read reads a data source.
func (r *run) read(typeName string, config object) (tftypes.Value, string) {
	r.Helper()
	typ := r.schemas.DataSourceSchemas[typeName].ValueType()
	resp, err := r.server.ReadDataSource(context.Background(), &tfprotov6.ReadDataSourceRequest{TypeName: typeName, Config: r.dynamic(build(typ, config))})
	if err != nil {
		r.Fatal(err)
	}
	if failed(resp.Diagnostics) {
		return tftypes.Value{}, diagnostics(resp.Diagnostics)
	}
	v, err := resp.State.Unmarshal(typ)
	if err != nil {
		r.Fatal(err)
	}
	return v, diagnostics(resp.Diagnostics)
}

// validateData is what is said of a data source's configuration before anything is asked.
func (r *run) validateData(typeName string, config object) string {
	r.Helper()
	typ := r.schemas.DataSourceSchemas[typeName].ValueType()
	resp, err := r.server.ValidateDataResourceConfig(context.Background(), &tfprotov6.ValidateDataResourceConfigRequest{TypeName: typeName, Config: r.dynamic(build(typ, config))})
	if err != nil {
		r.Fatal(err)
	}
	return diagnostics(resp.Diagnostics)
}

func (r *run) dynamic(v tftypes.Value) *tfprotov6.DynamicValue {
	r.Helper()
	d, err := tfprotov6.NewDynamicValue(v.Type(), v)
	if err != nil {
		r.Fatal(err)
	}
	return &d
}

func (i *instance) static(d *tfprotov6.DynamicValue) tftypes.Value {
	i.Helper()
	v, err := d.Unmarshal(i.schema.ValueType())
	if err != nil {
		i.Fatal(err)
	}
	return v
}

// build makes a value of a type.
func build(t tftypes.Type, v any) tftypes.Value {
	switch v := v.(type) {
	case nil:
		return tftypes.NewValue(t, nil)
	case unknown:
		return tftypes.NewValue(t, tftypes.UnknownValue)
	case object:
		values := map[string]tftypes.Value{}
		if o, ok := t.(tftypes.Object); ok {
			for name, at := range o.AttributeTypes {
				values[name] = build(at, v[name])
			}
			for name := range v {
				if _, ok := values[name]; !ok {
					panic("no attribute " + name)
				}
			}
			return tftypes.NewValue(t, values)
		}
		for key, e := range v {
			values[key] = build(t.(tftypes.Map).ElementType, e)
		}
		return tftypes.NewValue(t, values)
	case list:
		elements := make([]tftypes.Value, len(v))
		for i, e := range v {
			elements[i] = build(elementType(t), e)
		}
		return tftypes.NewValue(t, elements)
	case int:
		return tftypes.NewValue(t, big.NewFloat(float64(v)))
	}
	return tftypes.NewValue(t, v)
}

func elementType(t tftypes.Type) tftypes.Type {
	if s, ok := t.(tftypes.Set); ok {
		return s.ElementType
	}
	return t.(tftypes.List).ElementType
}

// propose is Terraform's proposed new state: what is configured, and of computed attributes that are not, what was.
func propose(attributes []*tfprotov6.SchemaAttribute, prior, config tftypes.Value) tftypes.Value {
	if config.IsNull() || !config.IsKnown() {
		return config
	}
	was, is := membersOf(prior), membersOf(config)
	next := map[string]tftypes.Value{}
	for _, a := range attributes {
		old, ok := was[a.Name]
		if !ok {
			old = tftypes.NewValue(a.ValueType(), nil)
		}
		next[a.Name] = proposeAttribute(a, old, is[a.Name])
	}
	return tftypes.NewValue(config.Type(), next)
}

func proposeAttribute(a *tfprotov6.SchemaAttribute, prior, config tftypes.Value) tftypes.Value {
	switch {
	case config.IsNull() && a.Computed:
		return prior
	case a.NestedType == nil || config.IsNull() || !config.IsKnown():
		return config
	case a.NestedType.Nesting == tfprotov6.SchemaObjectNestingModeSingle:
		return propose(a.NestedType.Attributes, prior, config)
	case a.NestedType.Nesting == tfprotov6.SchemaObjectNestingModeList:
		was, is := elementsOf(prior), elementsOf(config)
		for i, e := range is {
			old := tftypes.NewValue(e.Type(), nil)
			if i < len(was) {
				old = was[i]
			}
			is[i] = propose(a.NestedType.Attributes, old, e)
		}
		return tftypes.NewValue(config.Type(), is)
	}
	was, is := membersOf(prior), membersOf(config)
	for key, e := range is {
		old, ok := was[key]
		if !ok {
			old = tftypes.NewValue(e.Type(), nil)
		}
		is[key] = propose(a.NestedType.Attributes, old, e)
	}
	return tftypes.NewValue(config.Type(), is)
}

func elementsOf(v tftypes.Value) []tftypes.Value {
	var elements []tftypes.Value
	if !v.IsNull() && v.IsKnown() {
		if err := v.As(&elements); err != nil {
			panic(err)
		}
	}
	return elements
}

func membersOf(v tftypes.Value) map[string]tftypes.Value {
	members := map[string]tftypes.Value{}
	if !v.IsNull() && v.IsKnown() {
		if err := v.As(&members); err != nil {
			panic(err)
		}
	}
	return maps.Clone(members) // They are the value's own.
}

// diagnostics writes each as "error on PATH: SUMMARY: DETAIL".
func diagnostics(all []*tfprotov6.Diagnostic) string {
	var lines []string
	for _, d := range all {
		on := ""
		if d.Attribute != nil && len(d.Attribute.Steps()) > 0 {
			on = " on " + d.Attribute.String()
		}
		lines = append(lines, fmt.Sprintf("%s%s: %s: %s", strings.ToLower(d.Severity.String()), on, d.Summary, d.Detail))
	}
	return strings.Join(lines, "\n")
}

func failed(all []*tfprotov6.Diagnostic) bool {
	for _, d := range all {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			return true
		}
	}
	return false
}

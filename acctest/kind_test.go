package acctest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A matrix is one kind in every shape, a resource a shape.
type matrix struct {
	*stage
	kind *spec.Kind
}

// shapes are attributes by the label of the resource.
type shapes map[string]attributes

// TestKinds leads objects of every kind, in every shape, through everything that Terraform does with an object.
func TestKinds(t *testing.T) {
	for _, k := range spec.Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			m := &matrix{newStage(t), k}
			m.test()
		})
	}
}

func (m *matrix) test() {
	first := m.named(shapes{"minimal": minimal(m.T, m.kind, 2), "explicit": explicit(m.T, m.kind, 3), "hollow": hollow(m.T, m.kind, 4),
		"nothing": null(m.T, m.kind, 5), "full": full(m.T, m.kind, 6)})
	// The same objects, defaults left out where they were written and written where they were left out.
	turned := maps.Clone(first)
	turned["minimal"] = m.withDefaults(first["minimal"])
	turned["explicit"] = m.withoutDefaults(first["explicit"])
	// Other content everywhere, and two new names.
	second := m.named(shapes{"minimal": full(m.T, m.kind, 8), "explicit": hollow(m.T, m.kind, 3), "hollow": null(m.T, m.kind, 4),
		"nothing": hollow(m.T, m.kind, 5), "full": full(m.T, m.kind, 10)})
	second["full"]["name"] = m.kind.Name + "-renamed"
	second["nothing"]["name"] = m.kind.Name + "-new.name_2"

	ids := map[string]string{}
	steps := []resource.TestStep{
		m.step(first, planned(actions(m.actions(nil, first))), after(func() { m.want(first); m.ids(first, ids) })),
		m.step(turned, planned(plancheck.ExpectEmptyPlan())),
		m.importCommand(first, "full"),
		m.importCommand(first, "hollow"),
		m.importBlocks(first),
		m.step(second, planned(actions(m.actions(first, second))), after(func() { m.want(second); m.sameIDs(second, ids) }), m.identity(second)),
	}
	if identities() {
		steps = append(steps, m.importIdentity(second, "full"))
	}
	steps = append(steps, m.drift(second)...)
	steps = append(steps, m.race(second)...)
	steps = append(steps, m.wrong()...)
	m.run(append(steps, m.step(second, after(func() { m.want(second) })))...)
}

// named gives every object a name of its own.
func (m *matrix) named(all shapes) shapes {
	for label, o := range all {
		o["name"] = m.kind.Name + "-" + label
	}
	return all
}

func (m *matrix) withDefaults(o attributes) attributes {
	c := maps.Clone(o)
	addDefaults(c, m.kind.Fields())
	return c
}

func (m *matrix) withoutDefaults(o attributes) attributes {
	c := attributes{}
	for i := range m.kind.Fields() {
		f := &m.kind.Fields()[i]
		needed := f.Required || m.kind == spec.Rules && isAction(f) || m.kind == spec.Certificates
		if needed && o[f.Name] != nil {
			c[f.Name] = o[f.Name]
		}
	}
	return c
}

func (m *matrix) address(label string) string { return "gatewayd_" + m.kind.Name + "." + label }

// configuration is the furniture and the shapes.
func (m *matrix) configuration(all shapes) map[string]any {
	resources := m.furniture()
	for label, o := range all {
		resources["gatewayd_"+m.kind.Name][label] = o.named(m.kind)
	}
	return map[string]any{"resource": resources}
}

// furniture is the same in every step.
func (m *matrix) furniture() map[string]map[string]attributes {
	if m.variables["furniture"] == nil {
		m.variables["furniture"] = furniture(m.T)
	}
	resources := map[string]map[string]attributes{}
	for name, all := range m.variables["furniture"].(map[string]map[string]attributes) {
		k := spec.KindByName(strings.TrimPrefix(name, "gatewayd_"))
		resources[name] = map[string]attributes{}
		for label, o := range all {
			resources[name][label] = o.named(k)
		}
	}
	return resources
}

func (m *matrix) step(all shapes, more ...func(*resource.TestStep)) resource.TestStep {
	m.Helper()
	return m.write(m.configuration(all), more...)
}

// actions are the changes from one step to the next.
func (m *matrix) actions(from, to shapes) map[string]string {
	want := map[string]string{}
	for label := range to {
		switch {
		case from == nil:
			want[m.address(label)] = "create"
		case !spec.Equal(decode(m.T, m.kind, from[label]), decode(m.T, m.kind, to[label])):
			want[m.address(label)] = "update"
		}
	}
	if from == nil {
		for _, k := range spec.Kinds() {
			want["gatewayd_"+k.Name+"."+there] = "create"
		}
	}
	return want
}

// want compares what is on the gateway with what was configured.
func (m *matrix) want(all shapes) {
	m.Helper()
	for label, o := range all {
		want := shown(m.T, m.kind, o)
		if got, _ := m.get(m.kind, want.Key()); got != nil && !spec.Equal(want, got) {
			m.Errorf("%s on the gateway (-want +got):\n%s", label, cmp.Diff(want, got))
		}
	}
}

// ids notes the hidden ids by label.
func (m *matrix) ids(all shapes, ids map[string]string) {
	m.Helper()
	for label, o := range all {
		_, meta, err := m.gateway.Client().Get(m.Context(), m.kind, o["name"].(string), "")
		if err != nil || meta.ID == "" {
			m.Errorf("%s has no id: %v", label, err)
		}
		ids[label] = meta.ID
	}
}

// sameIDs wants the ids that were noted: nothing was made anew, renamed objects neither.
func (m *matrix) sameIDs(all shapes, noted map[string]string) {
	m.Helper()
	now := map[string]string{}
	m.ids(all, now)
	if diff := cmp.Diff(noted, now); diff != "" {
		m.Errorf("ids changed (-before +after):\n%s", diff)
	}
}

func (m *matrix) importCommand(all shapes, label string) resource.TestStep {
	return m.step(all, func(step *resource.TestStep) {
		step.ResourceName, step.ImportState, step.ImportStateId = m.address(label), true, all[label]["name"].(string)
		step.ImportStateVerify, step.ImportStateVerifyIdentifierAttribute = true, "name"
	})
}

func (m *matrix) importIdentity(all shapes, label string) resource.TestStep {
	return m.step(all, func(step *resource.TestStep) {
		step.ResourceName, step.ImportState, step.ImportStateKind = m.address(label), true, resource.ImportBlockWithResourceIdentity
	})
}

// importBlocks imports every object once more, with configuration that Terraform generates, and wants nothing planned.
func (m *matrix) importBlocks(all shapes) resource.TestStep {
	configuration := m.configuration(all)
	var blocks []any
	for _, label := range slices.Sorted(maps.Keys(all)) {
		blocks = append(blocks, map[string]any{"to": m.address(generated(label)), "id": all[label]["name"]})
	}
	configuration["import"] = blocks
	return m.write(configuration, func(step *resource.TestStep) {
		step.ResourceName, step.ImportState, step.ImportStateKind = m.address("full"), true, resource.ImportBlockWithID
		step.ImportStateId = all["full"]["name"].(string)
		step.GenerateConfig, step.ImportStateConfigExact = true, true
		step.ImportPlanChecks.PreApply = []plancheck.PlanCheck{imports(len(all))}
	})
}

// generated labels the second resource of an object. The framework looks for the one that is named generated.
func generated(label string) string {
	if label == "full" {
		return "generated"
	}
	return "generated_" + label
}

// imports wants n imports and no change at all.
func imports(n int) plancheck.PlanCheck {
	return check(func(_ context.Context, req plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse) {
		found := 0
		var wrong []string
		for _, change := range req.Plan.ResourceChanges {
			if change.Change.Importing != nil {
				found++
			}
			if !change.Change.Actions.NoOp() {
				wrong = append(wrong, fmt.Sprintf("%s: %s, from %v to %v", change.Address, actionOf(change.Change.Actions), change.Change.Before, change.Change.After))
			}
		}
		if found != n || len(wrong) > 0 {
			resp.Error = fmt.Errorf("want %d imports without a change, got %d, and changes: %s", n, found, strings.Join(wrong, "; "))
		}
	})
}

// identity wants the new names in the identities, where Terraform has such.
func (m *matrix) identity(all shapes) func(*resource.TestStep) {
	return func(step *resource.TestStep) {
		if !identities() {
			return
		}
		for label, o := range all {
			step.ConfigStateChecks = append(step.ConfigStateChecks, statecheck.ExpectIdentity(m.address(label),
				map[string]knownvalue.Check{"name": knownvalue.StringExact(o["name"].(string))}))
		}
	}
}

// drift changes objects past Terraform: other content, a new name, gone.
func (m *matrix) drift(all shapes) []resource.TestStep {
	c := m.gateway.Client()
	return []resource.TestStep{m.step(all,
		before(func() {
			other := full(m.T, m.kind, 12)
			other["name"] = all["full"]["name"]
			_, err := c.Update(m.Context(), m.kind, other["name"].(string), decode(m.T, m.kind, other), 0, "")
			away := maps.Clone(all["explicit"])
			away["name"] = "elsewhere"
			_, renamed := c.Update(m.Context(), m.kind, all["explicit"]["name"].(string), decode(m.T, m.kind, away), 0, "")
			_, deleted := c.Delete(m.Context(), m.kind, all["minimal"]["name"].(string), 0, "")
			if err := errors.Join(err, renamed, deleted); err != nil {
				m.Fatal(err)
			}
		}),
		planned(actions(map[string]string{m.address("full"): "update", m.address("explicit"): "update", m.address("minimal"): "create"})),
		after(func() { m.want(all) }),
	)}
}

// race changes an object between plan and apply: the apply must refuse, and say what changed and at which revision.
func (m *matrix) race(all shapes) []resource.TestStep {
	next := maps.Clone(all)
	next["full"] = full(m.T, m.kind, 14)
	next["full"]["name"] = all["full"]["name"]
	other := full(m.T, m.kind, 16)
	other["name"] = all["full"]["name"]
	return []resource.TestStep{
		m.step(next, planned(between(func() error {
			m.witness.forget()
			_, err := m.gateway.Client().Update(m.Context(), m.kind, other["name"].(string), decode(m.T, m.kind, other), 0, "")
			return err
		})), func(step *resource.TestStep) { step.ExpectError = regexp.MustCompile("Unable to update") }),
		m.step(next, before(func() {
			_, revision := m.get(m.kind, other["name"].(string))
			if err := m.witness.find("apply", "", "Somebody changed", fmt.Sprintf("is at %d now", revision), "in the state", "Nothing was written"); err != nil {
				m.Error(err)
			}
			m.want(shapes{"other": other})
		}), after(func() { m.want(next) })),
	}
}

// attribute is a problem's path as Terraform writes it.
func attribute(k *spec.Kind, path string) string {
	for _, f := range k.Fields() {
		if f.Secret && f.Name == path {
			return f.Attribute
		}
	}
	return path
}

// wrong writes every value that cannot be: all of them are errors on their attributes before anything is asked or done.
func (m *matrix) wrong() []resource.TestStep {
	o := wrongOf(m.kind.Fields())
	object := decode(m.T, m.kind, o)
	return []resource.TestStep{m.step(shapes{"wrong": o}, before(m.witness.forget), func(step *resource.TestStep) {
		step.PlanOnly, step.ExpectError = true, regexp.MustCompile("Invalid value for")
	}), m.write(map[string]any{"resource": m.furniture()}, before(func() {
		for _, p := range spec.Check(object) {
			if err := m.witness.find("validate", attribute(m.kind, p.Path), strings.TrimSuffix(p.Message, ".")); err != nil {
				m.Error(err)
			}
		}
		if n, heard := len(spec.Check(object)), m.witness.remarks("validate"); len(heard) != n || n == 0 {
			m.Errorf("want %d problems, heard %d: %v", n, len(heard), heard)
		}
	}))}
}

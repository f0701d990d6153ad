package crud

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// patience bounds a dry run: a plan does not wait for a gateway that is down as long as an apply does.
const patience = 5 * time.Second

// ValidateConfig checks what is known of the configuration, without a gateway.
func (r *Resource) ValidateConfig(_ context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	for _, p := range read(r.kind, req.Config.Raw).problems {
		resp.Diagnostics.Append(invalid(r.kind, p))
	}
}

// ModifyPlan changes nothing but the identity and what follows from what is wanted. It checks the plan, and asks the gateway
// what it would say of the change.
//
// What the gateway says is a warning and never an error: Terraform plans an object before it knows what the rest of the
// plan does, so an object in the way may be deleted, renamed or changed by the same apply.
func (r *Resource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		r.askDelete(ctx, req, &resp.Diagnostics)
		return
	}
	// A secret is in no plan and may be another one.
	if req.Plan.Raw.Equal(req.State.Raw) && !r.kind.HasSecrets() {
		return
	}
	wanted := read(r.kind, source(r.kind, req.Plan.Raw, req.Config.Raw))
	for _, p := range slices.Concat(wanted.problems, wanted.lacking(r.kind, req.State.Raw)) {
		resp.Diagnostics.Append(invalid(r.kind, p))
	}
	if wanted.object == nil || resp.Diagnostics.HasError() {
		return
	}
	if resp.Plan.Raw = wanted.derived(r.kind, req.Plan.Raw, req.Config.Raw); resp.Plan.Raw.Equal(req.State.Raw) {
		return
	}
	o := wanted.object
	if o.Key() != "" {
		identify(ctx, resp.Identity, o.Key(), &resp.Diagnostics)
	}
	if !r.ask(ctx, &wanted, req, resp) {
		settled, _ := spec.Settle(o)
		warn(r.kind, o.Key(), spec.Soon(settled, time.Now()), &resp.Diagnostics)
	}
}

// ask asks the gateway what it would say of a plan, where it can, and notes the plan. It says whether the gateway answered.
func (r *Resource) ask(ctx context.Context, wanted *reading, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) bool {
	o := wanted.object
	if r.gateway == nil {
		return false
	}
	if !wanted.known() {
		r.gateway.remember(r.kind, o.Key(), planned{})
		return false
	}
	change := client.Put(o.Key(), o)
	change.IfNoneMatch = true
	if !req.State.Raw.IsNull() {
		known := loadMark(ctx, req.Private, &resp.Diagnostics)
		change.Name, change.IfNoneMatch = nameIn(ctx, req.State, &resp.Diagnostics), false
		change.ID, change.IfMatch = known.ID, known.Revision
		if renames := r.gateway.exchange(r.kind, change.Name, o.Key()); change.Name != o.Key() && renames != nil {
			resp.Diagnostics.Append(r.exchanged(change.Name, o, renames))
			return true
		}
	}
	defer r.gateway.remember(r.kind, o.Key(), planned{o, change})
	return r.gateway.foresee(ctx, o, change, &resp.Diagnostics)
}

// askDelete asks the gateway what the end of an object would end, where it can.
func (r *Resource) askDelete(ctx context.Context, req resource.ModifyPlanRequest, diags *diag.Diagnostics) {
	if r.gateway == nil || !r.gateway.sees() {
		return
	}
	known := loadMark(ctx, req.Private, diags)
	name := nameIn(ctx, req.State, diags)
	if diags.HasError() {
		return
	}
	change := api.Change{Kind: r.kind.Name, Name: name, ID: known.ID, Delete: true}
	answer, _ := r.gateway.imagine(ctx, change)
	if answer == nil {
		return // A refusal is about the object, and told by the apply.
	}
	for _, result := range answer.Results {
		warn(r.kind, name, result.Warnings, diags)
	}
}

// exchanged explains a rename that closes a circle.
func (r *Resource) exchanged(from string, o spec.Object, renames []string) diag.Diagnostic {
	return onAttribute(r.kind, spec.Problem{Path: "name"}, diag.NewErrorDiagnostic(unable("rename", r.kind, from), fmt.Sprintf(
		"name cannot become %q: %s exchange their names in this plan (%s), and whichever went first would find its name taken.\n\n%s",
		o.Key(), r.kind.Collection, strings.Join(renames, ", "), thirdName)))
}

// thirdName is how names are exchanged.
const thirdName = "Give one of them a third name, run terraform apply, then give it the name that it shall have and apply again."

// foresee asks the gateway what a change would come to, together with the planned objects that it names, and adds what
// it says as warnings.
//
// A missing reference is one of them. Terraform plans what an expression refers to first, so an object that is planned
// later is named by its text alone, and may be created later too: the warning says how to order the two.
//
// It says whether the gateway answered.
func (g *Gateway) foresee(ctx context.Context, o spec.Object, change api.Change, diags *diag.Diagnostics) bool {
	k := spec.KindOf(o)
	supports, complete := g.supports(o)
	if !g.sees() || !complete {
		return false
	}
	answer, refusal := g.imagine(ctx, append(supports, change)...)
	switch {
	case answer != nil:
		if last := len(answer.Results) - 1; last >= 0 {
			warn(k, o.Key(), answer.Results[last].Warnings, diags)
		}
	case refusal != nil:
		for _, d := range g.forecast(k, o, refusal, len(supports)) {
			diags.Append(d)
		}
	default:
		return false
	}
	return true
}

// imagine asks the gateway what changes would come to, the last of which is what it is asked for. It answers, or refuses one of
// them; where it does neither it is not asked again.
func (g *Gateway) imagine(ctx context.Context, changes ...api.Change) (*api.ChangesAnswer, *api.Error) {
	inTime, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := g.client.Changes(inTime, changes, true)
	if err == nil {
		return answer, nil
	}
	if refusal, ok := errors.AsType[*api.Error](err); ok && isForecast(refusal) {
		return nil, refusal
	}
	last := changes[len(changes)-1]
	tflog.Debug(ctx, "no dry run at plan", map[string]any{"kind": last.Kind, "name": last.Name, "error": err.Error()})
	g.turnBlind()
	return nil, nil
}

// isForecast says that a refusal is about the changes, not about the call.
func isForecast(e *api.Error) bool {
	switch e.Reason() {
	case api.Invalid, api.NotFound, api.Exists, api.Changed, api.Conflict:
		return true
	}
	return false
}

// forecast are the warnings of a refused dry run. Those about the objects before were given when these were planned.
func (g *Gateway) forecast(k *spec.Kind, o spec.Object, e *api.Error, change int) diag.Diagnostics {
	summary := fmt.Sprintf("Applying %s %q may fail", k, o.Key())
	var all diag.Diagnostics
	if len(e.Problems) == 0 {
		if change == 0 {
			all.AddWarning(summary, paragraphs("The gateway as it is now refuses it. "+reason(e), resolved))
		}
		return all
	}
	for _, p := range e.ProblemsOf(change) {
		text := "The gateway as it is now refuses it: " + strings.TrimSuffix(sentence(k, p), ".") + "."
		all.Append(onAttribute(k, p, diag.NewWarningDiagnostic(summary, paragraphs(text, hint(k, o, p), g.origin(k, p, e)))))
	}
	return all
}

const resolved = "If this plan removes or changes what is in the way, nothing is wrong."

// lastName is the field that a path leads to.
func lastName(path string) string {
	return path[strings.LastIndexByte(path, '.')+1:]
}

// hint says how to order two objects of one plan where the problem is at a field that names one.
func hint(k *spec.Kind, o spec.Object, p spec.Problem) string {
	for _, r := range spec.Refs(o) {
		if r.Path == p.Path {
			value := fmt.Sprintf("gatewayd_%s.LABEL.name", r.Kind)
			if f := fieldAt(k.Fields(), r.Path); f != nil && f.Elem == spec.String {
				value = "[" + value + "]"
			}
			name, _, _ := strings.Cut(lastName(r.Path), "[")
			return fmt.Sprintf("If this configuration creates %s %q, refer to it (%s = %s), so that Terraform creates it before this %s.",
				r.Kind, r.Name, name, value, k)
		}
	}
	return resolved
}

package crud

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// The gateway keeps an object as it was written, so the state after a write is the plan, with what could not be known then.

// Create writes an object that must be new. The call has an idempotency key: where its answer is lost, the client's
// repetition gets the first answer again, and the object is in the state.
func (r *Resource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	w := r.wanted(req.Plan.Raw, req.Config.Raw, &resp.Diagnostics)
	if w == nil {
		return
	}
	o := w.object
	summary := unable("create", r.kind, o.Key())
	c := r.gateway.Reach(summary, &resp.Diagnostics)
	if c == nil {
		return
	}
	r.gateway.turnBlind()
	meta, err := c.Create(ctx, r.kind, o, client.NewKey())
	switch {
	case api.IsExists(err):
		resp.Diagnostics.AddAttributeError(path.Root("name"), summary, r.taken(ctx, c, o))
		return
	case err != nil:
		resp.Diagnostics.Append(r.gateway.Failed(r.kind, summary, err)...)
		return
	}
	resp.State.Raw = w.derived(r.kind, req.Plan.Raw, req.Config.Raw)
	identify(ctx, resp.Identity, o.Key(), &resp.Diagnostics)
	storeMark(ctx, resp.Private, meta, &resp.Diagnostics)
	warn(r.kind, o.Key(), meta.Warnings, &resp.Diagnostics)
}

// Update writes an object over the revision that the plan rests on. A new name renames it: the call goes to the old one.
func (r *Resource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	w := r.wanted(req.Plan.Raw, req.Config.Raw, &resp.Diagnostics)
	name := nameIn(ctx, req.State, &resp.Diagnostics)
	summary := unable("update", r.kind, name)
	c := r.gateway.Reach(summary, &resp.Diagnostics)
	if w == nil || c == nil || resp.Diagnostics.HasError() {
		return
	}
	o := w.object
	r.gateway.turnBlind()
	known := r.revisionOf(ctx, c, name, loadMark(ctx, req.Private, &resp.Diagnostics))
	meta, err := c.Known(r.kind, name, known.ID).Update(ctx, o, known.Revision, client.NewKey())
	switch {
	case api.IsExists(err):
		resp.Diagnostics.Append(r.nameTaken(summary, name, o))
		return
	case api.IsChanged(err), isGone(err) && r.standing(ctx, c, name):
		resp.Diagnostics.AddError(summary, r.changed(ctx, c, name, known, req.State.Raw))
		return
	case isGone(err):
		resp.Diagnostics.AddError(summary, fmt.Sprintf("The %s is not on the gateway any more: somebody deleted it since Terraform read it.\n\n"+
			"Run terraform apply again: it will be planned and created anew.", r.kind))
		return
	case err != nil:
		resp.Diagnostics.Append(r.gateway.Failed(r.kind, summary, err)...)
		return
	}
	resp.State.Raw = w.derived(r.kind, req.Plan.Raw, req.Config.Raw)
	identify(ctx, resp.Identity, o.Key(), &resp.Diagnostics)
	storeMark(ctx, resp.Private, meta, &resp.Diagnostics)
	warn(r.kind, o.Key(), meta.Warnings, &resp.Diagnostics)
	resp.Diagnostics.Append(r.settle(ctx, meta.Config, req.State.Raw, o)...)
}

// Delete removes an object, as it was when the plan was made. One that is gone already is deleted. One that others still
// name is retired: the gateway keeps serving them and drops it when the last lets go, later in the same apply or not.
func (r *Resource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	name := nameIn(ctx, req.State, &resp.Diagnostics)
	summary := unable("delete", r.kind, name)
	c := r.gateway.Reach(summary, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	r.gateway.turnBlind()
	known := r.revisionOf(ctx, c, name, loadMark(ctx, req.Private, &resp.Diagnostics))
	deleted, err := c.Known(r.kind, name, known.ID).Delete(ctx, known.Revision, client.NewKey())
	switch {
	case api.IsChanged(err), isGone(err) && r.standing(ctx, c, name):
		resp.Diagnostics.AddError(summary, r.changed(ctx, c, name, known, req.State.Raw))
	case isGone(err):
	case err != nil:
		resp.Diagnostics.Append(r.gateway.Failed(r.kind, summary, err)...)
	case len(deleted.Holders) > 0:
		tflog.Info(ctx, "the object is retired and serves those that still name it", map[string]any{
			"kind": r.kind.Name, "name": name, "holders": holderList(deleted.Holders)})
	default:
		resp.Diagnostics.Append(r.settle(ctx, deleted.Config, req.State.Raw, nil)...)
	}
}

// wanted is the object of a plan, which is known in full at apply, in the form in which it is kept. Nil goes with an error.
func (r *Resource) wanted(plan, config tftypes.Value, diags *diag.Diagnostics) *reading {
	w := read(r.kind, source(r.kind, plan, config))
	for _, p := range w.problems {
		diags.Append(invalid(r.kind, p))
	}
	if len(w.problems) == 0 && !w.known() {
		diags.AddError("Unknown values at apply", fmt.Sprintf("The plan of the %s has values that are not known: %s. "+
			"This is a mistake in Terraform or the provider; please report it.", r.kind, strings.Join(w.unknown, ", ")))
	}
	if diags.HasError() {
		return nil
	}
	w.object, _ = spec.Settle(w.object)
	return &w
}

// revisionOf completes a mark that has no revision, as private state that was written by hand, with the one of now.
func (r *Resource) revisionOf(ctx context.Context, c *client.Client, name string, m mark) mark {
	if m.Revision != 0 {
		return m
	}
	if _, meta, err := c.Get(ctx, r.kind, name, m.ID); err == nil {
		return mark{Revision: meta.Revision, ID: meta.ID}
	}
	return m // The write says what is wrong.
}

// isGone says that there is no such object.
func isGone(err error) bool { return api.IsNotFound(err) }

// standing says whether there is an object of the name, which is another than the one that is gone.
func (r *Resource) standing(ctx context.Context, c *client.Client, name string) bool {
	_, _, err := c.Get(ctx, r.kind, name, "")
	return err == nil
}

// taken explains a create that met an object of the name.
func (r *Resource) taken(ctx context.Context, c *client.Client, o spec.Object) string {
	there := fmt.Sprintf("name is taken: a %s %q is on the gateway already.", r.kind, o.Key())
	if standing, meta, err := c.Get(ctx, r.kind, o.Key(), ""); err == nil {
		there = fmt.Sprintf("name is taken: a %s %q is on the gateway already, at revision %d.", r.kind, o.Key(), meta.Revision)
		if spec.Equal(standing, o) {
			there += " It is just as this configuration wants it."
		}
	}
	return paragraphs(there,
		fmt.Sprintf("If it is meant to be this resource, import it: an import block with id = %q, or terraform import ADDRESS %s.", o.Key(), o.Key()),
		"If it is another's, choose another name. If this is a replacement under create_before_destroy, take that off: "+
			"the name belongs to the object that is replaced until it is destroyed, and no change of a "+r.kind.Name+" needs a replacement.")
}

// nameTaken explains a rename to the name of another object.
func (r *Resource) nameTaken(summary, from string, o spec.Object) diag.Diagnostic {
	return onAttribute(r.kind, spec.Problem{Path: "name"}, diag.NewErrorDiagnostic(summary, fmt.Sprintf(
		"name cannot become %q: another %s of that name is on the gateway.\n\n"+
			"If that one is deleted, or renamed to a name that is free, in the same apply, run terraform apply again. "+
			"If the two exchange their names, it would fail again. %s\n\n"+
			"Else choose another name, or import that object instead of renaming %q.",
		o.Key(), r.kind, thirdName, from)))
}

// changed explains a write that rests on a revision that is not the object's any more, field by field.
func (r *Resource) changed(ctx context.Context, c *client.Client, name string, known mark, state tftypes.Value) string {
	standing, meta, err := c.Get(ctx, r.kind, name, known.ID)
	if err != nil {
		return fmt.Sprintf("Somebody changed the %s on the gateway since Terraform read it at revision %d.\n\n%s", r.kind, known.Revision, again)
	}
	first := fmt.Sprintf("Somebody changed the %s on the gateway since Terraform read it: it was at revision %d and is at %d now.",
		r.kind, known.Revision, meta.Revision)
	if known.ID != "" && meta.ID != known.ID {
		first = fmt.Sprintf("Somebody deleted the %s since Terraform read it and created another of its name, which is at revision %d now.", r.kind, meta.Revision)
	}
	before := read(r.kind, state)
	if before.object == nil {
		return paragraphs(first, again)
	}
	lines := differences(r.kind, before.object, standing)
	if len(lines) == 0 {
		return paragraphs(first, "Its content is as it was.", again)
	}
	return paragraphs(first, "  "+strings.Join(lines, "\n  "), again)
}

const again = "Nothing was written. Run terraform plan again: it shows what is different now, and an apply then rests on the new revision."

func holderList(holders []api.Holder) string {
	names := make([]string, len(holders))
	for i, h := range holders {
		names[i] = fmt.Sprintf("%s %q", h.Kind, h.Name)
	}
	return strings.Join(names, ", ")
}

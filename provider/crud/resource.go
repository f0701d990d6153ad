package crud

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A Resource is the Terraform resource of a kind.
type Resource struct {
	kind    *spec.Kind
	leaving Leaving  // nil where nothing of the kind drains that is waited for
	gateway *Gateway // nil until Configure, and at validate
}

var (
	_ resource.ResourceWithConfigure      = (*Resource)(nil)
	_ resource.ResourceWithIdentity       = (*Resource)(nil)
	_ resource.ResourceWithImportState    = (*Resource)(nil)
	_ resource.ResourceWithModifyPlan     = (*Resource)(nil)
	_ resource.ResourceWithValidateConfig = (*Resource)(nil)
)

// NewResource makes the resource of a kind. leaving is nil where its writes take nothing out that is waited for.
func NewResource(k *spec.Kind, leaving Leaving) resource.Resource {
	return &Resource{kind: k, leaving: leaving}
}

// Metadata says the type's name, and that its identity may change: a new name is a rename in place.
func (r *Resource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + r.kind.Name
	resp.ResourceBehavior.MutableIdentity = true
}

// Schema is ResourceSchema.
func (r *Resource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = ResourceSchema(r.kind)
}

// IdentitySchema is IdentitySchema of the kind.
func (r *Resource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = IdentitySchema(r.kind)
}

// Configure takes the provider's Gateway; there is none at validate.
func (r *Resource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.gateway = GatewayOf(req.ProviderData, &resp.Diagnostics)
}

// Read brings the state up to date. A rename made elsewhere shows as a new name, found by the id; an object that is gone
// leaves the state, and Terraform plans it again.
func (r *Resource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	name := nameIn(ctx, req.State, &resp.Diagnostics)
	known := loadMark(ctx, req.Private, &resp.Diagnostics)
	summary := unable("read", r.kind, name)
	c := r.gateway.Reach(summary, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	// The framework wants an identity even of what is gone; states of Terraform before 1.12 have none stored.
	identify(ctx, resp.Identity, name, &resp.Diagnostics)
	o, meta, err := c.Get(ctx, r.kind, name, known.ID)
	switch {
	case isGone(err):
		resp.State.RemoveResource(ctx)
		return
	case err != nil:
		resp.Diagnostics.Append(r.gateway.Failed(r.kind, summary, err)...)
		return
	}
	resp.State.Raw = valueOf(resp.State.Schema.Type().TerraformType(ctx), o)
	identify(ctx, resp.Identity, o.Key(), &resp.Diagnostics)
	storeMark(ctx, resp.Private, meta, &resp.Diagnostics)
	warn(r.kind, o.Key(), meta.Warnings, &resp.Diagnostics)
}

// ImportState takes the name, as an import id or as an identity; Read does the rest.
func (r *Resource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	resource.ImportStatePassthroughWithIdentity(ctx, path.Root("name"), path.Root("name"), req, resp)
	if req.ID != "" {
		identify(ctx, resp.Identity, req.ID, &resp.Diagnostics)
	}
}

// nameIn is the name in a state. Nothing else of it is decoded: after an import all the rest is null.
func nameIn(ctx context.Context, state tfsdk.State, diags *diag.Diagnostics) string {
	var name string
	diags.Append(state.GetAttribute(ctx, path.Root("name"), &name)...)
	return name
}

func identify(ctx context.Context, identity *tfsdk.ResourceIdentity, name string, diags *diag.Diagnostics) {
	if identity != nil {
		diags.Append(identity.SetAttribute(ctx, path.Root("name"), name)...)
	}
}

func warn(k *spec.Kind, object string, warnings spec.Problems, diags *diag.Diagnostics) {
	for _, p := range warnings {
		diags.Append(warning(k, object, p))
	}
}

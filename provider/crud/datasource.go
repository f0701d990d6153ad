package crud

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A DataSource reads one object of a kind by its name.
type DataSource struct {
	kind    *spec.Kind
	gateway *Gateway // nil until Configure, and at validate
}

var _ datasource.DataSourceWithConfigure = (*DataSource)(nil)

// NewDataSource makes the data source of a kind.
func NewDataSource(k *spec.Kind) datasource.DataSource { return &DataSource{kind: k} }

// Metadata says the type's name.
func (d *DataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + d.kind.Name
}

// Schema is DataSourceSchema.
func (d *DataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = DataSourceSchema(d.kind)
}

// Configure takes the provider's Gateway; there is none at validate.
func (d *DataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.gateway = GatewayOf(req.ProviderData, &resp.Diagnostics)
}

// Read reads the object. Unlike a resource's, a missing one is an error: somebody rests on it.
func (d *DataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var name string
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("name"), &name)...)
	summary := unable("read", d.kind, name)
	c := d.gateway.Reach(summary, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	o, meta, err := c.Get(ctx, d.kind, name, "")
	switch {
	case isGone(err):
		resp.Diagnostics.AddAttributeError(path.Root("name"), summary, fmt.Sprintf(
			"name is %q, and the gateway has no %s of that name.\n\nIf this configuration creates it, use the resource itself, or refer to its name, so that Terraform reads it afterwards.", name, d.kind))
		return
	case err != nil:
		resp.Diagnostics.Append(d.gateway.Failed(d.kind, summary, err)...)
		return
	}
	resp.State.Raw = valueOf(resp.State.Schema.Type().TerraformType(ctx), o)
	warn(d.kind, name, meta.Warnings, &resp.Diagnostics)
}

package plugin

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
	"github.com/gatewayd/terraform-provider-gatewayd/provider/crud"
)

// A view is a data source without arguments: something to know of the gateway as it runs.
type view struct {
	name   string
	schema schema.Schema
	// read is a struct whose tfsdk tags are the attributes.
	read    func(context.Context, *client.Client) (any, error)
	gateway *crud.Gateway // nil until Configure, and at validate
}

var _ datasource.DataSourceWithConfigure = (*view)(nil)

// Metadata says the type's name.
func (v *view) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + v.name
}

// Schema is the view's.
func (v *view) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = v.schema
}

// Configure takes the provider's Gateway; there is none at validate.
func (v *view) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	v.gateway = crud.GatewayOf(req.ProviderData, &resp.Diagnostics)
}

// Read asks the gateway.
func (v *view) Read(ctx context.Context, _ datasource.ReadRequest, resp *datasource.ReadResponse) {
	summary := "Unable to read the " + v.name + " of the gateway"
	c := v.gateway.Reach(summary, &resp.Diagnostics)
	if c == nil {
		return
	}
	answer, err := v.read(ctx, c)
	if err != nil {
		resp.Diagnostics.Append(v.gateway.Failed(nil, summary, err)...)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, answer)...)
}

func text(doc string) schema.Attribute {
	return schema.StringAttribute{Computed: true, MarkdownDescription: doc}
}

func number(doc string) schema.Attribute {
	return schema.Int64Attribute{Computed: true, MarkdownDescription: doc}
}

func flag(doc string) schema.Attribute {
	return schema.BoolAttribute{Computed: true, MarkdownDescription: doc}
}

func mapOf(doc string, attributes map[string]schema.Attribute) schema.Attribute {
	return schema.MapNestedAttribute{Computed: true, MarkdownDescription: doc, NestedObject: schema.NestedAttributeObject{Attributes: attributes}}
}

func listOf(doc string, attributes map[string]schema.Attribute) schema.Attribute {
	return schema.ListNestedAttribute{Computed: true, MarkdownDescription: doc, NestedObject: schema.NestedAttributeObject{Attributes: attributes}}
}

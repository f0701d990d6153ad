package plugin

import (
	"cmp"
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
	"github.com/gatewayd/terraform-provider-gatewayd/provider/crud"
)

// Address is the provider's address in the registry.
const Address = "registry.terraform.io/gatewayd/gatewayd"

// TypeName is the provider's name, and the prefix of its types.
const TypeName = "gatewayd"

// A Provider is the Terraform provider of gatewayd.
type Provider struct{ version string }

var _ provider.ProviderWithValidateConfig = (*Provider)(nil)

// New makes a factory of providers of a version, as the server wants it.
func New(version string) func() provider.Provider {
	return func() provider.Provider { return &Provider{version: version} }
}

// Metadata says name and version.
func (p *Provider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName, resp.Version = TypeName, p.version
}

// Schema is that of the provider block. Every argument is optional and has an environment variable.
func (p *Provider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Configures gatewayd, an application gateway: listeners, pools, probes, settings and rules, each its own resource.",
		Attributes: map[string]schema.Attribute{
			"endpoints": schema.ListAttribute{ElementType: types.StringType, Optional: true, MarkdownDescription: "Where the admin API answers, tried in turn: " +
				"`https://host:port`, `unix:///path/of/the/socket`, or `http://` to this machine. Default: `[\"" + client.DefaultEndpoint + "\"]`. Environment: `GATEWAYD_ENDPOINTS`, separated by commas."},
			"token": schema.StringAttribute{Optional: true, Sensitive: true, MarkdownDescription: "Token of the admin API. Environment: `GATEWAYD_TOKEN`."},
			"token_file": schema.StringAttribute{Optional: true, MarkdownDescription: "File that holds the token, read at every call; gatewayd writes one, `admin.token`, " +
				"into its data directory. Conflicts with `token`. Environment: `GATEWAYD_TOKEN_FILE`."},
			"ca_pem": schema.StringAttribute{Optional: true, MarkdownDescription: "Certificates, in PEM form, that the chain of an `https://` endpoint may end in. " +
				"Default: those of the system. Environment: `GATEWAYD_CA_PEM`."},
			"client_certificate_pem": schema.StringAttribute{Optional: true, MarkdownDescription: "Client certificate, in PEM form, for endpoints that want one. Environment: `GATEWAYD_CLIENT_CERTIFICATE_PEM`."},
			"wait_for_drain": schema.BoolAttribute{Optional: true, MarkdownDescription: "Return from a write that removes a target only when the target's requests and WebSockets have ended, " +
				"so that Terraform destroys its machine afterwards. Default: `true`. Environment: `GATEWAYD_WAIT_FOR_DRAIN`."},
			"client_key_pem": schema.StringAttribute{Optional: true, Sensitive: true, MarkdownDescription: "Key of `client_certificate_pem`, in PEM form. Environment: `GATEWAYD_CLIENT_KEY_PEM`."},
		},
	}
}

// ValidateConfig checks what is known of the provider block.
func (p *Provider) ValidateConfig(ctx context.Context, req provider.ValidateConfigRequest, resp *provider.ValidateConfigResponse) {
	var c configuration
	resp.Diagnostics.Append(req.Config.Get(ctx, &c)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if !c.Token.IsNull() && !c.TokenFile.IsNull() {
		resp.Diagnostics.AddAttributeError(path.Root("token_file"), "Invalid provider configuration", "token and token_file cannot be given together; keep one of the two.")
	}
	for _, pair := range []struct {
		given, missing types.String
		name, other    string
	}{
		{c.ClientCertificatePEM, c.ClientKeyPEM, "client_certificate_pem", "client_key_pem"},
		{c.ClientKeyPEM, c.ClientCertificatePEM, "client_key_pem", "client_certificate_pem"},
	} {
		if !pair.given.IsNull() && pair.missing.IsNull() && fromEnvironment(pair.other) == "" {
			resp.Diagnostics.AddAttributeError(path.Root(pair.name), "Invalid provider configuration", pair.name+" needs "+pair.other+" with it.")
		}
	}
}

// Configure makes the client. Where a value is known only after apply there is none yet, and planning works without.
func (p *Provider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	gateway := crud.NewGateway(nil, p.version, false)
	if req.Config.Raw.IsFullyKnown() {
		var c configuration
		resp.Diagnostics.Append(req.Config.Get(ctx, &c)...)
		if resp.Diagnostics.HasError() {
			return
		}
		calls, err := client.New(c.client("terraform-provider-gatewayd/" + p.version))
		waits, mistaken := c.waits()
		if err = cmp.Or(err, mistaken); err != nil {
			resp.Diagnostics.AddError("Invalid provider configuration", upper(err.Error())+".")
			return
		}
		gateway = crud.NewGateway(calls, p.version, waits)
	} else {
		tflog.Warn(ctx, "the provider's configuration is not known yet: plans are made without asking the gateway")
	}
	resp.ResourceData, resp.DataSourceData = gateway, gateway
}

// Resources are one a kind.
func (p *Provider) Resources(context.Context) []func() resource.Resource {
	var all []func() resource.Resource
	for _, k := range spec.Kinds() {
		all = append(all, func() resource.Resource { return crud.NewResource(k, leavings[k]) })
	}
	return all
}

// DataSources are one a kind, and the views.
func (p *Provider) DataSources(context.Context) []func() datasource.DataSource {
	all := []func() datasource.DataSource{newHealth, newRoute, newStatus}
	for _, k := range spec.Kinds() {
		all = append(all, func() datasource.DataSource { return crud.NewDataSource(k) })
	}
	return all
}

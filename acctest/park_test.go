package acctest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
)

// A park is a Terraform provider whose machines are servers of the test's process: what Terraform destroys is gone, and
// whoever still talks to it hears no Close. Its one resource is machine_server.
type park struct {
	tb testing.TB

	mu       sync.Mutex
	machines map[string]*gatewaytest.Echo // those that run, by name; guarded by mu
}

// newPark has the machines of a stage; what is left of them ends with the test.
func newPark(s *stage) *park {
	p := &park{tb: s, machines: map[string]*gatewaytest.Echo{}}
	s.Cleanup(func() {
		for _, e := range p.machines {
			e.Close()
		}
	})
	s.park = p
	return p
}

// has says whether a machine runs.
func (p *park) has(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.machines[name] != nil
}

// server makes the provider's server for one run of Terraform.
func (p *park) server() (tfprotov6.ProviderServer, error) {
	return providerserver.NewProtocol6WithError(p)()
}

var _ provider.Provider = (*park)(nil)

// Metadata says the prefix of the resource.
func (p *park) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "machine"
}

// Schema is empty: there is nothing to configure.
func (p *park) Schema(context.Context, provider.SchemaRequest, *provider.SchemaResponse) {}

// Configure has nothing to do.
func (p *park) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {}

// Resources is machine_server.
func (p *park) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{func() resource.Resource { return &machine{p} }}
}

// DataSources are none.
func (p *park) DataSources(context.Context) []func() datasource.DataSource { return nil }

// A machine is the resource. Another name is another machine.
type machine struct{ park *park }

// Metadata says the type's name.
func (m *machine) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "machine_server"
}

// Schema is a name and, once the machine is there, the port that it listens on.
func (m *machine) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"name": schema.StringAttribute{Required: true, PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()}},
		"port": schema.Int64Attribute{Computed: true},
	}}
}

// Create starts the server.
func (m *machine) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var name string
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("name"), &name)...)
	m.park.mu.Lock()
	defer m.park.mu.Unlock()
	e, err := gatewaytest.NewEcho(name, "127.0.0.1:0")
	if err != nil || m.park.machines[name] != nil {
		resp.Diagnostics.AddError("Unable to start a machine", fmt.Sprintf("%s: %v", name, err))
		return
	}
	m.park.machines[name] = e
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("name"), name)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("port"), int64(e.Addr().Port()))...)
}

// Read leaves the state as it is.
func (m *machine) Read(context.Context, resource.ReadRequest, *resource.ReadResponse) {}

// Update is never called.
func (m *machine) Update(context.Context, resource.UpdateRequest, *resource.UpdateResponse) {}

// Delete ends the server and every connection that it has, without a word.
func (m *machine) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var name string
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("name"), &name)...)
	m.park.mu.Lock()
	defer m.park.mu.Unlock()
	if e := m.park.machines[name]; e != nil {
		e.Close()
		delete(m.park.machines, name)
	}
}

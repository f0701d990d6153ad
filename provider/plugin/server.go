package plugin

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// Server makes a factory of protocol servers of the provider: what is served to Terraform and what tests drive.
func Server(version string) func() tfprotov6.ProviderServer {
	return func() tfprotov6.ProviderServer {
		return &server{protocol: providerserver.NewProtocol6(New(version)())().(protocol)}
	}
}

// A protocol is everything that the framework's server speaks. An optional part that were not named here would be lost
// to Terraform.
type protocol interface {
	//lint:ignore SA1019 its methods move into ProviderServer one day; until then there is no other name for them
	tfprotov6.ProviderServerWithListResource
	//lint:ignore SA1019 its methods move into ProviderServer one day; until then there is no other name for them
	tfprotov6.ProviderServerWithActions
	//lint:ignore SA1019 its methods move into ProviderServer one day; until then there is no other name for them
	tfprotov6.ProviderServerWithStateStores
}

// A server is the framework's, with one mistake taken out.
//
// The framework takes the required attributes of an object that is unknown as a whole, such as a target that is chosen
// by a condition on an unknown value, for missing ones (hashicorp/terraform-plugin-framework#186). Of a null object they
// are not what is wrong, and Check says what is.
type server struct{ protocol }

// ValidateResourceConfig drops what is said about values inside unknown or null ones.
func (s *server) ValidateResourceConfig(ctx context.Context, req *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	resp, err := s.protocol.ValidateResourceConfig(ctx, req)
	if err != nil || len(resp.Diagnostics) == 0 {
		return resp, err
	}
	schemas, err := s.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return nil, err
	}
	schema := schemas.ResourceSchemas[req.TypeName]
	if schema == nil {
		return resp, nil
	}
	config, err := req.Config.Unmarshal(schema.ValueType())
	if err != nil {
		return resp, nil // The framework has said so.
	}
	resp.Diagnostics = slices.DeleteFunc(resp.Diagnostics, func(d *tfprotov6.Diagnostic) bool { return insideNothing(config, d.Attribute) })
	return resp, nil
}

// insideNothing says whether a path leads through a value that is unknown or null.
func insideNothing(config tftypes.Value, at *tftypes.AttributePath) bool {
	steps := at.Steps()
	for n := range steps {
		outer, _, err := tftypes.WalkAttributePath(config, tftypes.NewAttributePathWithSteps(steps[:n]))
		if v, ok := outer.(tftypes.Value); err == nil && ok && (!v.IsKnown() || v.IsNull()) {
			return true
		}
	}
	return false
}

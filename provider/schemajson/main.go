// Command schemajson prints the provider's schemas as `terraform providers schema -json` does, without Terraform: the
// documentation is generated from it. Schemas of resource identities are in it too, whatever Terraform is installed.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/gatewayd/terraform-provider-gatewayd/provider/plugin"
)

func main() {
	document, err := document(context.Background(), plugin.Server("dev")())
	if err == nil {
		e := json.NewEncoder(os.Stdout)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		err = e.Encode(document)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// document is the whole of what Terraform prints, but for the key: tfplugindocs looks for the short name.
func document(ctx context.Context, server tfprotov6.ProviderServer) (map[string]any, error) {
	schemas, err := server.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return nil, fmt.Errorf("get the schemas: %w", err)
	}
	identities, err := server.GetResourceIdentitySchemas(ctx, &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		return nil, fmt.Errorf("get the identity schemas: %w", err)
	}
	for _, d := range append(schemas.Diagnostics, identities.Diagnostics...) {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			return nil, errors.New(d.Summary + ": " + d.Detail)
		}
	}
	return map[string]any{
		"format_version": "1.0",
		"provider_schemas": map[string]any{plugin.TypeName: map[string]any{
			"provider":                  schema(schemas.Provider),
			"resource_schemas":          mapped(schemas.ResourceSchemas, schema),
			"data_source_schemas":       mapped(schemas.DataSourceSchemas, schema),
			"resource_identity_schemas": mapped(identities.IdentitySchemas, identity),
		}},
	}, nil
}

func mapped[V any](from map[string]V, f func(V) any) map[string]any {
	to := map[string]any{}
	for k, v := range from {
		to[k] = f(v)
	}
	return to
}

func schema(s *tfprotov6.Schema) any {
	block := described(map[string]any{"attributes": attributes(s.Block.Attributes)}, s.Block.Description, s.Block.DescriptionKind)
	return map[string]any{"version": s.Version, "block": block}
}

func attributes(list []*tfprotov6.SchemaAttribute) map[string]any {
	all := map[string]any{}
	for _, a := range list {
		out := described(map[string]any{}, a.Description, a.DescriptionKind)
		if a.NestedType != nil {
			out["nested_type"] = map[string]any{"attributes": attributes(a.NestedType.Attributes), "nesting_mode": nesting[a.NestedType.Nesting]}
		} else {
			out["type"] = a.Type
		}
		for name, set := range map[string]bool{
			"required": a.Required, "optional": a.Optional, "computed": a.Computed,
			"sensitive": a.Sensitive, "deprecated": a.Deprecated, "write_only": a.WriteOnly,
		} {
			if set {
				out[name] = true
			}
		}
		all[a.Name] = out
	}
	return all
}

var nesting = map[tfprotov6.SchemaObjectNestingMode]string{
	tfprotov6.SchemaObjectNestingModeSingle: "single",
	tfprotov6.SchemaObjectNestingModeList:   "list",
	tfprotov6.SchemaObjectNestingModeSet:    "set",
	tfprotov6.SchemaObjectNestingModeMap:    "map",
}

func described(out map[string]any, text string, kind tfprotov6.StringKind) map[string]any {
	if text == "" {
		return out
	}
	out["description"], out["description_kind"] = text, "plain"
	if kind == tfprotov6.StringKindMarkdown {
		out["description_kind"] = "markdown"
	}
	return out
}

func identity(s *tfprotov6.ResourceIdentitySchema) any {
	all := map[string]any{}
	for _, a := range s.IdentityAttributes {
		out := described(map[string]any{"type": a.Type}, a.Description, tfprotov6.StringKindPlain)
		delete(out, "description_kind") // Identities have none.
		for name, set := range map[string]bool{"required_for_import": a.RequiredForImport, "optional_for_import": a.OptionalForImport} {
			if set {
				out[name] = true
			}
		}
		all[a.Name] = out
	}
	return map[string]any{"version": s.Version, "attributes": all}
}

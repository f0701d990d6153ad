// Package crud is the lifecycle of every object of a gateway in Terraform, written once over a spec.Kind: the schema of
// its resource and data source, validate and plan with their checks, create, read, update, delete and import.
//
// Nothing here knows a kind by name. The schema is derived from Kind.Fields, the model is the spec struct itself, and a
// Terraform value becomes an object through spec.Unmarshal, the decoder that the API uses too: a field that is added to
// a struct of spec is in Terraform with its default, range and description.
//
// What it keeps in Terraform besides the attributes is the revision and the hidden id of an object, in private state.
// It is called by provider/plugin, knows no configuration of the provider and nothing of how a gateway works.
package crud

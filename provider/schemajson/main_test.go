package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
	"github.com/gatewayd/terraform-provider-gatewayd/provider/plugin"
)

// TestDocument reads the document as its readers do: every kind is in it thrice, nested attributes have their mode.
func TestDocument(t *testing.T) {
	d, err := document(t.Context(), plugin.Server("test")())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	type attribute struct {
		Type        json.RawMessage `json:"type"`
		Description string          `json:"description"`
		Kind        string          `json:"description_kind"`
		Required    bool            `json:"required"`
		Optional    bool            `json:"optional"`
		Computed    bool            `json:"computed"`
		Nested      *struct {
			Mode       string                     `json:"nesting_mode"`
			Attributes map[string]json.RawMessage `json:"attributes"`
		} `json:"nested_type"`
	}
	type schema struct {
		Block struct{ Attributes map[string]attribute }
	}
	var read struct {
		Schemas map[string]struct {
			Provider    schema            `json:"provider"`
			Resources   map[string]schema `json:"resource_schemas"`
			DataSources map[string]schema `json:"data_source_schemas"`
			Identities  map[string]struct {
				Attributes map[string]struct {
					Required bool `json:"required_for_import"`
				}
			} `json:"resource_identity_schemas"`
		} `json:"provider_schemas"`
	}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&read); err != nil {
		t.Fatal(err)
	}
	ours := read.Schemas["gatewayd"]
	for _, k := range spec.Kinds() {
		name, all, secret := "gatewayd_"+k.Name, len(k.Fields())+len(k.Facts()), 0
		for _, f := range k.Fields() {
			if f.Secret {
				secret++
			}
		}
		if len(ours.Resources[name].Block.Attributes) != all || len(ours.DataSources[name].Block.Attributes) != all-secret {
			t.Errorf("%s: want %d attributes of the resource and %d of the data source", name, all, all-secret)
		}
		if !ours.Identities[name].Attributes["name"].Required {
			t.Errorf("%s: want the name to be the identity", name)
		}
	}
	port := ours.Resources["gatewayd_listener"].Block.Attributes["port"]
	want := attribute{Type: json.RawMessage(`"number"`), Description: "TCP port to listen on. Range: 1 to 65535.", Kind: "markdown", Required: true}
	if diff := cmp.Diff(want, port); diff != "" {
		t.Error(diff)
	}
	hostnames := ours.Resources["gatewayd_listener"].Block.Attributes["hostnames"]
	if string(hostnames.Type) != `["set","string"]` {
		t.Errorf("want a set of strings, got %s", hostnames.Type)
	}
	targets := ours.Resources["gatewayd_pool"].Block.Attributes["targets"]
	if targets.Nested == nil || targets.Nested.Mode != "map" || len(targets.Nested.Attributes) != 3 || targets.Type != nil {
		t.Errorf("want targets to be a map of objects, got %+v", targets)
	}
}

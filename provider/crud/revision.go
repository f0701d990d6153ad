package crud

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
)

// privateKey is where in Terraform's private state a mark is kept.
const privateKey = "object"

// A mark is what Terraform keeps of an object besides its attributes: the revision that a write rests on, and the
// hidden id that finds the object after somebody renamed it. As attributes they would be unknown in every plan.
type mark struct {
	Revision uint64 `json:"revision"`
	ID       string `json:"id"`
}

// A private is Terraform's private state of one resource.
type private interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

// loadMark reads a mark; it is zero where there is none, as after an import.
func loadMark(ctx context.Context, from private, diags *diag.Diagnostics) mark {
	var m mark
	text, ds := from.GetKey(ctx, privateKey)
	diags.Append(ds...)
	if len(text) == 0 {
		return m
	}
	if err := json.Unmarshal(text, &m); err != nil {
		diags.AddWarning("Unreadable private state", "The revision that was stored with the object cannot be read and is asked for again: "+err.Error()+".")
	}
	return m
}

func storeMark(ctx context.Context, to private, meta client.Meta, diags *diag.Diagnostics) {
	text, err := json.Marshal(mark{Revision: meta.Revision, ID: meta.ID})
	must(err)
	diags.Append(to.SetKey(ctx, privateKey, text)...)
}

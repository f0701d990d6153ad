package acctest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/gatewayd/terraform-provider-gatewayd/provider/plugin"
)

// A witness stands between Terraform and the provider and hears what the provider says. Terraform's own output breaks
// lines, and before 1.15 it does not name attributes inside a value.
type witness struct {
	mu    sync.Mutex
	heard []remark // guarded by mu
}

// A remark is one diagnostic.
type remark struct {
	call            string // validate, plan, apply or read
	kind            string
	warning         bool
	path            string // as spec writes it
	summary, detail string
}

func (r remark) String() string {
	word := "error"
	if r.warning {
		word = "warning"
	}
	return fmt.Sprintf("%s of %s: %s at %q: %s: %s", r.call, r.kind, word, r.path, r.summary, r.detail)
}

// server makes the provider's server for one run of Terraform.
func (w *witness) server() (tfprotov6.ProviderServer, error) {
	return &observed{protocol: plugin.Server("0.0.0-test")().(protocol), witness: w}, nil
}

// forget begins anew.
func (w *witness) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = nil
}

// remarks are those of a call, each once, since Terraform plans a step several times.
func (w *witness) remarks(call string) []remark {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []remark
	for _, r := range w.heard {
		if r.call == call && !slices.Contains(found, r) {
			found = append(found, r)
		}
	}
	return found
}

// find is a remark of a call at a path whose text holds every part.
func (w *witness) find(call, path string, parts ...string) error {
	for _, r := range w.remarks(call) {
		if r.path == path && holdsAll(r.summary+"\n"+r.detail, parts) {
			return nil
		}
	}
	var heard []string
	for _, c := range []string{"validate", "plan", "apply", "read"} {
		for _, r := range w.remarks(c) {
			heard = append(heard, r.String())
		}
	}
	return fmt.Errorf("at %s nothing was said at %q with %q; heard:\n%s", call, path, parts, strings.Join(heard, "\n"))
}

func holdsAll(text string, parts []string) bool {
	for _, p := range parts {
		if !strings.Contains(text, p) {
			return false
		}
	}
	return true
}

func (w *witness) hear(call, typeName string, all []*tfprotov6.Diagnostic) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range all {
		w.heard = append(w.heard, remark{
			call: call, kind: strings.TrimPrefix(typeName, "gatewayd_"), warning: d.Severity == tfprotov6.DiagnosticSeverityWarning,
			path: specPath(d.Attribute), summary: d.Summary, detail: d.Detail,
		})
	}
}

// specPath writes an attribute's path as spec does.
func specPath(at *tftypes.AttributePath) string {
	if at == nil {
		return ""
	}
	path := ""
	for _, step := range at.Steps() {
		switch s := step.(type) {
		case tftypes.AttributeName:
			if path != "" {
				path += "."
			}
			path += string(s)
		case tftypes.ElementKeyString:
			path += "[" + strconv.Quote(string(s)) + "]"
		case tftypes.ElementKeyInt:
			path += fmt.Sprintf("[%d]", int64(s))
		}
	}
	return path
}

// protocol is everything that the provider's server speaks; what were not named here would be lost to Terraform.
type protocol interface {
	//lint:ignore SA1019 its methods move into ProviderServer one day; until then there is no other name for them
	tfprotov6.ProviderServerWithListResource
	//lint:ignore SA1019 its methods move into ProviderServer one day; until then there is no other name for them
	tfprotov6.ProviderServerWithActions
	//lint:ignore SA1019 its methods move into ProviderServer one day; until then there is no other name for them
	tfprotov6.ProviderServerWithStateStores
}

type observed struct {
	protocol
	witness *witness
}

func (o *observed) ValidateResourceConfig(ctx context.Context, req *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	resp, err := o.protocol.ValidateResourceConfig(ctx, req)
	if err == nil {
		o.witness.hear("validate", req.TypeName, resp.Diagnostics)
	}
	return resp, err
}

func (o *observed) PlanResourceChange(ctx context.Context, req *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	resp, err := o.protocol.PlanResourceChange(ctx, req)
	if err == nil {
		o.witness.hear("plan", req.TypeName, resp.Diagnostics)
	}
	return resp, err
}

func (o *observed) ApplyResourceChange(ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	resp, err := o.protocol.ApplyResourceChange(ctx, req)
	if err == nil {
		o.witness.hear("apply", req.TypeName, resp.Diagnostics)
	}
	return resp, err
}

func (o *observed) ReadResource(ctx context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	resp, err := o.protocol.ReadResource(ctx, req)
	if err == nil {
		o.witness.hear("read", req.TypeName, resp.Diagnostics)
	}
	return resp, err
}

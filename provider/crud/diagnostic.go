package crud

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// Every diagnostic has one form. Its summary says what did not work, `Unable to create pool "web"`; its detail begins
// with the path, since Terraform before 1.15 shows only the resource, then says why and what to do.

// unable is the summary of a failed operation.
func unable(verb string, k *spec.Kind, name string) string {
	return fmt.Sprintf("Unable to %s %s %q", verb, k, name)
}

// invalid is the diagnostic of a problem that the provider found by itself.
func invalid(k *spec.Kind, p spec.Problem) diag.Diagnostic {
	summary := "Invalid value for " + attributeText(k, p.Path)
	if p.Path == "" {
		summary = "Invalid " + k.Name
	}
	return onAttribute(k, p, diag.NewErrorDiagnostic(summary, sentence(k, p)))
}

// warning is the diagnostic of something to know about an object that stands.
func warning(k *spec.Kind, object string, p spec.Problem) diag.Diagnostic {
	return onAttribute(k, p, diag.NewWarningDiagnostic(fmt.Sprintf("Mind %s %q", k, object), sentence(k, p)))
}

// sentence is a problem for a reader who sees no path.
func sentence(k *spec.Kind, p spec.Problem) string {
	subject := attributeText(k, p.Path)
	if subject == "" {
		subject = "The " + k.Name
	}
	return subject + " " + strings.TrimSuffix(p.Message, ".") + "."
}

// onAttribute puts a diagnostic on the attribute that the problem's path leads to.
func onAttribute(k *spec.Kind, p spec.Problem, d diag.Diagnostic) diag.Diagnostic {
	at := attributePath(k, p.Path)
	if at.Equal(path.Empty()) {
		return d
	}
	return diag.WithPath(at, d)
}

// notKnown is the diagnostic of a call that needs the gateway before its address is known.
func notKnown(summary string) diag.Diagnostic {
	return diag.NewErrorDiagnostic(summary,
		"The configuration of the provider rests on values that are known only after apply, so the gateway cannot be asked yet. "+
			"Apply what the endpoints and the token come from first, with terraform apply -target=..., or give them as values that are known at plan.")
}

// Failed are the diagnostics of a call that the gateway refused, or that did not reach it. k is nil where the call was
// about no object.
func (g *Gateway) Failed(k *spec.Kind, summary string, err error) diag.Diagnostics {
	refusal, ok := errors.AsType[*api.Error](err)
	if !ok {
		return diag.Diagnostics{diag.NewErrorDiagnostic(summary, capital(err.Error())+".")}
	}
	var all diag.Diagnostics
	if k == nil || len(refusal.Problems) == 0 {
		all.AddError(summary, paragraphs(reason(refusal), problemLines(refusal.Problems), advice(refusal)))
		return all
	}
	for _, p := range refusal.Problems {
		all.Append(onAttribute(k, p, diag.NewErrorDiagnostic(summary, paragraphs(sentence(k, p), g.origin(k, p, refusal)))))
	}
	return all
}

// reason is what the gateway said.
func reason(e *api.Error) string {
	if e.Detail == "" {
		return fmt.Sprintf("%s (status %d).", e.Title, e.Status)
	}
	return fmt.Sprintf("%s: %s.", e.Title, strings.TrimSuffix(e.Detail, "."))
}

func problemLines(ps spec.Problems) string {
	var lines []string
	for _, p := range ps {
		lines = append(lines, "  "+p.String())
	}
	return strings.Join(lines, "\n")
}

// advice is what to do about a refusal that is not about the object's own fields.
func advice(e *api.Error) string {
	switch e.Reason() {
	case api.Unauthorized:
		return "Give the provider a token that the gateway knows: token, token_file, GATEWAYD_TOKEN or GATEWAYD_TOKEN_FILE. " +
			"The first start of gatewayd writes one to admin.token in its data directory."
	case api.Forbidden, api.Misdirected, api.UnknownPath, api.Unspecified:
		return "Check the provider's endpoints: they are base URLs of the admin API, such as http://127.0.0.1:9180."
	}
	return ""
}

// origin names both versions where they differ and the gateway refuses a value that the provider let pass: the one may
// know a rule that the other does not. What a reference leads to is no matter of versions.
func (g *Gateway) origin(k *spec.Kind, p spec.Problem, e *api.Error) string {
	if e.Reason() != api.Invalid || e.Version == "" || e.Version == g.version || isReference(k.Fields(), p.Path) {
		return ""
	}
	return fmt.Sprintf("The gateway runs gatewayd %s, the provider is of version %s.", e.Version, g.version)
}

// isReference says whether the path leads to the name of another object.
func isReference(fields []spec.Field, path string) bool {
	f := fieldAt(fields, path)
	return f != nil && f.Ref != ""
}

// fieldAt is the field that a path leads to, or to an element of; nil where there is none.
func fieldAt(fields []spec.Field, path string) *spec.Field {
	steps, err := spec.Steps(path)
	if err != nil {
		return nil
	}
	var last *spec.Field
	for _, s := range steps {
		if name, ok := s.(string); ok {
			if last = fieldNamed(fields, name); last == nil {
				return nil
			}
			fields = last.Fields
		}
	}
	return last
}

// capital makes an error the sentence of a diagnostic.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func paragraphs(parts ...string) string {
	var full []string
	for _, p := range parts {
		if p != "" {
			full = append(full, p)
		}
	}
	return strings.Join(full, "\n\n")
}

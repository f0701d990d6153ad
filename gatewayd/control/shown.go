package control

import (
	"fmt"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// showing are the listeners that show a certificate.
func showing(set *spec.Set, e *spec.Entry) []object {
	if e.Kind != spec.Certificates {
		return nil
	}
	var listeners []object
	for _, h := range set.Holders(e.Kind, e.Name()) {
		if h.Kind == spec.Listeners && !h.Retired {
			listeners = append(listeners, object{h.Kind, h.Name()})
		}
	}
	return listeners
}

// shown is what a certificate leaves amiss with the listeners that show it. It is a condition of theirs, because it may be
// mended there as well; whoever writes the certificate alone would not be told.
func shown(set *spec.Set, conditions map[object][]spec.Problem, e *spec.Entry) []spec.Problem {
	var found []spec.Problem
	for _, l := range showing(set, e) {
		for _, p := range conditions[l] {
			if p.Path == "certificates" || p.Path == "tls.cipher_suites" {
				found = append(found, spec.Problem{
					Path: "certificate_pem", Message: fmt.Sprintf("leaves something amiss with %s %q: its %s %s", l.kind, l.name, p.Path, p.Message),
				})
			}
		}
	}
	return found
}

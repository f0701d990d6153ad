package crud

import (
	"fmt"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A Gateway is what a configured provider hands to its resources and data sources. Terraform calls them from many
// goroutines at once. One lives as long as one run of the provider: a plan, or an apply.
type Gateway struct {
	client  *client.Client
	version string
	waits   bool // for what a write took out to end

	mu      sync.Mutex
	planned map[name]planned // what this run planned and did not write yet. Owned by mu.
	blind   bool             // dry runs are not worth a try any more. Owned by mu.
}

// A planned is an object as it will be, and the change that makes it so. The object is nil where some of it is unknown.
type planned struct {
	object spec.Object
	change api.Change
}

// A name finds an object among all kinds.
type name struct {
	kind *spec.Kind
	text string
}

// NewGateway makes a Gateway. c is nil where the configuration of the provider is not known yet, as in a plan that
// creates the gateway's machine too: planning works, calls are errors. version is the provider's. waits says that a write
// which takes something out returns when nothing of it is open any more.
func NewGateway(c *client.Client, version string, waits bool) *Gateway {
	return &Gateway{client: c, version: version, waits: waits, planned: map[name]planned{}}
}

// GatewayOf is what a provider handed to its resources; nil where there is none, as at validate.
func GatewayOf(data any, diags *diag.Diagnostics) *Gateway {
	if data == nil {
		return nil
	}
	g, ok := data.(*Gateway)
	if !ok {
		diags.AddError("Unexpected provider data", fmt.Sprintf("The provider handed over a %T. This is a mistake in the provider; please report it.", data))
	}
	return g
}

// Reach is the client of the gateway; nil, with an error, where there is none yet.
func (g *Gateway) Reach(summary string, diags *diag.Diagnostics) *client.Client {
	if g == nil || g.client == nil {
		diags.Append(notKnown(summary))
		return nil
	}
	return g.client
}

// remember notes what the run plans under a name.
func (g *Gateway) remember(k *spec.Kind, as string, p planned) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.planned[name{k, as}] = p
}

// supports lists the planned changes of the objects that o names, and of those that they name, so that none stands
// before what it names. complete is false where one of them is not known in full.
func (g *Gateway) supports(o spec.Object) (changes []api.Change, complete bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	complete = true
	seen := map[name]bool{{spec.KindOf(o), o.Key()}: true}
	var visit func(spec.Object)
	visit = func(o spec.Object) {
		for _, r := range spec.Refs(o) {
			at := name{r.Kind, r.Name}
			p, ok := g.planned[at]
			if !ok || seen[at] {
				continue
			}
			seen[at] = true
			if p.object == nil {
				complete = false
				continue
			}
			visit(p.object)
			// Where it stands is imagined, whatever was there.
			p.change.IfMatch, p.change.IfNoneMatch = 0, false
			changes = append(changes, p.change)
		}
	}
	visit(o)
	return changes, complete
}

// exchange lists the renames by which objects of a kind go round in a circle, where the one from a name to another would
// close it: `"a" becomes "b"`. It is nil where there is none. No order of writes leads round: every name is taken.
func (g *Gateway) exchange(k *spec.Kind, from, to string) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	renames := []string{becomes(from, to)}
	for at := from; len(renames) <= len(g.planned); {
		p := g.planned[name{k, at}]
		if p.object == nil || p.change.IfNoneMatch || p.change.Name == at {
			return nil
		}
		renames = append(renames, becomes(p.change.Name, at))
		if at = p.change.Name; at == to {
			return renames
		}
	}
	return nil
}

func becomes(from, to string) string { return fmt.Sprintf("%q becomes %q", from, to) }

// sees says whether dry runs are worth a try.
func (g *Gateway) sees() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.client != nil && !g.blind
}

// turnBlind ends dry runs for this run: because a gateway that does not answer would cost every object the client's
// retries, or because the run applies a plan, and what was planned begins to be true.
func (g *Gateway) turnBlind() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.blind = true
}

package control

import "github.com/gatewayd/terraform-provider-gatewayd/internal/spec"

// Why a configuration was published.
const (
	Applied = "applied" // it was written by Apply
	Loaded  = "loaded"  // the store held it
	Retried = "retried" // it is the one that served, of which more or less can be served by now
)

// A Witness is told of every configuration that has come to serve, in their order. It is told by the writer, which must
// not be kept waiting.
type Witness interface {
	// Published is called once the set serves and is what Controller.Set returns; was is nil at the start.
	Published(what string, was, is *spec.Set)
}

func (c *Controller) tell(what string, was, is *spec.Set) {
	if c.witness != nil {
		c.witness.Published(what, was, is)
	}
}

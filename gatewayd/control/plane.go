package control

import "github.com/gatewayd/terraform-provider-gatewayd/internal/spec"

// A Plane is the data plane: what serves a configuration.
type Plane interface {
	// Prepare compiles next and binds the sockets that it adds. It is called by one goroutine, and each Prepared is
	// published or discarded before the next is made.
	//
	// A nil Prepared is a refusal: the problems say which objects cannot be served, and nothing is left behind. With a
	// Prepared they are the conditions of the whole set: what is served otherwise than written (ties, shadowed rules),
	// and, with lenient (boot, a configuration of others, retries), what is not served at all, such as a listener whose
	// port is taken. A lenient Prepare always returns a Prepared.
	//
	// Objects may name objects that are missing, and be such that spec.Check would refuse them.
	Prepare(next *spec.Set, lenient bool) (Prepared, []ObjectProblem)

	// Inspect returns the conditions that next would have, as far as they can be known without binding anything, and what
	// next would end of what is open. It may be called at any time, also while a Prepare runs.
	Inspect(next *spec.Set) []ObjectProblem
}

// A Prepared is a configuration that is ready to serve.
type Prepared interface {
	// Publish makes it serve: it is live on every loop when Publish returns. What is gone begins to drain.
	Publish()
	// Discard drops it, with the sockets that it bound.
	Discard()
}

// An ObjectProblem is a problem of one object of a set.
type ObjectProblem struct {
	Kind *spec.Kind
	Name string
	spec.Problem
	// Transient says that the same set may do without the problem later, as when a port becomes free. The controller
	// prepares again from time to time as long as there is such a condition, and publishes where the conditions then
	// differ in more than their messages.
	Transient bool
}

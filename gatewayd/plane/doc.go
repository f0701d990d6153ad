// Package plane is the data plane as one thing: event loops with a proxy worker each, listening sockets, the registry of
// backends, the groups that pick among them, the prober, and the routing table that all of them serve.
//
// It turns a configuration into what serves it (Prepare, Publish) and tells how it is doing (Health, Activity). It
// decides nothing about who may write what, keeps nothing on disk and parses no HTTP. gatewayd/control drives it through
// control.Plane; gatewayd/daemon starts and stops it. It is the only package that knows the whole data path.
package plane

// Package table turns a configuration into routes, and finds the route of a request.
//
// A Table is a pure function of a spec.Set: immutable, without goroutines, sockets or clocks. What lives longer than a
// configuration, the groups that balance over backends, is handed in by the Living interface and only pointed to.
// Matching by host and path costs the same among ten thousand rules as among ten. Rules that ask for
// more than that, such as a method, are tried one after the other where host and path fit, the best first. Neither
// allocates.
//
// gatewayd/plane compiles a Table for each revision and publishes it by one pointer; gatewayd/proxy loads that pointer
// once a request. A Route may be kept by a request or tunnel as long as it lives: it holds no Table.
package table

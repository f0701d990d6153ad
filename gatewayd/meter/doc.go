// Package meter counts what the data path does, by what it belongs to: the requests and tunnels of a rule, what upstream
// connections of a pool under a setting take, the tunnels to a target.
//
// Each loop has counters of its own, which no other loop writes: they are atomic so that anybody may read them at any
// time, without asking the loop. Those of a target alone are of all loops. A meter belongs to hidden ids and so survives
// every change of a configuration, renames included. gatewayd/table points to it from a route and gatewayd/backend from a
// health, gatewayd/proxy, gatewayd/tunnel and gatewayd/health count in it, and gatewayd/metrics shows it under the names
// that hold when it is asked. A [Registry] finds the meter of ids; a meter that no table, backend, request or tunnel holds
// any more is gone, with its figures.
package meter

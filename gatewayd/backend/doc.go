// Package backend is the living side of targets: what is open on each of them, and how healthy each of them is.
//
// A Backend outlives every configuration that names it, because it is keyed by the pool's hidden id, the address and
// the port, and not by a name or by a place in a routing table. Health belongs to a backend and a setting together,
// since the setting names the probe: probes turn its verdict, and requests that fail in a row eject the backend for a
// while. The Registry holds both, and forgets them some minutes after a configuration named them last, when nothing is
// open on them.
//
// The package opens no connection and knows no rule and no routing table. gatewayd/health reports to it,
// gatewayd/balance chooses by it, gatewayd/proxy counts on it, gatewayd/plane owns the Registry.
package backend

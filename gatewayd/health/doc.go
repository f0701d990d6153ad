// Package health finds out which backends can be trusted with requests, by asking each of them again and again with an
// HTTP GET, and records what it saw in backend.Health, where thresholds decide.
//
// All probes run on one event loop of their own, beside those of the data path: a target is a timer and, while it is
// probed, a small state machine over a connection, which is kept for the next probe where that comes soon. Those who
// follow a verdict are told by a goroutine of their own, so that neither they nor a slow log hold up a probe. The package
// does not know routing tables or who wants what: gatewayd/plane hands it the whole list of targets after each change of
// the configuration.
package health

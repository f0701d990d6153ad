// Package health finds out which backends can be trusted with requests, by asking each of them again and again with an
// HTTP GET, and reports what it saw to backend.Health, where thresholds decide.
//
// Probes are ordinary net/http clients with a connection of their own each, far from the event loops. The package does
// not know routing tables, loops or who wants what: gatewayd/plane hands it the whole list of targets after each change
// of the configuration.
package health

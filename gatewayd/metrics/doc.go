// Package metrics shows what a gateway counts in the form of Prometheus.
//
// Nothing is kept here: each scrape walks the figures of gatewayd/plane and writes them under the names that objects have
// then. So a series goes away with its object, and follows a rename. Labels are names of configured objects and words of
// ours, never a host, a path or an address, and how many there may be is bounded: what is left out is said in a metric.
package metrics

// Package balance picks a backend for a request or WebSocket among the members of a pool, one file an algorithm.
//
// It decides by weight, health, what is open and what the request wants, and counts what it picked at the backend. It
// opens no connection and knows no routing table. gatewayd/proxy picks, gatewayd/plane sets members when a configuration
// is published, and health changes reach it through backend.Health.
package balance

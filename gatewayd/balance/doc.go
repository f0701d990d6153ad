// Package balance picks a backend for a request or WebSocket among the members of a pool, one file an algorithm.
//
// It decides by weight and health alone: it opens no connection, counts nothing and knows no routing table.
// gatewayd/proxy picks, gatewayd/plane sets members when a configuration is published, and health changes reach it
// through backend.Health.
package balance

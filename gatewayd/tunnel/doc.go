// Package tunnel relays open WebSockets: two streams of one loop whose bytes pass through untouched, both ways, with
// back-pressure and half-close. It follows frame headers so that a tunnel whose listener, rule or backend is
// gone, or whose backend turned unhealthy, ends politely: with a Close between two frames, before the time is up.
//
// It knows no handshake, no routing table and no configuration: gatewayd/proxy finishes both handshakes, makes the
// [Terms] and calls [Set.Start]. A tunnel belongs to its objects by their hidden ids alone, so a change of anything
// else does not reach it. All of it belongs to one loop and takes no lock.
package tunnel

// Package http1 is HTTP/1.1 as state machines over bytes: where a message head ends, what a request or response
// head says, where a body ends, and the few lines a gateway writes itself.
//
// It is strict by RFC 9110 and RFC 9112: whatever two parsers could read differently is refused with a [Reason],
// because a gateway and its backends that disagree on one byte are a way past every rule of the gateway.
//
// It opens no socket, starts no goroutine, reads no clock and allocates nothing in steady state. It does not decide
// what is forwarded or where to: gatewayd/proxy drives it, gatewayd/ws follows what comes after a 101.
// Nothing here may be used by two goroutines at once, but the tables behind it are read only.
package http1

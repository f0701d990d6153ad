// Package gatewaytest holds the real things that tests and the demo put around a gateway: backends that echo HTTP and
// WebSocket, backends that misbehave on the wire, and a WebSocket client; and whole gateways in the process of the test.
//
// Nothing here pretends: every backend listens on a TCP socket, and the echo is gorilla/websocket, which others run too.
// Failures are switched on by the caller or chosen by the request's path, never by chance. Tests of the data path, the
// acceptance tests and the demo call it; the product never does.
package gatewaytest

// Package ws follows WebSocket frames (RFC 6455) in a stream of bytes that pass through untouched: where one frame
// ends and the next begins, so that the gateway can place a Close of its own between two frames.
//
// It never reads, copies or unmasks a payload, keeps no bytes and knows no extensions or handshakes, and of messages only
// where they end.
// gatewayd/tunnel calls it, one Follower for each direction of a tunnel.
package ws

// Package handshake makes TLS connections of the connections of a loop. A handshake computes for most of a millisecond, so
// it runs on a goroutine of its own, by crypto/tls; the records behind it are opened and sealed on the loop, by the same
// crypto/tls connection as a [loop.Layer].
//
// A connection that is silent costs its memory and a timer: no goroutine begins before a whole ClientHello is here. Only
// so many handshakes compute at once as the process has processors for beside its loops, and one that waits for its peer
// lets others compute.
package handshake

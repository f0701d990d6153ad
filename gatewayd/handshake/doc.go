// Package handshake makes TLS connections of the connections of a loop, by crypto/tls; the records behind a handshake are
// opened and sealed on the loop, by the same crypto/tls connection as a [loop.Layer].
//
// A handshake is a coroutine, which stops where it wants bytes of its peer. The loop runs it, a few in a turn, as long as it
// computes no longer than other work of a turn may take. What takes longer, as signatures by RSA and whatever a peer's
// certificate asks for, computes beside the loop, on a goroutine that holds one of a few slots while it does.
//
// A connection that is silent costs its memory and a timer: nothing begins before a whole ClientHello is here.
package handshake

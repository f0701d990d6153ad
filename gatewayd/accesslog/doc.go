// Package accesslog writes a line of JSON for each request, and two for each WebSocket, without holding up who serves
// them.
//
// A loop encodes its lines into blocks of a [Sink] of its own. Full blocks, and those that are a little old, go to one
// goroutine of the [Log], which alone touches the file. There is a bounded number of blocks: lines that find none are
// dropped and counted, because a slow disk must not become a slow gateway. The package knows nothing of HTTP but what may
// not be shown of it: gatewayd/proxy says what is in a line.
package accesslog

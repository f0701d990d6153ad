// Package loop moves bytes: event loops, each on its own locked thread, that own their connections outright.
//
// A [Loop] polls its sockets edge-triggered, reads into one shared buffer and writes directly; what the kernel does
// not take waits in pooled buffers. It knows sockets, timers, back-pressure, splicing and polite ends, and nothing
// about HTTP, TLS or configuration. The proxy and the tunnels are its callers: they implement [Handler] and talk to
// a [Stream]. Whatever may block (names, handshakes, files) never runs on a loop.
//
// Everything but Post, Stop and Stats belongs to the loop's own goroutine and takes no lock.
package loop

// Package proxy carries one HTTP exchange on an event loop: it reads a request from a client, finds its route, picks a
// backend, forwards head and body as the bytes arrive, and passes the answer back; a WebSocket handshake that succeeds
// becomes a tunnel of gatewayd/tunnel.
//
// A [Worker] is the proxy of one loop. The exchange itself knows neither HTTP/1.1 connections nor sockets of clients:
// it talks to a downstream, which an HTTP/1.1 connection is and an HTTP/2 stream can be. What was matched is kept as a
// *table.Route, never as a table, so that no exchange holds a configuration.
//
// gatewayd/plane makes the workers, hands them connections and tells them what is gone. The package opens no listening
// socket, reads no configuration and takes no lock: everything but the table's pointer and the counts of a
// backend and its health belongs to the loop.
package proxy

// Package listen owns the listening sockets: one group of SO_REUSEPORT sockets for each address and port, spread over
// the loops, which accept on their own sockets without a lock. Where the system does not spread connections over such
// sockets (macOS, FreeBSD) a group is one socket that all loops poll.
//
// It finds taken ports, holds sockets that are bound but not served yet, and closes a group without resetting what is
// queued on it. It knows nothing of listeners, routes or HTTP: gatewayd/plane binds and closes, and hands accepted connections
// to the proxy through a function given to [New].
package listen

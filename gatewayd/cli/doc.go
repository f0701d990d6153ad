// Package cli is the command line of gatewayd: serve starts the daemon, the other commands talk to a running one through
// its admin API. It knows flags, environment variables and how to print; what the commands do is done elsewhere. Only
// main calls it.
package cli

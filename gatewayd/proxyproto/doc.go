// Package proxyproto writes and reads the header by which whoever passes a connection on tells where it came from: the
// PROXY protocol, versions 1 and 2 (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt).
//
// The package is pure: bytes in, bytes out.
package proxyproto

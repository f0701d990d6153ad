// Package dnstest is a DNS server for tests: a real one, on a UDP and a TCP port of 127.0.0.1, that says what the test
// has it say and misbehaves where the test wants it to.
//
// It knows nothing of the product, so that the tests of every package can have it.
package dnstest

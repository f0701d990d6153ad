// Package secure says what the TLS connections of a gateway agree on: which certificate is shown, by which versions and
// cipher suites, and how a client takes up an earlier session. It makes configurations of crypto/tls and runs none.
package secure

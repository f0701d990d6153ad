// Package client is the admin API as typed Go calls, generic over the kinds of internal/spec. The Terraform provider
// and the gatewayd command line use it.
//
// It knows the wire (internal/api) and the vocabulary (internal/spec), nothing of how a gateway works and nothing of
// Terraform. It logs nothing unless it is given a logger, and never a token or a body.
//
// What is safe to repeat is repeated, on the next endpoint where there are several: reads, dry runs, and writes, which
// all carry an idempotency key. A gatewayd that has seen the key gives its first answer again, so an answer that was
// lost on the way loses nothing.
package client

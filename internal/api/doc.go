// Package api is the wire of the admin API: paths, header names, the shapes of bodies, and the one table between
// reasons and HTTP statuses, read by both sides so that they cannot drift apart. An error crosses the wire and is the
// same error.
//
// It speaks no HTTP itself: gatewayd/admin serves it, internal/client calls it. It knows nothing of either, nor of
// Terraform.
package api

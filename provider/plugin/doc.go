// Package plugin is the Terraform provider gatewayd: its configuration, its list of resources and data sources, and the
// views of a gateway that are no objects, health and status.
//
// What a resource does is in provider/crud, what it consists of in internal/spec, so that a new kind appears here by
// itself. It is served by the main package above and driven in this process by tests; it never imports the gateway.
package plugin

package plugin

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
)

// newStatus is gatewayd_status.
func newStatus() datasource.DataSource {
	version, revision := text("Version of gatewayd."), number("Revision of the configuration: the number of its last commit.")
	started := text("When it began to run, RFC 3339 in UTC.")
	kind, name := text("Kind of the object."), text("Name of the object.")
	condition := map[string]schema.Attribute{
		"kind": kind, "name": name,
		"path":    text("The field that it is about. Empty means the object as a whole."),
		"message": text("What there is to know."),
	}
	return &view{
		name: "status",
		schema: schema.Schema{
			MarkdownDescription: "Reads the state of the gateway as a whole.",
			Attributes: map[string]schema.Attribute{
				"version": version, "revision": revision, "started": started,
				"nodes": listOf("The gateways that share the configuration.", map[string]schema.Attribute{
					"name": text("Name of the node."), "version": version, "revision": revision, "started": started,
				}),
				"activity": schema.SingleNestedAttribute{Computed: true, MarkdownDescription: "What the gateway that answers is doing.", Attributes: map[string]schema.Attribute{
					"loops":       number("Event loops."),
					"connections": number("Connections of clients."),
					"requests":    number("Requests in flight."),
					"tunnels":     number("Open WebSockets."),
				}},
				"objects":    schema.MapAttribute{ElementType: types.Int64Type, Computed: true, MarkdownDescription: "How many objects there are, by collection."},
				"conditions": listOf("Objects that are not served as they are written: a listener whose port is taken, one of two rules that tie, a rule that another one shadows.", condition),
				"retired": listOf("Objects that were deleted and still serve those that name them.", map[string]schema.Attribute{
					"kind": kind, "name": name,
					"id":      text("The gateway's own id of the object."),
					"holders": listOf("The objects that still name it.", map[string]schema.Attribute{"kind": kind, "name": name}),
				}),
			},
		},
		read: func(ctx context.Context, c *client.Client) (any, error) { return c.Status(ctx) },
	}
}

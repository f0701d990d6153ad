package plugin

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
)

// newHealth is gatewayd_health.
func newHealth() datasource.DataSource {
	target := map[string]schema.Attribute{
		"address":    text("IP address of the target, or `unix:` and the path of its socket."),
		"port":       number("TCP port that requests go to. 0 for a Unix socket."),
		"state":      text("`healthy`, `unhealthy` or `unknown`: the verdict of the probes."),
		"reason":     text("Why the last probe failed, in words. Empty after a success."),
		"ejected":    text("Until when the target is out because requests to it failed, RFC 3339 in UTC. Empty where it is not."),
		"since":      text("When the state began, RFC 3339 in UTC. Empty while it is unknown."),
		"last_probe": text("When the last probe ended, RFC 3339 in UTC. Empty before the first."),
		"successes":  number("Successful probes in a row."),
		"failures":   number("Failed probes in a row."),
		"open":       number("Requests and WebSockets in flight to the target, under all settings."),
	}
	name := map[string]schema.Attribute{
		"name":      text("The name."),
		"addresses": schema.ListAttribute{ElementType: types.StringType, Computed: true, MarkdownDescription: "The last good addresses."},
		"reason":    text("Why the last look-up failed, in words. Empty after a success."),
		"since":     text("When the addresses last changed, RFC 3339 in UTC. Empty for never."),
		"next":      text("When they are looked up again, RFC 3339 in UTC."),
	}
	draining := map[string]schema.Attribute{
		"target":   text("The key that it had, as in `targets`."),
		"address":  text("IP address, or `unix:` and the path of a socket."),
		"port":     number("TCP port. 0 for a Unix socket."),
		"open":     number("Requests and WebSockets that are left."),
		"deadline": text("When the last of them ends at the latest, RFC 3339 in UTC. Empty where nothing ends it, as for an address that left the answer to a DNS name."),
		"reason":   text("Why nothing new comes to it, in words."),
	}
	setting := map[string]schema.Attribute{"targets": mapOf("The targets by key: the key in the pool, or `target/` and the name of a `gatewayd_target`. "+
		"Each address of a DNS name has a row of its own, by the key, `@` and the address.", target)}
	pool := map[string]schema.Attribute{
		"settings": mapOf("The settings that rules use with the pool, by name. A setting names the probe, so health is one of a target under a setting.", setting),
		"names":    mapOf("What is known of the targets whose address is a DNS name, by key.", name),
		"draining": listOf("What gets nothing new and still has something open: targets that were removed, and addresses that left the answer to a DNS name.", draining),
	}
	return &view{
		name: "health",
		schema: schema.Schema{
			MarkdownDescription: "Reads the health of every target. Pools that no rule uses are not probed and not listed.",
			Attributes:          map[string]schema.Attribute{"pools": mapOf("The pools by name.", pool)},
		},
		read: func(ctx context.Context, c *client.Client) (any, error) { return c.Health(ctx) },
	}
}

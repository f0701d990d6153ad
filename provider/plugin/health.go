package plugin

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
)

// newHealth is gatewayd_health.
func newHealth() datasource.DataSource {
	target := map[string]schema.Attribute{
		"address":    text("IP address of the target."),
		"port":       number("TCP port that requests go to."),
		"state":      text("`healthy`, `unhealthy` or `unknown`."),
		"reason":     text("Why the last probe failed, in words. Empty after a success."),
		"since":      text("When the state began, RFC 3339 in UTC. Empty while it is unknown."),
		"last_probe": text("When the last probe ended, RFC 3339 in UTC. Empty before the first."),
		"successes":  number("Successful probes in a row."),
		"failures":   number("Failed probes in a row."),
		"open":       number("Requests and WebSockets in flight to the target, under all settings."),
	}
	setting := map[string]schema.Attribute{"targets": mapOf("The targets by their keys in the pool.", target)}
	pool := map[string]schema.Attribute{"settings": mapOf("The settings that rules use with the pool, by name. A setting names the probe, so health is one of a target under a setting.", setting)}
	return &view{
		name: "health",
		schema: schema.Schema{
			MarkdownDescription: "Reads the health of every target. Pools that no rule uses are not probed and not listed.",
			Attributes:          map[string]schema.Attribute{"pools": mapOf("The pools by name.", pool)},
		},
		read: func(ctx context.Context, c *client.Client) (any, error) { return c.Health(ctx) },
	}
}

package daemon

import (
	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// Health implements admin.Views.
func (d *Daemon) Health(pool string) api.Health { return d.plane.Health(pool) }

// Explain implements admin.Views.
func (d *Daemon) Explain(q api.Question) (api.Explanation, spec.Problems) { return d.plane.Explain(q) }

// Drains implements admin.Views.
func (d *Daemon) Drains(revision uint64) (api.Drains, bool) { return d.plane.Drains(revision) }

// Tunnels implements admin.Views.
func (d *Daemon) Tunnels(q api.TunnelQuery) (api.Tunnels, spec.Problems) { return d.plane.Tunnels(q) }

// CloseTunnels implements admin.Views.
func (d *Daemon) CloseTunnels(c *api.TunnelClose, dryRun bool) (api.TunnelsClosed, spec.Problems) {
	return d.plane.CloseTunnels(c, dryRun)
}

// Activity implements admin.Views.
func (d *Daemon) Activity() api.Activity { return d.plane.Activity() }

// Stopping implements admin.Views.
func (d *Daemon) Stopping() bool { return d.stopping.Load() }

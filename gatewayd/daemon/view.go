package daemon

import "github.com/gatewayd/terraform-provider-gatewayd/internal/api"

// Health implements admin.Views.
func (d *Daemon) Health() api.Health { return d.plane.Health() }

// Activity implements admin.Views.
func (d *Daemon) Activity() api.Activity { return d.plane.Activity() }

// Stopping implements admin.Views.
func (d *Daemon) Stopping() bool { return d.stopping.Load() }

package cli

import (
	"context"
	"fmt"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

type closeTunnels struct {
	remote
	selector
	IDs    []string `arg:"" name:"id" optional:"" help:"Ids of WebSockets, as \"gatewayd tunnels\" shows them."`
	All    bool     `env:"-" help:"Every WebSocket of the gateway."`
	Within *string  `env:"-" placeholder:"TIME" help:"Time over which the Closes are spread, so that not all come back at once: 0s to 1h, 10s by default."`
	Code   *int     `env:"-" placeholder:"N" help:"Code of the Closes: 1000, 1001 (going away, the default), 1008, 1012, 1013 or 3000 to 4999."`
	Reason string   `env:"-" placeholder:"TEXT" help:"Text in the Closes, at most 123 bytes."`
	DryRun bool     `env:"-" help:"Say how many it would be, and close none."`
}

// Help is what --help says behind the flags' meaning.
func (*closeTunnels) Help() string {
	return `Flags that select, and ids, select what fits all of them; without any there must be --all. Each client is sent a Close
between two frames, and has some seconds to answer it, as where a WebSocket reaches a limit of its setting. The access log
and the metrics say ended_by "admin".

  gatewayd tunnels close --target target/blue --within 1m --dry-run
  gatewayd tunnels close --rule chat --idle-for 1h --code 4000 --reason "signed out"`
}

// Run ends tunnels.
func (x *closeTunnels) Run(t *terminal) error {
	body := api.TunnelClose{
		TunnelSelector: x.selector.selector(), IDs: x.IDs, All: x.All, Within: (*spec.Duration)(x.Within), Code: x.Code, Reason: x.Reason,
	}
	if ps := body.Check(); len(ps) > 0 {
		return ps
	}
	return x.call(t, func(ctx context.Context, c *client.Client) error {
		closed, err := c.CloseTunnels(ctx, body, x.DryRun)
		if err != nil {
			return err
		}
		if x.JSON {
			return printJSON(t.out, closed)
		}
		_, err = fmt.Fprintln(t.out, closing(&body, closed, x.DryRun))
		return err
	})
}

// closing says what an order to close tunnels does, or would do.
func closing(c *api.TunnelClose, closed *api.TunnelsClosed, dryRun bool) string {
	will := "get"
	switch {
	case dryRun:
		will = "would get"
	case closed.Ends == 1:
		will = "gets"
	}
	text := fmt.Sprintf("%d %s %s a Close (%d) within %s", closed.Ends, plural(closed.Ends, "WebSocket"), will, c.Status(), spec.Brief(c.Spread()))
	if closed.Ending > 0 {
		are := "are"
		if closed.Ending == 1 {
			are = "is"
		}
		text += fmt.Sprintf("; %d more %s to end already, at most earlier by this", closed.Ending, are)
	}
	return text
}

func plural(n int64, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

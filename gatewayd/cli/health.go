package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
)

type health struct {
	remote
	Pool string `arg:"" optional:"" help:"Name of a pool: show it alone, with the last results of its probes."`
}

// Run prints a line a target, then what is known of DNS names and what is on its way out.
func (h *health) Run(t *terminal) error {
	return h.call(t, func(ctx context.Context, c *client.Client) error {
		v, err := h.read(ctx, c)
		if err != nil {
			return err
		}
		if h.JSON {
			return printJSON(t.out, v)
		}
		w := aligned(t.out)
		for _, print := range []func(io.Writer, *api.Health){h.targets, printNames, printDraining} {
			print(w, v)
		}
		return w.Flush()
	})
}

func (h *health) read(ctx context.Context, c *client.Client) (*api.Health, error) {
	if h.Pool != "" {
		return c.PoolHealth(ctx, h.Pool)
	}
	return c.Health(ctx)
}

func (h *health) targets(w io.Writer, v *api.Health) {
	last := ""
	if h.Pool != "" {
		last = "LAST RESULTS\t"
	}
	fmt.Fprintf(w, "POOL\tSETTING\tTARGET\tADDRESS\tSTATE\tOPEN\tSINCE\t%sREASON\n", last)
	for _, pool := range slices.Sorted(maps.Keys(v.Pools)) {
		settings := v.Pools[pool].Settings
		for _, setting := range slices.Sorted(maps.Keys(settings)) {
			targets := settings[setting].Targets
			for _, key := range slices.Sorted(maps.Keys(targets)) {
				x := targets[key]
				if h.Pool != "" {
					last = results(x.Results) + "\t"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s%s\n", pool, setting, key, place(x.Address, x.Port),
					state(x), x.Open, cmp.Or(x.Since, "-"), last, printable(cmp.Or(x.Reason, "-")))
			}
		}
	}
}

// state is the verdict of the probes, and beside it what requests found.
func state(x api.TargetHealth) string {
	if x.Ejected != "" {
		return x.State + ", ejected until " + x.Ejected
	}
	return x.State
}

// results is a character for each probe, the oldest first: a dot for a success.
func results(list []api.ProbeResult) string {
	if len(list) == 0 {
		return "-"
	}
	var b strings.Builder
	for _, r := range list {
		if r.OK {
			b.WriteByte('.')
		} else {
			b.WriteByte('x')
		}
	}
	return b.String()
}

// printable is a text without what a terminal would take for an order, or a table for a cell.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// place is where a target is. The path of a Unix socket may have anything in it.
func place(address string, port int) string {
	if port == 0 {
		return printable(address)
	}
	return fmt.Sprintf("%s port %d", address, port)
}

func printNames(w io.Writer, v *api.Health) {
	for _, pool := range slices.Sorted(maps.Keys(v.Pools)) {
		names := v.Pools[pool].Names
		for _, key := range slices.Sorted(maps.Keys(names)) {
			n := names[key]
			text := cmp.Or(strings.Join(n.Addresses, ", "), "no address")
			if n.Reason != "" {
				text += "; " + printable(n.Reason)
			}
			fmt.Fprintf(w, "name\t%s\t%s\t%s: %s\n", pool, key, n.Name, text)
		}
	}
}

func printDraining(w io.Writer, v *api.Health) {
	for _, pool := range slices.Sorted(maps.Keys(v.Pools)) {
		for _, d := range v.Pools[pool].Draining {
			until := ""
			if d.Deadline != "" {
				until = " until " + d.Deadline
			}
			fmt.Fprintf(w, "draining\t%s\t%s\t%s: %d left%s; %s\n", pool, d.Target, place(d.Address, d.Port), d.Open, until, d.Reason)
		}
	}
}

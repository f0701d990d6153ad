package cli

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

type tunnels struct {
	List  listTunnels  `cmd:"" default:"withargs" help:"Show the open WebSockets, each with what it belongs to, its client and what passes."`
	Close closeTunnels `cmd:"" help:"End open WebSockets politely."`
}

// Help is what --help says behind the commands.
func (*tunnels) Help() string {
	return `Without a command they are listed, with the flags of "gatewayd tunnels list --help".`
}

// A selector is the flags that say which tunnels are meant. The environment says nothing of it: what is forgotten there
// would make the next command mean others.
type selector struct {
	Listener  *string `env:"-" placeholder:"NAME" help:"Those of a listener."`
	Rule      *string `env:"-" placeholder:"NAME" help:"Those of a rule. The last name of one that is gone finds what is left of it."`
	Pool      *string `env:"-" placeholder:"NAME" help:"Those to a pool."`
	Target    *string `env:"-" placeholder:"KEY" help:"Those to a target, by its key as \"gatewayd health\" shows it: target/NAME is one of its own."`
	Client    *string `env:"-" placeholder:"IP" help:"Those of a client, or of a range such as 192.0.2.0/24."`
	IdleFor   *string `env:"-" placeholder:"TIME" help:"Those on which nothing has passed for so long at least, such as 5m."`
	OlderThan *string `env:"-" placeholder:"TIME" help:"Those that have been open for so long at least."`
	Draining  *bool   `env:"-" negatable:"" help:"Those that are on their way out, or with --no-draining those that are not."`
}

func (s *selector) selector() api.TunnelSelector {
	return api.TunnelSelector{
		Listener: s.Listener, Rule: s.Rule, Pool: s.Pool, Target: s.Target, Client: s.Client,
		IdleFor: (*spec.Duration)(s.IdleFor), OlderThan: (*spec.Duration)(s.OlderThan), Draining: s.Draining,
	}
}

type listTunnels struct {
	remote
	selector
	Sort     string        `env:"-" placeholder:"ORDER" help:"Which stand first: oldest (the default), newest, active (by the last byte) or busiest: by the bytes since the beginning, or with --watch, where it is the default, by those a second."`
	Limit    int           `env:"-" default:"100" placeholder:"N" help:"How many are shown, ${default} by default; on a terminal --watch shows what fits."`
	Watch    bool          `env:"-" short:"w" help:"Look again and again, until interrupted: in place on a terminal, else block by block."`
	Interval time.Duration `env:"-" default:"1s" placeholder:"TIME" help:"How often --watch looks, ${default} by default."`
}

// Help is what --help says behind the flags' meaning.
func (*listTunnels) Help() string {
	return `Flags that select select what fits all of them. Columns: RECEIVED and SENT are bytes from and to the client, MESSAGES
the whole messages of both, IDLE is how long ago the last byte passed, and STATE is "open", or what ends the WebSocket and in
what time. Names are those of now; "(gone)" is behind the last name of what was deleted. With --watch a terminal that is too
narrow has fewer columns, the state at last.

  gatewayd tunnels --rule chat --idle-for 10m
  gatewayd tunnels --target target/blue --watch`
}

// Run prints a line a tunnel.
func (x *listTunnels) Run(t *terminal) error {
	if x.Limit < 1 {
		return fmt.Errorf("--limit must be at least 1, not %d", x.Limit)
	}
	return x.call(t, func(ctx context.Context, c *client.Client) error {
		if x.Watch {
			return x.watch(ctx, t, c)
		}
		v, err := readTunnels(ctx, c, api.TunnelQuery{TunnelSelector: x.selector.selector(), Sort: x.Sort, Limit: x.Limit})
		if err != nil {
			return err
		}
		if x.JSON {
			return printJSON(t.out, v)
		}
		if err := gridOf(v, nil).print(t.out); err != nil {
			return err
		}
		_, err = fmt.Fprintln(t.out, summary(v))
		return err
	})
}

// readTunnels reads as many tunnels as the query's limit, a page at a time.
func readTunnels(ctx context.Context, c *client.Client, q api.TunnelQuery) (*api.Tunnels, error) {
	limit := q.Limit
	var all *api.Tunnels
	for {
		q.Limit = limit
		if all != nil {
			q.Limit -= len(all.Tunnels)
		}
		q.Limit = min(q.Limit, api.MaxPage)
		page, err := c.Tunnels(ctx, q)
		if err != nil {
			return nil, err
		}
		if all == nil {
			all = page
		} else {
			all.Tunnels, all.Next = append(all.Tunnels, page.Tunnels...), page.Next
		}
		if page.Next == "" || page.Next == q.Next || len(page.Tunnels) == 0 || len(all.Tunnels) >= limit {
			return all, nil
		}
		q.Next = page.Next
	}
}

// summary says how many there are of those that are shown.
func summary(v *api.Tunnels) string {
	return fmt.Sprintf("%d open, %d selected, %d shown", v.Open, v.Selected, len(v.Tunnels))
}

// gridOf is the table of tunnels; with rates there are three columns more.
func gridOf(v *api.Tunnels, rates map[string]rate) *grid {
	g := &grid{heads: []string{"ID", "LISTENER", "RULE", "TARGET", "CLIENT", "AGE", "RECEIVED", "SENT", "MESSAGES"}}
	if rates != nil {
		g.heads = append(g.heads, rateHeads...)
	}
	g.heads = append(g.heads, "IDLE", "STATE")
	now := parseTime(v.Now)
	for i := range v.Tunnels {
		x := &v.Tunnels[i]
		row := []string{
			x.ID, named(x, spec.Listeners, x.Listener), named(x, spec.Rules, x.Rule), named(x, spec.Targets, cmp.Or(x.Target, place(x.Address, x.Port))), clientOf(x),
			since(now, x.Opened), bytesOf(x.ReceivedBytes), bytesOf(x.SentBytes), fmt.Sprintf("%d / %d", x.ReceivedMessages, x.SentMessages),
		}
		if rates != nil {
			row = append(row, rates[x.ID].cells()...)
		}
		g.rows = append(g.rows, append(row, since(now, x.LastActivity), tunnelState(now, x)))
	}
	return g
}

// named is the name of what a tunnel belongs to, and whether that is gone.
func named(x *api.Tunnel, kind *spec.Kind, name string) string {
	if slices.Contains(x.Gone, kind.Name) {
		return cmp.Or(name, "-") + " (gone)"
	}
	return cmp.Or(name, "-")
}

func clientOf(x *api.Tunnel) string {
	switch {
	case x.Client == "":
		return "-"
	case x.ClientPort == 0:
		return x.Client
	}
	return net.JoinHostPort(x.Client, strconv.Itoa(x.ClientPort))
}

// tunnelState says whether a tunnel goes on.
func tunnelState(now time.Time, x *api.Tunnel) string {
	switch {
	case !x.Draining:
		return "open"
	case x.Deadline == "":
		return "ends: " + x.EndedBy
	}
	return "ends within " + brief(parseTime(x.Deadline).Sub(now)) + ": " + x.EndedBy
}

// parseTime reads a time of the API; the zero time is none.
func parseTime(text string) time.Time {
	at, _ := time.Parse(time.RFC3339, text)
	return at
}

// since is how long ago something was.
func since(now time.Time, text string) string { return brief(now.Sub(parseTime(text))) }

// brief is a duration in its two largest units.
func brief(d time.Duration) string {
	d = max(d, 0)
	day, hour := 24*time.Hour, time.Hour
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < day:
		return fmt.Sprintf("%dh%02dm", d/hour, d%hour/time.Minute)
	}
	return fmt.Sprintf("%dd%02dh", d/day, d%day/hour)
}

// bytesOf is a number of bytes in three digits.
func bytesOf(n uint64) string { return inUnits(float64(n)) + "B" }

// inUnits is a number in three digits and the letter of its unit.
func inUnits(n float64) string {
	if n < 999.5 {
		return fmt.Sprintf("%.0f ", n)
	}
	units := "kMGTPE"
	for n /= 1000; n >= 999.5 && len(units) > 1; n /= 1000 {
		units = units[1:]
	}
	digits := 0
	switch {
	case n < 9.995:
		digits = 2
	case n < 99.95:
		digits = 1
	}
	return fmt.Sprintf("%.*f %c", digits, n, units[0])
}

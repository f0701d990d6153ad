package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
)

type events struct {
	remote
	Kind  []string `env:"-" placeholder:"KIND" enum:"change,health,drain,close,gateway" help:"Kinds of events that are shown: change, health, drain, close or gateway. Default: all."`
	After string   `env:"-" placeholder:"ID" help:"Id of an event (as --json shows it): what happened behind it comes first. Default: from now on."`
}

// Run prints a line an event until it is interrupted. With --json each line is the event's JSON.
func (x *events) Run(t *terminal) error {
	return x.call(t, func(ctx context.Context, c *client.Client) error {
		o := outage{out: t.err}
		err := c.Events(ctx, api.EventQuery{Kinds: x.Kind, After: x.After}, func(e *api.Event) error {
			o.said = ""
			if x.JSON {
				return json.NewEncoder(t.out).Encode(e)
			}
			_, err := fmt.Fprintln(t.out, eventLine(e))
			return err
		}, o.tell)
		if errors.Is(err, context.Canceled) {
			return nil // It was interrupted by the user.
		}
		return err
	})
}

// An outage is told of when it begins and when its reason is another one, however often the gateway is tried.
type outage struct {
	out  io.Writer
	said string // since the last event
}

func (o *outage) tell(why error) {
	if text := why.Error(); text != o.said {
		o.said = text
		fmt.Fprintf(o.out, "gatewayd: %s; trying again until it answers\n", printable(text))
	}
}

// eventLine tells of an event. A reason may be in the words of a target, such as names of its certificate.
func eventLine(e *api.Event) string {
	return printable(fmt.Sprintf("%s  %-7s  %s", e.Time, e.Kind, eventWords(e)))
}

// eventWords say what happened; nothing of what a newer gateway tells.
func eventWords(e *api.Event) string {
	switch {
	case e.Begin != nil:
		return fmt.Sprintf("what follows came behind revision %d, gatewayd %s", e.Begin.Revision, e.Begin.Version)
	case e.Lost != nil:
		return lostWords(e.Lost)
	case e.Change != nil:
		return changeWords(e.Change)
	case e.Health != nil:
		return healthWords(e.Health)
	case e.Drain != nil:
		return drainWords(e.Drain)
	case e.Close != nil:
		return closeWords(e.Close)
	case e.Gateway != nil && e.Gateway.What == api.GatewayStopping:
		return fmt.Sprintf("stopping: accepts connections for %s, gone within %s", e.Gateway.Delay, e.Gateway.Timeout)
	case e.Gateway != nil:
		return strings.TrimSpace(e.Gateway.What + " " + e.Gateway.Version)
	}
	return "-"
}

func lostWords(x *api.Lost) string {
	if x.Reason == api.LostRestart {
		return "the gateway was started anew, or is another one; what it knows of its own life follows"
	}
	return fmt.Sprintf("%d events are not kept any more; look at status and health", x.Events)
}

func changeWords(x *api.ConfigChange) string {
	parts := make([]string, 0, len(x.Objects)+1)
	for _, o := range x.Objects {
		text := fmt.Sprintf("%s %q %s", o.Kind, o.Name, o.What)
		if o.Was != "" {
			text = fmt.Sprintf("%s %q renamed to %q", o.Kind, o.Was, o.Name)
		}
		parts = append(parts, text)
	}
	if x.More > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", x.More))
	}
	words := fmt.Sprintf("revision %d %s", x.Revision, x.What)
	if len(parts) == 0 {
		return words
	}
	return words + ": " + strings.Join(parts, ", ")
}

func healthWords(x *api.HealthTurn) string {
	if x.What == api.HealthResolved {
		return fmt.Sprintf("pool %q target %q: %s is %s, was %s", x.Pool, x.Target, x.Name, addressWords(x.Addresses), addressWords(x.Were))
	}
	where := fmt.Sprintf("pool %q setting %q target %q (%s)", x.Pool, x.Setting, x.Target, place(x.Address, x.Port))
	switch {
	case x.What == api.HealthTurned:
		words := fmt.Sprintf("%s: %s, was %s", where, x.To, x.From)
		if x.Reason != "" {
			words += ": " + x.Reason
		}
		if x.EndsBy != "" {
			words += "; what is open on it ends by " + x.EndsBy
		}
		return words
	case x.Until != "":
		return fmt.Sprintf("%s: %s until %s", where, x.What, x.Until)
	}
	return where + ": " + x.What
}

func addressWords(list []string) string {
	if len(list) == 0 {
		return "no address"
	}
	return strings.Join(list, ", ")
}

func drainWords(x *api.DrainTurn) string {
	where := fmt.Sprintf("%s %q", x.Kind, x.Name)
	if x.Pool != "" {
		where += fmt.Sprintf(" of pool %q (%s)", x.Pool, place(x.Address, x.Port))
	}
	if x.What == api.DrainBegun {
		return fmt.Sprintf("%s: begun by revision %d, %d open, ends by %s", where, x.Revision, x.Open, x.Deadline)
	}
	return fmt.Sprintf("%s: %s, %d open", where, x.What, x.Open)
}

func closeWords(x *api.CloseTurn) string {
	var which []string
	switch {
	case x.All:
		which = append(which, "all")
	case x.Selected != "":
		which = append(which, x.Selected)
	}
	switch {
	case x.ByIDs == 1:
		which = append(which, "by id")
	case x.ByIDs > 1:
		which = append(which, fmt.Sprintf("by %d ids", x.ByIDs))
	}
	words := fmt.Sprintf("somebody sends %d %s (%s) away with %d, by %s", x.Ends, plural(x.Ends, "WebSocket"), strings.Join(which, ", "), x.Code, x.ClosesBy)
	if x.Ending > 0 {
		words += fmt.Sprintf("; %d more had to go already", x.Ending)
	}
	return words
}

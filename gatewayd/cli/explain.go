package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
)

type explain struct {
	remote
	URL        string   `arg:"" name:"url" help:"URL of the request, its path as a client would write it. Its port is where the request comes in. With ws:// or wss:// it opens a WebSocket."`
	Method     string   `short:"X" default:"GET" placeholder:"METHOD" help:"Method of the request, ${default} by default."`
	Header     []string `short:"H" sep:"none" placeholder:"LINE" help:"Header of the request, as in -H 'X-Team: blue'. May be given several times; one of Host stands in place of the URL's host."`
	Client     string   `placeholder:"IP" help:"Address of the client, by which pools with source_hash choose."`
	AtListener string   `placeholder:"NAME" help:"Listener at whose address and port the request comes in, in place of the URL's port."`
}

// Run prints what would become of a request: who serves it, or why nobody does.
func (x *explain) Run(t *terminal) error {
	return x.call(t, func(ctx context.Context, c *client.Client) error {
		e, err := c.Explain(ctx, api.Question{URL: x.URL, Method: x.Method, Headers: x.Header, Client: x.Client, AtListener: x.AtListener})
		if err != nil {
			return err
		}
		if x.JSON {
			return printJSON(t.out, e)
		}
		w := aligned(t.out)
		printExplanation(w, e)
		return w.Flush()
	})
}

func printExplanation(w io.Writer, e *api.Explanation) {
	fmt.Fprintf(w, "comes in\t%s port %d\n", cmp.Or(e.Address, "every address,"), e.Port)
	for _, line := range []struct{ what, value string }{
		{"listener", e.Listener}, {"path for rules", e.Path}, {"rerouted by", strings.Join(e.Rerouted, ", ")}, {"rule", e.Rule},
		{"action", e.Action}, {"pool", e.Pool}, {"setting", e.Setting}, {"target gets", e.Sent}, {"location", e.Location},
	} {
		if line.value != "" {
			fmt.Fprintf(w, "%s\t%s\n", line.what, line.value)
		}
	}
	if e.ClientAuth != "" {
		fmt.Fprintf(w, "client auth\t%s; this is told of a client that connected for this host and shows what the listener asks for\n", e.ClientAuth)
	}
	if e.Rewritten {
		fmt.Fprintln(w, "rewritten\tpath and query are those behind the rewrite; headers that it changes are not shown")
	}
	printAnswer(w, e.Status, e.Reason, e.Message)
	printChoices(w, e.Targets)
	for _, s := range e.Shares {
		fmt.Fprintf(w, "share\t%s, weight %d, pool %s, setting %s\n", s.Share, s.Weight, s.Pool, s.Setting)
		if s.Sent != "" {
			fmt.Fprintf(w, "target gets\t%s\n", s.Sent)
		}
		printAnswer(w, s.Status, s.Reason, s.Message)
		printChoices(w, s.Targets)
	}
	for _, r := range e.Passed {
		fmt.Fprintf(w, "passed over\t%s: %s\n", r.Rule, r.Why)
	}
	if e.More > 0 {
		fmt.Fprintf(w, "passed over\t%d more\n", e.More)
	}
}

// printAnswer prints an answer that no target gives. That of a rule has no reason.
func printAnswer(w io.Writer, status int, reason, message string) {
	switch {
	case status != 0 && reason != "":
		fmt.Fprintf(w, "answer\t%d %s: %s\n", status, reason, message)
	case status != 0:
		fmt.Fprintf(w, "answer\t%d: %s\n", status, message)
	}
}

func printChoices(w io.Writer, targets []api.ExplainedTarget) {
	for _, x := range targets {
		text := x.State
		if x.Reason != "" {
			text += ": " + x.Reason
		}
		choice := "not now"
		if x.Choice {
			choice = "may get it"
		}
		fmt.Fprintf(w, "target\t%s, %s, %s, %s\n", x.Target, place(x.Address, x.Port), choice, text)
	}
}

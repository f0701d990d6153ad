package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
)

// remote are the flags of commands that talk to a running gateway.
type remote struct {
	Endpoints []string `default:"http://127.0.0.1:9180" placeholder:"URL" help:"Admin API, ${default} by default: http://, https:// or unix:///path. Several are tried in turn."`
	Token     string   `placeholder:"TOKEN" help:"Admin token. Better: --token-file, which no process list shows."`
	TokenFile string   `placeholder:"FILE" help:"File with the admin token. Default: admin.token in the data directory."`
	DataDir   string   `placeholder:"DIR" help:"Data directory of the gateway, for its token."`
	JSON      bool     `name:"json" help:"Print the answer of the API as it is."`
}

// call makes a client and runs f with it until f returns or the user interrupts.
func (r *remote) call(t *terminal, f func(context.Context, *client.Client) error) error {
	cfg := client.Config{Endpoints: r.Endpoints, Token: r.Token, TokenFile: r.TokenFile, UserAgent: "gatewayd/" + t.version, RetryMax: -1}
	if cfg.Token != "" && cfg.TokenFile != "" { // One is a flag and the other of the environment, or both are flags.
		if os.Getenv("GATEWAYD_TOKEN") == cfg.Token && os.Getenv("GATEWAYD_TOKEN_FILE") != cfg.TokenFile {
			cfg.Token = ""
		} else if os.Getenv("GATEWAYD_TOKEN_FILE") == cfg.TokenFile {
			cfg.TokenFile = ""
		}
	}
	if cfg.Token == "" && cfg.TokenFile == "" {
		dir, err := dataDir(r.DataDir)
		if err != nil {
			return err
		}
		cfg.TokenFile = filepath.Join(dir, "admin.token")
		if _, err := os.Stat(cfg.TokenFile); errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("no admin token: %s does not exist; name the token's file with --token-file, or the gateway's data directory with --data-dir", cfg.TokenFile)
		}
	}
	c, err := client.New(cfg)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return f(ctx, c)
}

type status struct{ remote }

// Run prints the state of the gateway as a whole.
func (s *status) Run(t *terminal) error {
	return s.call(t, func(ctx context.Context, c *client.Client) error {
		v, err := c.Status(ctx)
		if err != nil {
			return err
		}
		if s.JSON {
			return printJSON(t.out, v)
		}
		w := aligned(t.out)
		fmt.Fprintf(w, "version\t%s\nrevision\t%d\nrunning since\t%s\n", v.Version, v.Revision, v.Started)
		fmt.Fprintf(w, "loops\t%d\nconnections\t%d\nrequests\t%d\ntunnels\t%d\n",
			v.Activity.Loops, v.Activity.Connections, v.Activity.Requests, v.Activity.Tunnels)
		for _, collection := range slices.Sorted(maps.Keys(v.Objects)) {
			fmt.Fprintf(w, "%s\t%d\n", collection, v.Objects[collection])
		}
		for _, r := range v.Retired {
			fmt.Fprintf(w, "retired\t%s %q, held by %s\n", r.Kind, r.Name, holders(r.Holders))
		}
		printConditions(w, v)
		return w.Flush()
	})
}

func holders(list []api.Holder) string {
	text := ""
	for i, h := range list {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s %q", h.Kind, h.Name)
	}
	return text
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printConditions prints what is not served as it is written.
func printConditions(w io.Writer, v *api.Status) {
	for _, c := range v.Conditions {
		where := ""
		if c.Path != "" {
			where = c.Path + ": "
		}
		fmt.Fprintf(w, "condition\t%s %q: %s%s\n", c.Kind, c.Name, where, c.Message)
	}
}

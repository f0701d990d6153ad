package cli

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/alecthomas/kong"
)

// commands is the grammar of the command line, read by kong. Every flag has an environment variable, but those that say what
// a command is about.
type commands struct {
	Serve   serve   `cmd:"" help:"Run the gateway."`
	Status  status  `cmd:"" help:"Show version, revision, conditions and load of a running gateway."`
	Health  health  `cmd:"" help:"Show the health of every target of a running gateway."`
	Events  events  `cmd:"" help:"Follow what happens in a running gateway: changes, health, drains, Closes."`
	Explain explain `cmd:"" help:"Show what would become of a request to a running gateway, and why."`
	Tunnels tunnels `cmd:"" help:"Show the open WebSockets of a running gateway."`
	Version version `cmd:"" help:"Print the version."`
}

// A terminal is what a command prints to, and the version it may print.
type terminal struct {
	out, err io.Writer
	version  string
	spool    *spool // what err is, once a command logs; nil before
}

// lastWords is how long the end of a log may take.
const lastWords = time.Second

// log is the error output of a command that serves: from now on nobody waits for it any more.
func (t *terminal) log() io.Writer {
	if t.spool == nil {
		t.spool = newSpool(t.err)
		t.err = t.spool
	}
	return t.spool
}

// end writes what is left of a log.
func (t *terminal) end() {
	if t.spool != nil {
		t.spool.end(lastWords)
	}
}

const description = `An application gateway: HTTP and WebSocket proxy, health probes, and an admin API that Terraform drives.

Start it with "gatewayd serve"; the first start writes an admin token to DIR/admin.token. Every flag can be given as an
environment variable, shown as $GATEWAYD_... beside it.`

// Run runs one command and returns the exit code of the process: 0 done, 1 failed, 2 not understood.
func Run(version string, args []string, out, errOut io.Writer) int {
	code := -1
	t := &terminal{out: out, err: errOut, version: version}
	defer t.end()
	parser, err := kong.New(&commands{},
		kong.Name("gatewayd"),
		kong.Description(description),
		kong.DefaultEnvars("GATEWAYD"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100}),
		kong.Writers(out, errOut),
		kong.Exit(func(c int) { code = c }),
		kong.Bind(t),
	)
	if err != nil {
		fmt.Fprintln(errOut, "gatewayd:", err)
		return 1
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if code >= 0 { // Help was asked for and printed.
		return code
	}
	if err != nil {
		var parse *kong.ParseError
		if errors.As(err, &parse) {
			fmt.Fprintf(errOut, "gatewayd: %v\nTry \"gatewayd --help\".\n", err)
			return 2
		}
		fmt.Fprintln(errOut, "gatewayd:", err)
		return 2
	}
	if err := command.Run(); err != nil {
		fmt.Fprintln(t.err, "gatewayd:", err)
		return 1
	}
	return 0
}

type version struct{}

// Run prints the version.
func (version) Run(t *terminal) error {
	_, err := fmt.Fprintln(t.out, "gatewayd", t.version)
	return err
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/accesslog"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/daemon"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/heap"
)

type serve struct {
	DataDir         string        `placeholder:"DIR" help:"Where configuration and admin token are kept. Default: /var/lib/gatewayd, or gatewayd in the user's state directory."`
	Admin           string        `default:"127.0.0.1:9180" placeholder:"ADDR" help:"Address of the admin API, ${default} by default: loopback only; empty for none."`
	AdminSocket     string        `placeholder:"PATH" help:"Unix socket of the admin API. Default: DIR/admin.sock; \"off\" for none."`
	Config          string        `placeholder:"FILE" help:"Configuration that fills an empty store at the first start, in the form of /v1/config."`
	Store           string        `default:"bolt" enum:"bolt" help:"Where configuration is stored: bolt, one file in the data directory."`
	Loops           int           `default:"0" placeholder:"N" help:"Event loops. 0 means one a CPU that the process may use."`
	DNSServer       []string      `placeholder:"ADDR" help:"DNS server that is asked for the names of targets, as ADDRESS:PORT. Several are tried in turn. Default: those of /etc/resolv.conf."`
	LogLevel        slog.Level    `default:"info" placeholder:"L" help:"Least level that is logged: debug, info, warn or error."`
	AccessLog       string        `default:"off" placeholder:"PATH" help:"File of the access log, a line of JSON a request; \"-\" for standard output, \"off\" for none, which is the default. SIGHUP opens it anew."`
	AccessLogQuery  string        `default:"names" enum:"names,none,full" placeholder:"Q" help:"What the access log shows of a query: names of parameters without their values, none, or full. Default: names."`
	ShutdownDelay   time.Duration `default:"5s" help:"How long after SIGTERM connections are still accepted, while /readyz fails already."`
	ShutdownTimeout time.Duration `default:"25s" help:"How long after SIGTERM the process is gone at the latest."`
}

// Run serves until SIGTERM or SIGINT, then stops politely; a second signal ends it now.
func (s *serve) Run(t *terminal) error {
	if s.ShutdownDelay < 0 || s.ShutdownTimeout < s.ShutdownDelay {
		return fmt.Errorf("--shutdown-timeout (%s) must not be shorter than --shutdown-delay (%s)", s.ShutdownTimeout, s.ShutdownDelay)
	}
	if s.Loops < 0 || s.Loops > 1024 {
		return errors.New("--loops must be 0 to 1024")
	}
	for _, server := range s.DNSServer {
		if a, err := netip.ParseAddrPort(server); err != nil || a.Port() == 0 {
			return fmt.Errorf("--dns-server must be the address and port of a DNS server, such as 10.0.0.2:53, not %q", server)
		}
	}
	dir, err := dataDir(s.DataDir)
	if err != nil {
		return err
	}
	socket := s.AdminSocket
	switch socket {
	case "":
		socket = filepath.Join(dir, "admin.sock")
	case "off":
		socket = ""
	}
	// Whoever read the log may be gone. Without this the runtime ends the process then: a write to standard error that
	// meets a broken pipe raises SIGPIPE.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	accessLog, err := accessLogPath(s.AccessLog)
	if err != nil {
		return err
	}
	defer heap.Keep()()
	d, err := daemon.Start(context.Background(), daemon.Config{
		DataDir:     dir,
		Admin:       s.Admin,
		AdminSocket: socket,
		ConfigFile:  s.Config,
		Loops:       s.Loops,
		DNSServers:  s.DNSServer,
		AccessLog:   accessLog, AccessLogQuery: queries[s.AccessLogQuery],
		Version: t.version,
		Log:     slog.New(slog.NewTextHandler(t.log(), &slog.HandlerOptions{Level: s.LogLevel})),
	})
	if err != nil {
		return err
	}
	for waiting := true; waiting; {
		select {
		case <-hangups:
			d.ReopenLogs()
		case <-signals:
			waiting = false
		}
	}
	return stop(d, signals, s.ShutdownDelay, s.ShutdownTimeout)
}

// stopGrace is how much longer than promised a stop may take before the process gives up on ending in order.
const stopGrace = 5 * time.Second

// stop ends the gateway politely; a second signal ends it now. Whatever may hang, the process is gone in time.
func stop(d *daemon.Daemon, signals <-chan os.Signal, delay, timeout time.Duration) error {
	ctx, now := context.WithCancel(context.Background())
	defer now()
	done := make(chan error, 1)
	go func() { done <- d.Shutdown(ctx, delay, timeout) }()
	late := time.NewTimer(timeout + stopGrace)
	defer late.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-signals:
			now()
			late.Reset(stopGrace)
		case <-late.C:
			return errors.New("stopping took too long; the process ends without order")
		}
	}
}

// queries are the words of --access-log-query.
var queries = map[string]accesslog.Query{"names": accesslog.Names, "none": accesslog.None, "full": accesslog.Full}

// accessLogPath is the file of an access log, whole, so that it can be opened anew from anywhere; empty for none.
func accessLogPath(named string) (string, error) {
	switch named {
	case "", "off":
		return "", nil
	case accesslog.Standard:
		return named, nil
	}
	return filepath.Abs(named)
}

// dataDir is the directory named, or the usual one of the user who runs the process.
func dataDir(named string) (string, error) {
	if named != "" {
		return filepath.Abs(named)
	}
	if os.Geteuid() == 0 {
		return "/var/lib/gatewayd", nil
	}
	if state := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "gatewayd"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no place for data: %w; name one with --data-dir", err)
	}
	return filepath.Join(home, ".local", "state", "gatewayd"), nil
}

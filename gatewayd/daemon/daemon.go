// Package daemon wires a gateway together: store, data plane, controller, admin API. It decides nothing itself. The
// command line starts it, and tests that want a whole gateway in their process.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/accesslog"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/admin"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/events"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/metrics"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/plane"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store/bolt"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A Config is what a gateway is started with.
type Config struct {
	// DataDir holds configuration, admin token, and the keys of affinity cookies and TLS sessions. It is made, with mode 0700, where it is missing.
	DataDir string
	// Admin is the loopback address of the admin API, AdminSocket the path of its Unix socket; either may be empty.
	Admin, AdminSocket string
	// ConfigFile, where not empty, names a document of the /v1/config form that fills an empty store.
	ConfigFile string
	// Loops is the number of event loops; 0 means one a CPU.
	Loops int
	// DNSServers are asked for the names of targets, "host:port" each; none means those of /etc/resolv.conf.
	DNSServers []string
	// AccessLog is the file that requests are logged to, "-" for the standard output; empty for none. AccessLogQuery says
	// what is shown of queries.
	AccessLog      string
	AccessLogQuery accesslog.Query
	// Version is what the gateway says of itself.
	Version string
	// Log may be nil: nothing is logged.
	Log *slog.Logger
}

// A Daemon is a running gateway.
type Daemon struct {
	log       *slog.Logger
	events    *events.Feed
	store     store.Store
	plane     *plane.Plane
	control   *control.Controller
	server    *admin.Server
	listeners []net.Listener
	stopping  atomic.Bool
}

// Start starts a gateway. When it returns, the stored configuration serves and the admin API answers. ctx bounds the
// start alone. Close or Shutdown must follow.
func Start(ctx context.Context, cfg Config) (*Daemon, error) {
	d := &Daemon{log: cfg.Log, events: events.New(cfg.Version)}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if err := d.start(ctx, cfg); err != nil {
		_ = d.Close()
		return nil, err
	}
	return d, nil
}

func (d *Daemon) start(ctx context.Context, cfg Config) error {
	started := time.Now()
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	token, created, err := admin.OpenToken(cfg.DataDir)
	if err != nil {
		return err
	}
	if created {
		d.log.Info("The admin token was made.", "file", filepath.Join(cfg.DataDir, "admin.token"))
	}
	key, tickets, err := d.keys(cfg.DataDir)
	if err != nil {
		return err
	}
	// The admin sockets come first: a gateway that could not be configured should not begin to serve.
	if d.listeners, err = admin.Listen(cfg.Admin, cfg.AdminSocket); err != nil {
		return err
	}
	file, err := bolt.Open(filepath.Join(cfg.DataDir, "gatewayd.db"))
	if err != nil {
		return err
	}
	d.store = file
	if d.store, err = d.sealed(ctx, cfg.DataDir, file); err != nil {
		d.store = file
		return err
	}
	if d.plane, err = plane.Start(plane.Config{
		Loops: cfg.Loops, DNSServers: cfg.DNSServers, Affinity: key, Tickets: tickets, Events: d.events, Log: d.log, AccessLog: accesslog.Config{Path: cfg.AccessLog, Query: cfg.AccessLogQuery},
	}); err != nil {
		return err
	}
	if d.control, err = control.Open(ctx, control.Config{Store: d.store, Plane: d.plane, Witness: d.events, Log: d.log}); err != nil {
		return opened(err, cfg.DataDir)
	}
	if err := d.fill(ctx, cfg.ConfigFile); err != nil {
		return err
	}
	node, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("name of this machine: %w", err)
	}
	handler := admin.New(admin.Config{
		Control: d.control, Views: d, Auth: token, Version: cfg.Version, Node: node, Started: started, Log: d.log,
		Events:  d.events,
		Metrics: metrics.New(metrics.Config{Plane: d.plane, Control: d.control, Version: cfg.Version, Log: d.log}),
	})
	d.server = admin.Serve(handler, d.listeners, d.log)
	d.log.Info("The gateway runs.", "version", cfg.Version, "revision", d.control.Set().Revision(), "admin", d.AdminAddr())
	return nil
}

// fill puts the objects of a configuration file into an empty store.
func (d *Daemon) fill(ctx context.Context, file string) error {
	if file == "" {
		return nil
	}
	if revision := d.control.Set().Revision(); revision > 0 {
		d.log.Info("The store is not empty; the configuration file is left alone.", "file", file, "revision", revision)
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("configuration file: %w", err)
	}
	objects, problems := spec.DecodeConfig(text)
	if len(problems) > 0 {
		return fmt.Errorf("configuration file %s:\n%w", file, mistakes(problems))
	}
	changes := make([]control.Change, len(objects))
	for i, o := range objects {
		changes[i] = control.Change{Kind: spec.KindOf(o), Name: o.Key(), Put: o, IfNoneMatch: true}
	}
	if _, err := d.control.Apply(ctx, changes); err != nil {
		var refused *control.Error
		if !errors.As(err, &refused) {
			return fmt.Errorf("configuration file %s: %w", file, err)
		}
		return fmt.Errorf("configuration file %s:\n%w", file, faults(refused, objects))
	}
	return nil
}

// mistakes is a line for each problem of a file.
func mistakes(problems spec.Problems) error {
	lines := make([]error, len(problems))
	for i, p := range problems {
		lines[i] = errors.New("  " + p.String())
	}
	return errors.Join(lines...)
}

// faults is a line for each object that was refused.
func faults(refused *control.Error, objects []spec.Object) error {
	var lines []error
	for _, fault := range append([]*control.Error{refused}, refused.Others...) {
		o := objects[fault.Change]
		lines = append(lines, fmt.Errorf("  %s %q: %w", spec.KindOf(o), o.Key(), fault))
	}
	return errors.Join(lines...)
}

// AdminAddr is where the admin API answers: the TCP address where there is one, else the Unix socket's path.
func (d *Daemon) AdminAddr() string {
	if len(d.listeners) == 0 {
		return ""
	}
	return d.listeners[0].Addr().String()
}

// ReopenLogs opens the access log anew, as behind a rotation.
func (d *Daemon) ReopenLogs() { d.plane.ReopenAccessLog() }

// Shutdown stops politely: /readyz fails at once, connections are accepted for delay, open ones get the rest of timeout
// to end. When ctx ends, everything ends now.
func (d *Daemon) Shutdown(ctx context.Context, delay, timeout time.Duration) error {
	d.stopping.Store(true)
	d.log.Info("The gateway stops.", "delay", delay.String(), "timeout", timeout.String())
	d.events.Gateway(api.GatewayTurn{What: api.GatewayStopping, Delay: delay.String(), Timeout: timeout.String()})
	d.control.Close() // From here on writes are refused: a publication would open sockets again.
	d.plane.Shutdown(ctx, delay, timeout)
	return d.Close()
}

// Close ends everything now, in the reverse order of the start.
func (d *Daemon) Close() error {
	d.stopping.Store(true)
	d.events.Close() // Who follows them would hold the server.
	var errs []error
	if d.server != nil {
		// A client that only connected holds the server for seconds. It is cut, and that is no failure.
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		if err := d.server.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			errs = append(errs, err)
		}
		cancel()
	} else {
		for _, l := range d.listeners {
			errs = append(errs, l.Close())
		}
	}
	if d.control != nil {
		d.control.Close()
	}
	if d.plane != nil {
		d.plane.Close()
	}
	if d.store != nil {
		errs = append(errs, d.store.Close())
	}
	return errors.Join(errs...)
}

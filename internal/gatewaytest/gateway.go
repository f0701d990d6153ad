package gatewaytest

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/daemon"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
)

// Version is what a Gateway says of itself.
const Version = "0.0.0-test"

// A Gateway is a whole gatewayd in this process: its admin API on a free port of 127.0.0.1, its store in a directory
// that ends with the test. When the test is over it is closed, and whatever it left behind is an error: goroutines, open
// files of its directory and, where no other Gateway ran beside it, any descriptor.
//
// Its methods are for the goroutine of the test; the clients may be used by all.
type Gateway struct {
	// Endpoint is the base URL of the admin API. A restart keeps it.
	Endpoint string
	// Token is the admin token, TokenFile the file that the gateway wrote it to.
	Token, TokenFile string
	// DataDir holds store and token.
	DataDir string

	tb      testing.TB
	cfg     daemon.Config
	daemon  *daemon.Daemon // nil while it is stopped
	client  *client.Client
	mark    string // the label of its goroutines
	quiet   atomic.Bool
	witness *descriptors
}

// An Option changes what a Gateway is started with.
type Option func(*daemon.Config)

// Loops sets the number of event loops; the default is one a CPU.
func Loops(n int) Option { return func(c *daemon.Config) { c.Loops = n } }

// ConfigFile names a configuration document that fills the store at the first start.
func ConfigFile(path string) Option { return func(c *daemon.Config) { c.ConfigFile = path } }

// DNSServers sets who is asked for the names of targets, "address:port" each.
func DNSServers(servers ...string) Option {
	return func(c *daemon.Config) { c.DNSServers = servers }
}

// AccessLog names the file that requests are logged to.
func AccessLog(path string) Option { return func(c *daemon.Config) { c.AccessLog = path } }

// ReopenLogs opens the access log anew, as SIGHUP would.
func (g *Gateway) ReopenLogs() { g.daemon.ReopenLogs() }

// gateways numbers the gateways of the process, so that each knows its own goroutines.
var gateways atomic.Int64

// Start starts a gateway that ends with the test. What it warns of is in the test's log.
func Start(tb testing.TB, options ...Option) *Gateway {
	tb.Helper()
	g := &Gateway{DataDir: tb.TempDir(), tb: tb, mark: strconv.FormatInt(gateways.Add(1), 10), witness: watchDescriptors()}
	g.TokenFile = filepath.Join(g.DataDir, "admin.token")
	g.cfg = daemon.Config{DataDir: g.DataDir, Admin: "127.0.0.1:0", Version: Version, Log: g.log()}
	for _, o := range options {
		o(&g.cfg)
	}
	tb.Cleanup(g.end)
	g.start()
	token, err := os.ReadFile(g.TokenFile)
	if err != nil {
		tb.Fatal(err)
	}
	g.Token = strings.TrimSpace(string(token))
	g.client, err = client.New(client.Config{Endpoints: []string{g.Endpoint}, TokenFile: g.TokenFile, RetryMax: -1, Timeout: patience})
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

// Client is a client of the admin API that repeats nothing.
func (g *Gateway) Client() *client.Client { return g.client }

// Stop ends the gateway at once, as a crash would for its clients. Start begins it anew.
func (g *Gateway) Stop() {
	g.tb.Helper()
	if g.daemon == nil {
		return
	}
	g.client.Close()
	if err := g.daemon.Close(); err != nil {
		g.tb.Errorf("closing the gateway: %v", err)
	}
	g.daemon = nil
	g.leftGoroutines()
}

// Restart stops the gateway and starts it on the same data directory and admin address.
func (g *Gateway) Restart() {
	g.tb.Helper()
	g.Stop()
	g.start()
}

func (g *Gateway) start() {
	g.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	// Goroutines take over the labels of those that start them.
	pprof.Do(ctx, pprof.Labels(goroutineLabel, g.mark), func(ctx context.Context) { g.daemon, err = daemon.Start(ctx, g.cfg) })
	if err != nil {
		g.tb.Fatalf("starting a gateway: %v", err)
	}
	g.cfg.Admin = g.daemon.AdminAddr()
	g.Endpoint = "http://" + g.cfg.Admin
}

// end is the last thing of the test.
func (g *Gateway) end() {
	g.Stop()
	g.quiet.Store(true)
	g.witness.check(g.tb, g.DataDir)
}

// log writes warnings and errors to the test's log for as long as there is one.
func (g *Gateway) log() *slog.Logger {
	out := writer(func(line []byte) (int, error) {
		if g.quiet.Load() {
			return len(line), nil
		}
		return g.tb.Output().Write(line)
	})
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

type writer func([]byte) (int, error)

// Write implements io.Writer.
func (w writer) Write(p []byte) (int, error) { return w(p) }

var _ io.Writer = writer(nil)

// eventually waits until what is said holds; false means that it never did.
func eventually(holds func() bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return true
		}
	}
	return holds()
}

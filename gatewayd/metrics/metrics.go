package metrics

import (
	"cmp"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/plane"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// Config is what is shown.
type Config struct {
	Plane   *plane.Plane
	Control *control.Controller
	// Version is that of the program.
	Version string
	// Log gets what goes wrong while a scrape is written.
	Log *slog.Logger
}

const (
	// patience is how long loops have to answer a scrape.
	patience = time.Second
	// atOnce is how many scrapes are made at the same time; more are answered 503.
	atOnce = 4
)

// Bounds of what one scrape shows, for gateways of a size that a Prometheus could not take.
var mostOf = limits{rules: 20_000, upstreams: 1000, targets: 10_000, idle: 1000, expiries: 1000}

// limits are how many of each have series. Rules that took no request yet have some only where there are no more of them
// than idle.
type limits struct{ rules, upstreams, targets, idle, expiries int }

// A gatherer implements prometheus.Gatherer.
type gatherer struct {
	Config
	limits  limits
	process *prometheus.Registry // of the Go runtime and the process
	scrapes sync.Mutex           // one walk at a time
}

// New makes the handler of /metrics. It knows no tokens.
func New(cfg Config) http.Handler {
	g := newGatherer(cfg)
	return promhttp.HandlerFor(g, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(cfg.Log.Handler(), slog.LevelWarn), MaxRequestsInFlight: atOnce,
		DisableCompression: true, // It would cost more than the scrape.
	})
}

func newGatherer(cfg Config) *gatherer {
	g := &gatherer{Config: cfg, limits: mostOf, process: prometheus.NewRegistry()}
	g.process.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return g
}

// Gather implements prometheus.Gatherer.
func (g *gatherer) Gather() ([]*dto.MetricFamily, error) {
	g.scrapes.Lock()
	defer g.scrapes.Unlock()
	families, err := g.process.Gather()
	if err != nil {
		return nil, err
	}
	e := &exposition{families: families}
	figures := g.Plane.Figures(patience)
	left := e.gauge("gatewayd_metrics_left_out", "Objects of which this scrape shows no series of their own, because there are too many.")
	g.configuration(e)
	left.set(label("what", "expiries"), float64(e.expiries(g.Control.Set(), g.limits.expiries)))
	left.set(label("what", "rules"), float64(e.traffic(figures.Traffic, g.limits)))
	left.set(label("what", "targets"), float64(e.health(figures.Upstreams, g.limits.targets)))
	left.set(label("what", "upstreams"), float64(e.upstreams(figures.Upstreams, g.limits.upstreams)))
	e.workers(&figures)
	e.loops(figures.Loops)
	e.families = slices.DeleteFunc(e.families, func(f *dto.MetricFamily) bool { return len(f.Metric) == 0 })
	slices.SortFunc(e.families, func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return e.families, nil
}

// configuration shows what runs, and of what.
func (g *gatherer) configuration(e *exposition) {
	set := g.Control.Set()
	e.gauge("gatewayd_build_info", "What runs; always 1.").set(label("goversion", runtime.Version(), "version", g.Version), 1)
	e.gauge("gatewayd_revision", "Revision of the configuration that serves.").set(nil, float64(set.Revision()))
	e.gauge("gatewayd_conditions", "What is served otherwise than written, as gatewayd status lists it.").set(nil, float64(len(g.Control.Conditions())))
	objects := e.gauge("gatewayd_objects", "Objects of the configuration by kind, retired ones left out.")
	retired := e.gauge("gatewayd_objects_retired", "Objects that were deleted and still serve others that name them.")
	for _, kind := range spec.Kinds() {
		all, gone := set.All(kind), 0
		for _, o := range all {
			if o.Retired {
				gone++
			}
		}
		objects.set(label("kind", kind.Name), float64(len(all)-gone))
		retired.set(label("kind", kind.Name), float64(gone))
	}
}

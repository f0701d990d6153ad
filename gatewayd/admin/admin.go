package admin

import (
	"log/slog"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/events"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// Views are what others know and the API shows. Their methods are called by many goroutines at once.
type Views interface {
	// Health is what is known of every target; with the name of a pool, of that pool alone, the last results of its
	// probes included.
	Health(pool string) api.Health
	// Explain is what would become of a request. The paths of problems are names of parameters.
	Explain(q api.Question) (api.Explanation, spec.Problems)
	// Drains is what the change of a revision ended; false for a revision that is still to come.
	Drains(revision uint64) (api.Drains, bool)
	// Tunnels is a page of the open tunnels. The paths of problems are names of parameters.
	Tunnels(q api.TunnelQuery) (api.Tunnels, spec.Problems)
	// CloseTunnels ends tunnels, or with dryRun says what that would do. The paths of problems are those of the body.
	CloseTunnels(c *api.TunnelClose, dryRun bool) (api.TunnelsClosed, spec.Problems)
	// Activity is what the data path is doing.
	Activity() api.Activity
	// Stopping says that the gateway is on its way out: /readyz fails from then on.
	Stopping() bool
}

// An Authorizer knows the bearer tokens. It must take the same time for every wrong one.
type Authorizer interface {
	Authorize(token string) bool
}

// A Config is what the API works with. All fields but Hosts, Node, Events, Metrics and Log must be given.
type Config struct {
	Control *control.Controller
	Views   Views
	Auth    Authorizer
	// Version is that of the program, Node the name of this gateway among those that share a configuration, Started
	// when it began to run.
	Version, Node string
	Started       time.Time
	// Events are what /v1/events shows; nil for none.
	Events *events.Feed
	// Metrics answers /metrics to whoever has a token; nil for none.
	Metrics http.Handler
	// Log gets a line a write, without bodies and tokens.
	Log *slog.Logger
	// Hosts are Host headers that are served beside localhost and the loopback addresses with any port: exact, with
	// their port where they have one. A name that anybody can point at 127.0.0.1 must not reach the API through a
	// browser (DNS rebinding).
	Hosts []string
}

// admin serves the API. It is immutable but for what it remembers.
type admin struct {
	Config
	mux      *http.ServeMux
	openAPI  []byte
	pace     pace
	replaced replacements
}

// An action answers one method of a route. What it returns as an error becomes the answer, so it must not have written
// anything before.
type action struct {
	serve func(w http.ResponseWriter, r *http.Request) error
	// params are the query parameters that it knows.
	params []string
	// body says that it takes one, as JSON.
	body bool
}

// A route is a path pattern and its methods.
type route struct {
	pattern string
	actions map[string]action
	// open routes need no token.
	open bool
}

// New makes the API's handler.
func New(cfg Config) http.Handler {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	a := &admin{Config: cfg, mux: http.NewServeMux(), openAPI: openAPI(cfg.Version), pace: ordinary}
	for _, route := range a.routes() {
		a.mux.Handle(route.pattern, a.dispatch(route))
	}
	a.mux.Handle("/", a.dispatch(route{}))
	return a
}

// routes are all of them. The patterns have no methods, so that a wrong one is answered here and as a problem.
func (a *admin) routes() []route {
	get := func(serve func(http.ResponseWriter, *http.Request) error, params ...string) action {
		return action{serve: serve, params: params}
	}
	return []route{
		{pattern: api.Base + "/{collection}", actions: map[string]action{
			http.MethodGet: get(a.list, api.ParamLimit, api.ParamNext, api.ParamRetired),
		}},
		{pattern: api.Base + "/{collection}/{name}", actions: map[string]action{
			http.MethodGet:    get(a.read, api.ParamID, api.ParamRetired),
			http.MethodPut:    {serve: a.put, params: []string{api.ParamID, api.ParamDryRun}, body: true},
			http.MethodDelete: {serve: a.delete, params: []string{api.ParamID, api.ParamDryRun, api.ParamRetired}},
		}},
		{pattern: api.PathChanges, actions: map[string]action{
			http.MethodPost: {serve: a.change, params: []string{api.ParamDryRun}, body: true},
		}},
		{pattern: api.PathConfig, actions: map[string]action{
			http.MethodGet: get(a.readConfig),
			http.MethodPut: {serve: a.replaceConfig, params: []string{api.ParamDryRun}, body: true},
		}},
		{pattern: api.PathHealth, actions: map[string]action{http.MethodGet: get(a.health, api.ParamPool)}},
		{pattern: api.PathDrains + "/{revision}", actions: map[string]action{http.MethodGet: get(a.drains)}},
		{pattern: api.PathExplain, actions: map[string]action{
			http.MethodGet: get(a.explain, api.ParamURL, api.ParamMethod, api.ParamHeaders, api.ParamClient, api.ParamAtListener),
		}},
		{pattern: api.PathTunnels, actions: map[string]action{http.MethodGet: get(a.tunnels, tunnelParams...)}},
		{pattern: api.PathEvents, actions: map[string]action{http.MethodGet: get(a.events, api.ParamKind, api.ParamLastEventID)}},
		{pattern: api.PathClose, actions: map[string]action{
			http.MethodPost: {serve: a.closeTunnels, params: []string{api.ParamDryRun}, body: true},
		}},
		{pattern: api.PathStatus, actions: map[string]action{http.MethodGet: get(a.status)}},
		{pattern: api.PathMetrics, actions: map[string]action{http.MethodGet: get(a.metrics)}},
		{pattern: api.PathOpenAPI, actions: map[string]action{http.MethodGet: get(a.document)}},
		{pattern: api.PathLive, actions: map[string]action{http.MethodGet: get(a.live)}, open: true},
		{pattern: api.PathReady, actions: map[string]action{http.MethodGet: get(a.ready)}, open: true},
	}
}

// methods are the values of Allow.
func (r route) methods() string {
	var methods []string
	for m := range r.actions {
		methods = append(methods, m)
		if m == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// ServeHTTP checks what holds for every request, then routes it.
func (a *admin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set(api.HeaderVersion, a.Version)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	// Only who has a token may keep a connection: whoever has none could take all there are.
	h.Set("Connection", "close")
	began := time.Now()
	recorder := &recorder{ResponseWriter: w}
	defer func() {
		if v := recover(); v != nil {
			a.recovered(recorder, r, v)
		}
		a.logWrite(recorder, r, time.Since(began))
	}()
	if err := a.checkHost(r); err != nil {
		a.fail(recorder, r, err)
		return
	}
	// ServeMux would redirect a path with dots or double slashes; here such a path is just not one.
	if r.URL.Path == "" || r.URL.Path[0] != '/' || path.Clean(r.URL.Path) != r.URL.Path {
		a.dispatch(route{}).ServeHTTP(recorder, r)
		return
	}
	a.mux.ServeHTTP(recorder, r)
}

// dispatch answers one route; the zero route is that of unknown URLs.
func (a *admin) dispatch(route route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.serve(route, w, r); err != nil {
			a.fail(w, r, err)
		}
	})
}

func (a *admin) serve(route route, w http.ResponseWriter, r *http.Request) error {
	switch err := a.checkToken(r); {
	case err == nil:
		w.Header().Del("Connection")
	case !route.open:
		w.Header().Set("WWW-Authenticate", `Bearer realm="gatewayd"`)
		return err
	}
	if len(route.actions) == 0 {
		return api.NewError(api.UnknownPath, "There is nothing at this URL; /openapi.json lists what there is.")
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	action, ok := route.actions[method]
	if !ok {
		w.Header().Set("Allow", route.methods())
		return api.NewError(api.MethodNotAllowed, "This URL takes %s.", route.methods())
	}
	if err := checkParams(r, action.params); err != nil {
		return err
	}
	if !action.body && r.ContentLength != 0 {
		return api.NewError(api.Malformed, "A %s of this URL takes no body.", r.Method)
	}
	return action.serve(w, r)
}

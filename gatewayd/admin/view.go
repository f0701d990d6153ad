package admin

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

func (a *admin) health(w http.ResponseWriter, r *http.Request) error {
	pool := r.URL.Query().Get(api.ParamPool)
	if r.URL.Query().Has(api.ParamPool) && a.Control.Set().Get(spec.Pools, pool) == nil {
		return api.NewError(api.NotFound, "There is no pool %q.", pool)
	}
	health := a.Views.Health(pool)
	if health.Pools == nil {
		health.Pools = map[string]api.PoolHealth{}
	}
	return writeJSON(w, http.StatusOK, health)
}

// explain answers what would become of a request; that nothing serves it is an answer too.
func (a *admin) explain(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	q := api.Question{
		URL: query.Get(api.ParamURL), Method: query.Get(api.ParamMethod),
		Client: query.Get(api.ParamClient), AtListener: query.Get(api.ParamAtListener),
	}
	if lines := query.Get(api.ParamHeaders); lines != "" {
		q.Headers = strings.Split(lines, "\n")
	}
	e, problems := a.Views.Explain(q)
	if len(problems) > 0 {
		err := api.NewError(api.Malformed, "The request to explain is none.")
		err.Problems = problems
		return err
	}
	return writeJSON(w, http.StatusOK, e)
}

// drains answers for every revision that there was: of one that ended nothing, or so long ago that it is over, there is
// nothing left.
func (a *admin) drains(w http.ResponseWriter, r *http.Request) error {
	text := r.PathValue("revision")
	revision, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return api.NewError(api.Malformed, "A revision is a number, as in the header %s.", api.HeaderRevision)
	}
	drains, known := a.Views.Drains(revision)
	if !known {
		return api.NewError(api.NotFound, "There is no revision %d yet.", revision)
	}
	if drains.Drains == nil {
		drains.Drains = []api.Drain{}
	}
	return writeJSON(w, http.StatusOK, drains)
}

func (a *admin) status(w http.ResponseWriter, _ *http.Request) error {
	set, started := a.Control.Set(), a.Started.UTC().Format(time.RFC3339)
	status := api.Status{
		Version: a.Version, Revision: set.Revision(), Started: started,
		Nodes:    []api.Node{{Name: a.Node, Version: a.Version, Revision: set.Revision(), Started: started}},
		Activity: a.Views.Activity(), Objects: map[string]int{},
		Conditions: []api.Condition{}, Retired: []api.Retired{},
	}
	for _, kind := range spec.Kinds() {
		status.Objects[kind.Collection] = 0
		for _, e := range set.All(kind) {
			if !e.Retired {
				status.Objects[kind.Collection]++
				continue
			}
			status.Retired = append(status.Retired, api.Retired{
				Kind: kind.Name, Name: e.Name(), ID: e.ID, Holders: holders(set.Holders(kind, e.Name())),
			})
		}
	}
	for _, c := range a.Control.Conditions() {
		status.Conditions = append(status.Conditions, api.Condition{Kind: c.Kind.Name, Name: c.Name, Path: c.Path, Message: c.Message})
	}
	return writeJSON(w, http.StatusOK, status)
}

// metrics are in the form of Prometheus.
func (a *admin) metrics(w http.ResponseWriter, r *http.Request) error {
	if a.Metrics == nil {
		return api.NewError(api.NotFound, "This gateway has no metrics.")
	}
	a.Metrics.ServeHTTP(w, r)
	return nil
}

// live answers as long as the process serves.
func (a *admin) live(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, "ok\n") // The client may be gone; nobody is left to tell.
	return nil
}

// ready fails once the gateway is on its way out, so that whoever spreads connections over gateways leaves it out.
func (a *admin) ready(w http.ResponseWriter, r *http.Request) error {
	if a.Views.Stopping() {
		return api.NewError(api.Unavailable, "The gateway is shutting down.")
	}
	return a.live(w, r)
}

func (a *admin) document(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", api.MediaJSON)
	w.Write(a.openAPI) // The client may be gone; nobody is left to tell.
	return nil
}

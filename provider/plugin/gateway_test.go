package plugin_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A gateway answers the admin API as far as the provider's protocol goes: objects under revisions, renames with their
// references following, retirement, idempotency keys, dry runs. It stands in for a real one where a test needs faults
// that a real one does not have; the whole way is tested in acctest.
type gateway struct {
	*httptest.Server
	mu    sync.Mutex
	set   *spec.Set
	first map[string]*recorded // first answers by idempotency key
	calls []string             // method and path of every request

	// Faults, set by tests between calls.
	loseAnswer   bool   // the next write is done and its connection cut
	unknownField string // a field, by its path, that this gateway is too old to know
	warnings     spec.Problems
}

const version, token = "1.2.3", "secret"

func newGateway(t *testing.T) *gateway {
	g := &gateway{set: (*spec.Set)(nil).Draft(0).Finish(), first: map[string]*recorded{}}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

// recorded is an answer before it is sent.
type recorded struct {
	status int
	header http.Header
	body   any
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls = append(g.calls, r.Method+" "+r.URL.Path)
	key := r.Header.Get(api.HeaderIdempotencyKey)
	a := g.first[key]
	switch {
	case r.Header.Get("Authorization") != "Bearer "+token:
		a = refusal(api.NewError(api.Unauthorized, "The token is not known."))
	case a == nil:
		a = g.answer(r)
		if key != "" {
			g.first[key] = a
		}
	}
	if g.loseAnswer && r.Method != http.MethodGet && r.URL.RawQuery == "" {
		g.loseAnswer = false
		panic(http.ErrAbortHandler)
	}
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.Header().Set(api.HeaderVersion, version)
	w.WriteHeader(a.status)
	if raw, ok := a.body.([]byte); ok {
		w.Write(raw)
	} else if a.body != nil {
		json.NewEncoder(w).Encode(a.body)
	}
}

func (g *gateway) answer(r *http.Request) *recorded {
	body, _ := io.ReadAll(r.Body)
	switch r.URL.Path {
	case api.PathChanges:
		return g.dryRun(body)
	case api.PathHealth:
		return &recorded{status: 200, body: api.Health{Pools: map[string]api.PoolHealth{"web": {Settings: map[string]api.SettingHealth{"plain": {
			Targets: map[string]api.TargetHealth{"a": {Address: "127.0.0.1", Port: 80, State: api.Unhealthy, Reason: "connection refused", Failures: 3}}}}}}}}
	case api.PathStatus:
		return &recorded{status: 200, body: api.Status{Version: version, Revision: g.set.Revision(), Nodes: []api.Node{}, Objects: map[string]int{"pools": 1},
			Conditions: []api.Condition{}, Retired: []api.Retired{{Kind: "pool", Name: "old", ID: "7", Holders: []api.Holder{{Kind: "rule", Name: "r"}}}}}}
	}
	collection, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, api.Base+"/"), "/")
	kind := spec.KindByCollection(collection)
	if kind == nil {
		return refusal(api.NewError(api.UnknownPath, "There is no %s.", r.URL.Path))
	}
	e := g.set.Live(kind, name)
	if id := r.URL.Query().Get(api.ParamID); id != "" && g.set.ByID(kind, id) != nil {
		e = g.set.ByID(kind, id)
	}
	if r.Method == http.MethodGet {
		if e == nil || e.Retired {
			return refusal(api.NewError(api.NotFound, "There is no such %s.", kind))
		}
		return g.entry(200, e, spec.Encode(e.Object))
	}
	if err := precondition(r.Header, e, kind); err != nil {
		return refusal(err)
	}
	if r.Method == http.MethodDelete {
		return g.remove(e)
	}
	return g.put(g.set, kind, e, body)
}

func precondition(h http.Header, e *spec.Entry, kind *spec.Kind) *api.Error {
	match, none := h.Get("If-Match"), h.Get("If-None-Match")
	switch {
	case none == "*" && e != nil:
		return api.NewError(api.Exists, "There is a %s of this name.", kind)
	case none == "*":
	case e == nil:
		return api.NewError(api.NotFound, "There is no such %s.", kind)
	case match == "":
		return api.NewError(api.PreconditionRequired, "Neither If-Match nor If-None-Match.")
	case match != "*" && match != api.ETag(e.Revision):
		err := api.NewError(api.Changed, "The %s is at another revision.", kind)
		err.Current = e.Revision
		return err
	}
	return nil
}

func refusal(err *api.Error) *recorded {
	return &recorded{status: err.Status, header: http.Header{"Content-Type": {api.MediaProblem}}, body: err}
}

func (g *gateway) entry(status int, e *spec.Entry, body any) *recorded {
	h := http.Header{"Etag": {api.ETag(e.Revision)}, api.HeaderID: {e.ID}}
	for _, p := range g.warnings {
		h.Add(api.HeaderWarning, api.FormatWarning(p))
	}
	return &recorded{status: status, header: h, body: body}
}

// decode reads a body as a gateway does that does not know one field.
func (g *gateway) decode(kind *spec.Kind, body []byte) (spec.Object, spec.Problems) {
	var plain any
	if g.unknownField != "" && json.Unmarshal(body, &plain) == nil {
		at := plain
		for _, step := range strings.Split(g.unknownField, ".") {
			members, _ := at.(map[string]any)
			at = members[step]
		}
		if at != nil {
			return nil, spec.Problems{{Path: g.unknownField, Message: "is not a known field; there are others"}}
		}
	}
	o, ps := spec.Decode(kind, body)
	if o == nil {
		return nil, ps
	}
	return o, spec.Check(o)
}

// put is the next set with the object in it; only the caller's assignment makes it the gateway's.
func (g *gateway) put(base *spec.Set, kind *spec.Kind, before *spec.Entry, body []byte) *recorded {
	next, e, err := g.next(base, kind, before, body)
	if err != nil {
		return refusal(err)
	}
	g.set = next
	if before == nil {
		return g.entry(201, e, nil)
	}
	return g.entry(200, e, nil)
}

func (g *gateway) next(base *spec.Set, kind *spec.Kind, before *spec.Entry, body []byte) (*spec.Set, *spec.Entry, *api.Error) {
	o, ps := g.decode(kind, body)
	if len(ps) > 0 {
		return nil, nil, problems(ps)
	}
	if before != nil && spec.Equal(before.Object, o) {
		return base, before, nil
	}
	if there := base.Live(kind, o.Key()); there != nil && there != before {
		return nil, nil, api.NewError(api.Exists, "There is a %s of this name.", kind)
	}
	revision := base.Revision() + 1
	d := base.Draft(revision)
	id := strconv.FormatUint(revision, 10)
	if before != nil {
		id = before.ID
		d.Remove(kind, before.Name())
	}
	e := spec.NewEntry(id, revision, o)
	d.Put(e)
	if before != nil && before.Name() != o.Key() {
		for _, h := range base.Holders(kind, before.Name()) {
			d.Put(h.Follow(kind, before.Name(), o.Key()))
		}
	}
	next := d.Finish()
	if ps := next.CheckRefs(e, before); len(ps) > 0 {
		return nil, nil, problems(ps)
	}
	return next, e, nil
}

func problems(ps spec.Problems) *api.Error {
	err := api.NewError(api.Invalid, "Fields are wrong.")
	err.Problems = ps
	return err
}

func (g *gateway) remove(e *spec.Entry) *recorded {
	holders := g.set.Holders(e.Kind, e.Name())
	d := g.set.Draft(g.set.Revision() + 1)
	if len(holders) == 0 {
		d.Remove(e.Kind, e.Name())
		g.set = d.Finish()
		return &recorded{status: 204}
	}
	d.Put(e.Retire())
	g.set = d.Finish()
	answer := api.Deleted{Retired: true}
	for _, h := range holders {
		answer.Holders = append(answer.Holders, api.Holder{Kind: h.Kind.Name, Name: h.Name()})
	}
	return &recorded{status: 200, body: answer}
}

// dryRun imagines changes one after the other.
func (g *gateway) dryRun(body []byte) *recorded {
	var changes api.Changes
	if err := json.Unmarshal(body, &changes); err != nil {
		return refusal(api.NewError(api.Malformed, "%v", err))
	}
	set, answer := g.set, api.ChangesAnswer{}
	for i, c := range changes.Changes {
		kind := spec.KindByName(c.Kind)
		before := set.Live(kind, c.Name)
		var err *api.Error
		var next *spec.Set
		if c.IfNoneMatch && before != nil {
			err = problems(nil)
			err = api.NewError(api.Exists, "There is a %s %q.", kind, c.Name)
			err.Problems = spec.Problems{{Path: "name", Message: "is taken"}}
		} else {
			next, _, err = g.next(set, kind, before, c.Put)
		}
		if err != nil {
			for j, p := range err.Problems {
				err.Problems[j].Path = "changes[" + strconv.Itoa(i) + "].put." + p.Path
			}
			return refusal(err)
		}
		set = next
		answer.Results = append(answer.Results, api.ChangeResult{Kind: c.Kind, Name: c.Name, Warnings: g.warnings})
	}
	return &recorded{status: 200, body: answer}
}

// write is somebody else's write: under no revision, and never refused.
func (g *gateway) write(t *testing.T, o spec.Object, name string) *spec.Entry {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	kind := spec.KindOf(o)
	next, e, err := g.next(g.set, kind, g.set.Live(kind, name), spec.Encode(o))
	if err != nil {
		t.Fatalf("write %s %q: %v", kind, name, err)
	}
	g.set = next
	return e
}

// drop is somebody else's delete.
func (g *gateway) drop(t *testing.T, kind *spec.Kind, name string) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	d := g.set.Draft(g.set.Revision() + 1)
	d.Remove(kind, name)
	g.set = d.Finish()
}

// get is the object as the gateway has it; nil if there is none.
func (g *gateway) get(kind *spec.Kind, name string) spec.Object {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e := g.set.Live(kind, name); e != nil {
		return e.Object
	}
	return nil
}

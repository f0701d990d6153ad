package plugin_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A gateway is a real one behind a way that has faults: it loses an answer, makes the gateway older by a field, or says
// itself what is draining.
type gateway struct {
	*httptest.Server // what the provider calls
	*testing.T
	real *gatewaytest.Gateway
	to   string // where the real one answers, also after a restart

	mu         sync.Mutex
	loseAnswer bool   // the next write is done and its connection cut; owned by mu
	older      string // a field, by its path, that the gateway does not know; owned by mu
	// drains answers what is draining, in turn, in the place of the gateway; owned by mu.
	drains []http.HandlerFunc
	asked  []string // the paths of questions what is draining; owned by mu
}

const version = gatewaytest.Version

func newGateway(t *testing.T) *gateway {
	t.Helper()
	g := &gateway{T: t, real: gatewaytest.Start(t, gatewaytest.Loops(1))}
	g.to = g.real.Endpoint
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

// furnished is a gateway with an object of every kind, named "there", for references to lead to.
func furnished(t *testing.T) *gateway {
	t.Helper()
	g := newGateway(t)
	for _, k := range spec.Kinds() {
		config := least(k, 9)
		config["name"] = "there"
		if k == spec.Listeners {
			config["port"] = gatewaytest.FreePort(t)
		}
		o, ps := spec.Decode(k, encode(t, config))
		if ps != nil {
			t.Fatal(ps)
		}
		g.write(o, "there")
	}
	return g
}

// arguments are those of a provider that calls the gateway, and some more.
func (g *gateway) arguments(more object) object {
	config := object{"endpoints": list{g.URL}, "token": g.real.Token}
	maps.Copy(config, more)
	return config
}

// ServeHTTP passes a request on, with the faults.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	g.mu.Lock()
	older, lose := g.older, g.loseAnswer && r.Method != http.MethodGet && !r.URL.Query().Has(api.ParamDryRun)
	g.loseAnswer = g.loseAnswer && !lose
	drains := g.draining(r)
	g.mu.Unlock()
	if drains != nil {
		w.Header().Set(api.HeaderVersion, version)
		drains(w, r)
		return
	}
	if older != "" {
		if at := knows(body, older); at != "" {
			refuse(w, at)
			return
		}
	}
	out, err := http.NewRequestWithContext(r.Context(), r.Method, g.to+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	out.Header = r.Header.Clone()
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(out)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || lose {
		panic(http.ErrAbortHandler)
	}
	if older != "" && r.Method == http.MethodGet {
		text = without(text, older)
	}
	for name, values := range answer.Header {
		if name != "Content-Length" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(answer.StatusCode)
	w.Write(text)
}

// draining is the answer to a question what is draining, where the way has one; mu is held.
func (g *gateway) draining(r *http.Request) http.HandlerFunc {
	if !strings.HasPrefix(r.URL.Path, api.PathDrains) {
		return nil
	}
	g.asked = append(g.asked, r.URL.Path)
	if len(g.drains) == 0 {
		return nil
	}
	next := g.drains[0]
	g.drains = g.drains[1:]
	return next
}

// refuse answers as a gateway does that does not know a field.
func refuse(w http.ResponseWriter, path string) {
	e := api.NewError(api.Invalid, "Fields are wrong.")
	e.Problems = spec.Problems{{Path: path, Message: "is not a known field; there are others"}}
	w.Header().Set("Content-Type", api.MediaProblem)
	w.Header().Set(api.HeaderVersion, version)
	w.WriteHeader(e.Status)
	json.NewEncoder(w).Encode(e)
}

// knows says where in a body, of an object or of changes, a field is given; "" for nowhere.
func knows(body []byte, field string) string {
	var changes api.Changes
	if json.Unmarshal(body, &changes) == nil && len(changes.Changes) > 0 {
		for i, c := range changes.Changes {
			if holds(c.Put, field) {
				return fmt.Sprintf("changes[%d].put.%s", i, field)
			}
		}
		return ""
	}
	if holds(body, field) {
		return field
	}
	return ""
}

func holds(text []byte, field string) bool {
	outer, name := descend(text, field)
	_, ok := outer[name]
	return ok
}

// without takes a field out of an object.
func without(text []byte, field string) []byte {
	first, _, nested := strings.Cut(field, ".")
	outer, name := descend(text, field)
	if outer == nil {
		return text
	}
	delete(outer, name)
	if !nested {
		return mustEncode(outer)
	}
	var whole map[string]json.RawMessage
	if json.Unmarshal(text, &whole) != nil {
		return text
	}
	whole[first] = mustEncode(outer)
	return mustEncode(whole)
}

// descend is the object that holds the last name of a field's path, of one or two names, and that name.
func descend(text []byte, field string) (outer map[string]json.RawMessage, name string) {
	first, second, nested := strings.Cut(field, ".")
	if json.Unmarshal(text, &outer) != nil {
		return nil, ""
	}
	if !nested {
		return outer, first
	}
	var inner map[string]json.RawMessage
	if json.Unmarshal(outer[first], &inner) != nil {
		return nil, ""
	}
	return inner, second
}

func mustEncode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// fault sets the faults of the way.
func (g *gateway) fault(set func(*gateway)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	set(g)
}

// lost says whether the answer that was to be lost was.
func (g *gateway) lost() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.loseAnswer
}

// write is somebody else's write of the object that is called name, under any revision.
func (g *gateway) write(o spec.Object, name string) client.Meta {
	g.Helper()
	kind := spec.KindOf(o)
	var meta client.Meta
	var err error
	if g.get(kind, name) == nil {
		meta, err = g.real.Client().Create(g.Context(), kind, o, "")
	} else {
		meta, err = g.real.Client().Update(g.Context(), kind, name, o, 0, "")
	}
	if err != nil {
		g.Fatalf("write %s %q: %v", kind, name, err)
	}
	return meta
}

// drop is somebody else's delete.
func (g *gateway) drop(kind *spec.Kind, name string) {
	g.Helper()
	if _, err := g.real.Client().Delete(g.Context(), kind, name, 0, ""); err != nil {
		g.Fatal(err)
	}
}

// get is the object as the gateway has it; nil if there is none.
func (g *gateway) get(kind *spec.Kind, name string) spec.Object {
	g.Helper()
	o, _ := g.entry(kind, name)
	return o
}

func (g *gateway) entry(kind *spec.Kind, name string) (spec.Object, client.Meta) {
	g.Helper()
	o, meta, err := g.real.Client().Get(g.Context(), kind, name, "")
	if err != nil && !api.IsNotFound(err) {
		g.Fatal(err)
	}
	return o, meta
}

// retired lists the names of the retired objects of a kind.
func (g *gateway) retired(kind *spec.Kind) []string {
	g.Helper()
	items, err := g.real.Client().ListRetired(g.Context(), kind)
	if err != nil {
		g.Fatal(err)
	}
	var names []string
	for _, i := range items {
		names = append(names, i.Name)
	}
	return names
}

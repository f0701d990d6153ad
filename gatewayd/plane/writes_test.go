package plane

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A writer makes the writes of the contract's clauses. Behind each of its methods the configuration is as before.
type writer struct {
	*gate
	n, round int // writes so far, and rounds over all clauses
	tables   tables
}

// wrote notes a write, by the revision of the configuration that it made, and wants it to have ended nothing.
func (w *writer) wrote(revision uint64, err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("write %d: %v", w.n, err)
	}
	w.n++
	w.tables.note(w.plane)
	if drains, known := w.plane.Drains(revision); !known || drains.Open != 0 {
		w.Fatalf("write %d ended something, revision %d: %+v", w.n, revision, drains)
	}
}

func (w *writer) put(name string, o spec.Object) {
	w.Helper()
	m, err := w.client.Update(w.Context(), spec.KindOf(o), name, o, 0, "")
	w.wrote(m.Config, err)
}

func (w *writer) create(o spec.Object) string {
	w.Helper()
	m, err := w.client.Create(w.Context(), spec.KindOf(o), o, "")
	w.wrote(m.Config, err)
	return m.Outcome
}

func (w *writer) remove(kind *spec.Kind, name string) (holders []api.Holder) {
	w.Helper()
	d, err := w.client.Known(kind, name, "").Delete(w.Context(), 0, "")
	w.wrote(d.Config, err)
	return d.Holders
}

func (w *writer) changes(changes ...api.Change) {
	w.Helper()
	a, err := w.client.Changes(w.Context(), changes, false)
	if err != nil {
		w.Fatal(err)
	}
	w.wrote(a.Revision, nil)
}

// read reads an object, a copy of its own.
func (w *writer) read(kind *spec.Kind, name string) (spec.Object, client.Meta) {
	w.Helper()
	o, m, err := w.client.Get(w.Context(), kind, name, "")
	if err != nil {
		w.Fatal(err)
	}
	return o, m
}

// trial writes an object otherwise, looks, and writes it as it was.
func trial[O spec.Object](w *writer, name string, change func(o O), look ...func()) {
	w.Helper()
	kind := spec.KindOf(reflect.New(reflect.TypeFor[O]().Elem()).Interface().(spec.Object))
	was, _ := w.read(kind, name)
	other, _ := w.read(kind, name)
	change(other.(O))
	w.put(name, other)
	for _, f := range look {
		f()
	}
	w.put(other.Key(), was)
}

// rename gives an object, of which this is a copy, another name.
func rename(o spec.Object, name string) {
	reflect.ValueOf(o).Elem().FieldByName("Name").SetString(name)
}

// used are the objects that the tunnels use, by kind.
var used = map[*spec.Kind][]string{
	spec.Certificates: {"web", "client"}, spec.CABundles: {"inner"}, spec.Listeners: {"web", "site", "secure", "roams"},
	spec.Pools: {"plain", "red", "over", "named", "sick"}, spec.Targets: {"own"}, spec.Probes: {"up"}, spec.Settings: {"plain", "over", "sick", "roams"},
	spec.Rewrites: {"head"}, spec.Rules: {"chat", "split", "written", "over", "named", "sick", "site", "secure", "roams"},
}

func (w *writer) sameAgain() {
	for _, kind := range spec.Kinds() {
		for _, name := range used[kind] {
			o, m := w.read(kind, name)
			again, err := w.client.Update(w.Context(), kind, name, o, 0, "")
			w.wrote(again.Config, err)
			if again.Revision != m.Revision || again.Outcome != "unchanged" {
				w.Errorf("an equal write of %s %s came to %q and revision %d behind %d", kind, name, again.Outcome, again.Revision, m.Revision)
			}
		}
		name := used[kind][w.round%len(used[kind])]
		o, m := w.read(kind, name)
		rename(o, "renamed")
		w.put(name, o)
		if _, now := w.read(kind, "renamed"); now.ID != m.ID {
			w.Errorf("%s %s is another object by its new name", kind, name)
		}
		rename(o, name)
		w.put("renamed", o)
	}
}

// family are objects of all kinds that nobody uses but each other, in the order in which they can be created. n makes
// them others.
func (w *writer) family(n int) []spec.Object {
	decode := func(kind *spec.Kind, format string, args ...any) spec.Object {
		o, problems := spec.Decode(kind, fmt.Appendf(nil, format, args...))
		if problems != nil {
			w.Fatal(problems)
		}
		return o
	}
	pair := certtest.Sample(4 + n)
	return []spec.Object{
		decode(spec.Certificates, `{"name":"by","certificate_pem":%q,"private_key_pem":%q}`, pair.Certificate, pair.Key),
		decode(spec.CABundles, `{"name":"by","pem":%q}`, pair.Certificate),
		decode(spec.Listeners, `{"name":"by","address":"127.0.0.%d","port":%d,"protocol":"https","certificates":["by"]}`, n, w.free),
		decode(spec.Listeners, `{"name":"by2","address":"127.0.0.1","port":%s,"hostnames":["by%d.example"]}`, portOf(w.places["chat"]), n),
		decode(spec.Pools, `{"name":"by","targets":{"a":{"address":"127.0.0.1","port":9,"weight":%d}}}`, n),
		decode(spec.Targets, `{"name":"by","pool":"by","address":"127.0.0.%d","port":9}`, n+1),
		decode(spec.Probes, `{"name":"by","interval":"%dh"}`, n),
		decode(spec.Settings, `{"name":"by","probe":"by","protocol":"https","drain_timeout":"0s","retries":%d,"tls":{"ca_bundles":["by"]}}`, n),
		decode(spec.Rewrites, `{"name":"by","steps":[{"request_headers":{"X-By":{"value":"by %d"}}}]}`, n),
		decode(spec.Rules, `{"name":"by","listener":"by","pool":"by","setting":"by","rewrite":"by","priority":%d}`, n),
		decode(spec.Rules, `{"name":"by2","listener":"web","pool":"by","setting":"by","priority":%d,"match":{"paths":["/by/%d"]}}`, n, n),
		decode(spec.Rules, `{"name":"by3","listener":"by2","pool":"red","setting":"plain"}`),
	}
}

func (w *writer) others() {
	for _, o := range w.family(1) {
		w.create(o)
	}
	for _, o := range w.family(2) {
		w.put(o.Key(), o)
	}
	for _, o := range slices.Backward(w.family(2)) {
		w.remove(spec.KindOf(o), o.Key())
	}
}

func (w *writer) several() {
	var made, gone []api.Change
	for _, o := range w.family(1) {
		made = append(made, client.Put(o.Key(), o))
		gone = append(gone, api.Change{Kind: spec.KindOf(o).Name, Name: o.Key(), Delete: true})
	}
	slices.Reverse(gone)
	document, revision, err := w.client.ConfigRevision(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	a, err := w.client.ReplaceConfig(w.Context(), document, 0, false)
	if err == nil && a.Revision != revision {
		w.Errorf("an equal configuration is revision %d, behind %d", a.Revision, revision)
	}
	w.wrote(a.Revision, err)
	w.changes(made...)
	w.changes(gone...)
	w.changes(made...)
	a, err = w.client.ReplaceConfig(w.Context(), document, 0, false)
	w.wrote(a.Revision, err)
}

// goes wants a new connection to a place to be served, by one of some backends.
func (w *writer) goes(p place, from ...string) {
	w.Helper()
	c, err := connect(p)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.get(from...); err != nil {
		w.Error(err)
	}
}

func (w *writer) listeners() {
	at := w.places["roams"]
	moved := func(address string, port int, secure bool) func() {
		return func() {
			p := at
			p.address, p.secure = fmt.Sprintf("%s:%d", address, port), secure
			w.goes(p, "blue", "green", "own")
		}
	}
	roams := func(change func(o *spec.Listener), look ...func()) { w.Helper(); trial(w, "roams", change, look...) }
	port := atoi(portOf(at))
	roams(func(o *spec.Listener) { o.Port = w.free }, moved("127.0.0.1", w.free, false))
	roams(func(o *spec.Listener) { o.Address = "127.0.0.2" }, moved("127.0.0.2", port, false))
	roams(func(o *spec.Listener) { o.Address = "" }, moved("127.0.0.1", port, false))
	roams(func(o *spec.Listener) { o.Protocol, o.Certificates = spec.HTTPS, []string{"web"} }, moved("127.0.0.1", port, true))
	roams(func(o *spec.Listener) { o.Hostnames = []string{"elsewhere.example"} })
	roams(func(o *spec.Listener) { o.MaxTunnels, o.MaxConnections = 1, 1 })
	roams(func(o *spec.Listener) { o.ProxyProtocol, o.TrustedProxies = true, []string{"10.0.0.0/8"} })
	roams(func(o *spec.Listener) { o.DrainTimeout, o.CloseSpread = "1h", new(spec.Duration("1s")) })
	trial(w, "web", func(o *spec.Listener) {
		o.HeaderTimeout, o.BodyTimeout, o.KeepAliveTimeout, o.MaxHeaderBytes, o.MaxURLBytes, o.MaxBodyBytes = "1s", "1s", "60s", 2048, 1024, 1<<20
		o.TrustedProxies = []string{"127.0.0.1"}
		o.ErrorPages = map[string]spec.ErrorPage{"502": {Body: "sorry", ContentType: "text/plain"}}
	})
	trial(w, "site", func(o *spec.Listener) { o.Hostnames = append(o.Hostnames, "*.site.example") })
	trial(w, "secure", func(o *spec.Listener) { o.Certificates = []string{"client", "web"} }, func() {
		if w.leaf(w.places["secure"]) != certtest.Sample(3).Certificate {
			w.Error("a new connection is not shown the first certificate")
		}
	})
	trial(w, "secure", func(o *spec.Listener) { o.TLS = &spec.TLS{MinVersion: new("1.3")} })
}

func (w *writer) rules() {
	one := 1
	to := func(change func(o *spec.Rule), from ...string) {
		w.Helper()
		trial(w, "roams", change, func() {
			if from != nil {
				w.goes(w.places["roams"], from...)
			}
		})
	}
	to(func(o *spec.Rule) { o.Listener, o.Match = "site", &spec.Match{Paths: []string{"/roams/*"}} })
	to(func(o *spec.Rule) { o.Match = &spec.Match{Paths: []string{"/elsewhere"}, Methods: []string{"POST"}} })
	to(func(o *spec.Rule) { o.Priority = &one }, "blue", "green", "own")
	to(func(o *spec.Rule) { o.Pool = new("red") }, "red")
	to(func(o *spec.Rule) { o.Setting = new("plain") }, "blue", "green", "own")
	to(func(o *spec.Rule) { o.Rewrite = new("head") }, "blue", "green", "own")
	to(func(o *spec.Rule) {
		o.Pool, o.Setting, o.Split = nil, nil, map[string]spec.Share{"red": {Pool: "red", Setting: "plain", Weight: 1}}
	}, "red")
	to(func(o *spec.Rule) {
		o.Pool, o.Setting, o.Redirect = nil, nil, &spec.Redirect{Status: 302, URL: new("https://elsewhere.example/")}
	})
	to(func(o *spec.Rule) {
		o.Pool, o.Setting, o.Respond = nil, nil, &spec.Respond{Status: 503, ContentType: "text/plain"}
	})
	trial(w, "split", func(o *spec.Rule) {
		s := o.Split["two"]
		s.Weight = 7
		o.Split["two"] = s
	})
	trial(w, "chat", func(o *spec.Rule) { o.Priority, o.Rewrite = &one, new("head") })
	trial(w, "chat", func(o *spec.Rule) { o.Match.Paths = []string{"/chat*", "/talk/*"} })
}

package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// maxTries bounds how often a replacement of any configuration is computed again because somebody else was faster.
const maxTries = 5

// readConfig answers every object that is not retired, as replaceConfig takes them.
func (a *admin) readConfig(w http.ResponseWriter, _ *http.Request) error {
	set := a.Control.Set()
	var b bytes.Buffer
	for i, kind := range spec.Kinds() {
		fmt.Fprintf(&b, "%s%q:[", [...]string{"{", ","}[min(i, 1)], kind.Collection)
		first := true
		for _, e := range set.All(kind) {
			if e.Retired {
				continue
			}
			if !first {
				b.WriteByte(',')
			}
			first = false
			b.Write(spec.Encode(e.Object))
		}
		b.WriteByte(']')
	}
	b.WriteString("}")
	w.Header().Set("ETag", configTag(set.Revision()))
	w.Header().Set(api.HeaderRevision, strconv.FormatUint(set.Revision(), 10))
	return writeJSON(w, http.StatusOK, json.RawMessage(b.Bytes()))
}

// configTag is the entity tag of the configuration, which unlike an object's can be that of revision 0.
func configTag(revision uint64) string { return api.ETag(revision) }

// A replacement is a request to make a document the whole configuration.
type replacement struct {
	key    string
	dryRun bool
	// revision is that of If-Match; any is If-Match: *.
	revision uint64
	any      bool
	raw      []byte
}

func readReplacement(r *http.Request) (q replacement, err error) {
	if q.dryRun, err = flag(r, api.ParamDryRun); err != nil {
		return q, err
	}
	if q.key, err = readKey(r); err != nil {
		return q, err
	}
	if q.revision, q.any, err = readConfigPrecondition(r); err != nil {
		return q, err
	}
	q.raw, err = readBody(r, configLimit)
	return q, err
}

// replaceConfig makes the body the whole configuration in one commit: creates, updates and deletes what differs. The
// changes name the objects' ids and revisions, so that what others write meanwhile is never overwritten; a new object
// that others create meanwhile stays, as if it had been created behind the replacement. One replacement is made at a
// time: a repeat waits for the first, and no two large documents are in memory as objects.
func (a *admin) replaceConfig(w http.ResponseWriter, r *http.Request) error {
	q, err := readReplacement(r)
	if err != nil {
		return err
	}
	a.replaced.mu.Lock()
	defer a.replaced.mu.Unlock()
	print := q.print()
	answer, found := a.replaced.get(print)
	if !found {
		if answer, err = a.replace(r, q); err != nil {
			return err
		}
		if print != "" {
			a.replaced.add(print, answer)
		}
	}
	w.Header().Set("ETag", configTag(answer.revision))
	w.Header().Set(api.HeaderRevision, strconv.FormatUint(answer.revision, 10))
	return writeJSON(w, http.StatusOK, json.RawMessage(answer.body))
}

// replace makes or imagines a replacement.
func (a *admin) replace(r *http.Request, q replacement) (replaced, error) {
	doc, ps := readDocument(q.raw)
	if len(ps) > 0 {
		return replaced{}, undecodable(q.raw, ps)
	}
	for try := 1; ; try++ {
		set := a.Control.Set()
		changes, paths := doc.changes(set)
		if !q.any && q.revision != set.Revision() && len(changes) > 0 {
			e := api.NewError(api.Changed, "The configuration was changed meanwhile: it is at revision %d, not %d.", set.Revision(), q.revision)
			e.Current = set.Revision()
			return replaced{}, e
		}
		results, err := a.applyAll(r, changes, q.dryRun)
		if err == nil {
			answer := changesAnswer(changes, results, set.Revision(), q.dryRun)
			body, err := json.Marshal(answer)
			return replaced{answer.Revision, body}, err
		}
		if !q.any || try == maxTries || !overtaken(err) {
			return replaced{}, a.refusal(err, func(i int) string { return paths[i] })
		}
	}
}

// overtaken says that somebody else wrote between the look at the configuration and the commit.
func overtaken(err error) bool {
	e, ok := errors.AsType[*control.Error](err)
	return ok && (e.Reason == control.Changed || e.Reason == control.Exists || e.Reason == control.NotFound)
}

// readConfigPrecondition is the revision of If-Match; anyRevision is If-Match: *.
func readConfigPrecondition(r *http.Request) (revision uint64, anyRevision bool, err error) {
	if slices.Equal(r.Header["If-Match"], []string{configTag(0)}) && len(r.Header["If-None-Match"]) == 0 {
		return 0, false, nil
	}
	p, err := readPrecondition(r)
	switch {
	case err != nil:
		return 0, false, err
	case p.noneMatch:
		return 0, false, api.NewError(api.Malformed, "A PUT of the configuration takes If-Match, not If-None-Match.")
	case p.match == 0 && !p.anyMatch:
		return 0, false, api.NewError(api.PreconditionRequired, "A PUT of the configuration must say in If-Match which revision it replaces: the ETag of a GET, or * for any.")
	}
	return p.match, p.anyMatch, nil
}

// A document is a whole configuration as it was sent, with the place of each object in it.
type document struct {
	objects []spec.Object
	paths   []string
	named   map[*spec.Kind]map[string]bool
}

func readDocument(raw []byte) (document, spec.Problems) {
	objects, ps := spec.DecodeConfig(raw)
	d := document{objects: objects, named: map[*spec.Kind]map[string]bool{}}
	counts := map[*spec.Kind]int{}
	for _, k := range spec.Kinds() {
		d.named[k] = map[string]bool{}
	}
	for _, o := range objects {
		kind := spec.KindOf(o)
		path := fmt.Sprintf("%s[%d]", kind.Collection, counts[kind])
		counts[kind]++
		d.paths = append(d.paths, path)
		switch name := o.Key(); {
		case name == "":
			ps.Add(path+".name", "is required")
		case d.named[kind][name]:
			ps.Add(path+".name", "is the name of another %s of the document", kind)
		default:
			d.named[kind][name] = true
		}
	}
	return d, ps
}

// changes are what makes a set the document: first what it has, an object behind those that it may name, then deletes,
// an object before those that it may name. paths are the places of the changes in the document, "" for a delete.
func (d document) changes(set *spec.Set) (changes []control.Change, paths []string) {
	for i, o := range d.objects {
		c := control.Change{Kind: spec.KindOf(o), Name: o.Key(), Put: o}
		if e := set.Live(c.Kind, c.Name); e == nil {
			c.IfNoneMatch = true
		} else if spec.Keeps(e.Object, o) {
			continue
		} else {
			c.ID, c.IfMatch = e.ID, e.Revision
		}
		changes, paths = append(changes, c), append(paths, d.paths[i])
	}
	kinds := slices.Clone(spec.Kinds())
	slices.Reverse(kinds)
	for _, kind := range kinds {
		for _, e := range set.All(kind) {
			if !e.Retired && !d.named[kind][e.Name()] {
				changes = append(changes, control.Change{Kind: kind, Name: e.Name(), ID: e.ID, IfMatch: e.Revision})
				paths = append(paths, "")
			}
		}
	}
	return changes, paths
}

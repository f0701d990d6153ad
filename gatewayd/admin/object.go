package admin

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"sort"
	"strconv"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// list answers a page of a collection. A page begins behind a name, so that writes between two pages neither repeat
// nor skip an object that was there all the time.
func (a *admin) list(w http.ResponseWriter, r *http.Request) error {
	kind, err := kindOf(r)
	if err != nil {
		return err
	}
	retired, err := flag(r, api.ParamRetired)
	if err != nil {
		return err
	}
	limit, after, err := readPage(r)
	if err != nil {
		return err
	}
	set := a.Control.Set()
	entries := set.All(kind)
	entries = entries[sort.Search(len(entries), func(i int) bool { return entries[i].Name() > after }):]
	page := api.Page{Items: []api.Item{}}
	for _, e := range entries {
		if e.Retired != retired {
			continue
		}
		if len(page.Items) == limit {
			page.Next = base64.RawURLEncoding.EncodeToString([]byte(page.Items[limit-1].Name))
			break
		}
		page.Items = append(page.Items, api.Item{
			Name: e.Name(), ID: e.ID, ETag: api.ETag(e.Revision), Retired: e.Retired, Object: spec.Encode(e.Object), Facts: e.Facts(),
		})
	}
	w.Header().Set(api.HeaderRevision, strconv.FormatUint(set.Revision(), 10))
	return writeJSON(w, http.StatusOK, page)
}

func readPage(r *http.Request) (limit int, after string, err error) {
	query := r.URL.Query()
	limit = api.DefaultPage
	if query.Has(api.ParamLimit) {
		limit, err = strconv.Atoi(query.Get(api.ParamLimit))
		if err != nil || limit < 1 || limit > api.MaxPage {
			return 0, "", api.NewError(api.Malformed, "The parameter %s must be 1 to %d.", api.ParamLimit, api.MaxPage)
		}
	}
	if query.Has(api.ParamNext) {
		token, err := base64.RawURLEncoding.Strict().DecodeString(query.Get(api.ParamNext))
		if err != nil || len(token) == 0 {
			return 0, "", api.NewError(api.Malformed, "The parameter %s must be what the page before gave as next.", api.ParamNext)
		}
		after = string(token)
	}
	return limit, after, nil
}

// read answers one object. With an id it is the object that has it, under whatever name, else that of the name.
func (a *admin) read(w http.ResponseWriter, r *http.Request) error {
	kind, err := kindOf(r)
	if err != nil {
		return err
	}
	retired, err := flag(r, api.ParamRetired)
	if err != nil {
		return err
	}
	set, name := a.Control.Set(), r.PathValue("name")
	var e *spec.Entry
	if id := r.URL.Query().Get(api.ParamID); id != "" {
		e = set.ByID(kind, id)
	}
	if e == nil || e.Retired != retired {
		e = set.Get(kind, name)
	}
	switch {
	case e == nil:
		return api.NewError(api.NotFound, "There is no %s %q.", kind, short(name))
	case e.Retired && !retired:
		return api.NewError(api.NotFound, "The %s %q was deleted; it only still serves those that name it.", kind, short(name))
	case retired && !e.Retired:
		return api.NewError(api.NotFound, "There is no retired %s %q.", kind, short(name))
	}
	w.Header().Set(api.HeaderRevision, strconv.FormatUint(set.Revision(), 10))
	a.describe(w, e, a.Control.Warnings(e))
	return writeObject(w, http.StatusOK, e)
}

// describe sets the headers that say of an object what its body does not.
func (a *admin) describe(w http.ResponseWriter, e *spec.Entry, warnings []spec.Problem) {
	h := w.Header()
	h.Set("ETag", api.ETag(e.Revision))
	h.Set(api.HeaderID, e.ID)
	if e.Retired {
		h.Set(api.HeaderRetired, "true")
	}
	for i, p := range warnings {
		if i == maxWarnings {
			break
		}
		h.Add(api.HeaderWarning, api.FormatWarning(p))
	}
}

// maxWarnings bounds the warnings in the head of an answer. /v1/status has all.
const maxWarnings = 20

// put creates, updates, renames or revives one object.
func (a *admin) put(w http.ResponseWriter, r *http.Request) error {
	c, options, err := a.readChange(r)
	if err != nil {
		return err
	}
	condition, err := readPrecondition(r)
	if err != nil {
		return err
	}
	raw, err := readBody(r, objectLimit)
	if err != nil {
		return err
	}
	o, ps := spec.Decode(c.Kind, raw)
	if len(ps) > 0 {
		return undecodable(raw, ps)
	}
	c.Put, c.IfMatch, c.IfNoneMatch = o, condition.match, condition.noneMatch
	if condition.anyMatch {
		if err := a.any(&c); err != nil {
			return err
		}
	}
	result, err := a.apply(r, c, options)
	if err != nil || options.dryRun {
		return a.answerDryRun(w, c, result, err)
	}
	a.describeResult(w, result)
	a.describe(w, result.Entry, result.Warnings)
	status := http.StatusOK
	if result.Outcome == control.Created || result.Outcome == control.Revived {
		status = http.StatusCreated
		w.Header().Set("Location", api.ObjectPath(c.Kind, result.Entry.Name()))
	}
	return writeObject(w, status, result.Entry)
}

// any makes a change that rests on the existence of its object and on no revision: on the object's id. A repetition of
// a rename finds the object under its new name.
func (a *admin) any(c *control.Change) error {
	set := a.Control.Set()
	e := set.Live(c.Kind, c.Name)
	if e == nil && c.Key != "" {
		e = set.Live(c.Kind, c.Put.Key())
	}
	if e == nil {
		return api.NewError(api.NotFound, "There is no %s %q.", c.Kind, short(c.Name))
	}
	c.Upsert = true
	if c.ID == "" {
		c.ID = e.ID
	}
	return nil
}

// delete removes or retires one object, or drops a retired one. Without If-Match any revision will do: whoever deletes
// by name means the name.
func (a *admin) delete(w http.ResponseWriter, r *http.Request) error {
	c, options, err := a.readChange(r)
	if err != nil {
		return err
	}
	if c.Retired, err = flag(r, api.ParamRetired); err != nil {
		return err
	}
	condition, err := readPrecondition(r)
	if err != nil {
		return err
	}
	if condition.noneMatch {
		return api.NewError(api.Malformed, "A DELETE takes If-Match, not If-None-Match.")
	}
	c.IfMatch = condition.match
	result, err := a.apply(r, c, options)
	if err != nil || options.dryRun {
		return a.answerDryRun(w, c, result, err)
	}
	a.describeResult(w, result)
	if result.Outcome != control.Retired && len(result.Holders) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return writeJSON(w, http.StatusOK, api.Deleted{Retired: result.Outcome == control.Retired, Holders: holders(result.Holders)})
}

// options are what a write has beside its change.
type options struct{ dryRun bool }

// readChange reads what every write of one object has.
func (a *admin) readChange(r *http.Request) (control.Change, options, error) {
	c := control.Change{Name: r.PathValue("name"), ID: r.URL.Query().Get(api.ParamID)}
	var o options
	var err error
	if c.Kind, err = kindOf(r); err != nil {
		return c, o, err
	}
	if c.Key, err = readKey(r); err != nil {
		return c, o, err
	}
	o.dryRun, err = flag(r, api.ParamDryRun)
	return c, o, err
}

// apply makes or imagines one change.
func (a *admin) apply(r *http.Request, c control.Change, o options) (control.Result, error) {
	results, err := a.applyAll(r, []control.Change{c}, o.dryRun)
	if err != nil {
		return control.Result{}, a.refusal(err, whole)
	}
	return results[0], nil
}

func (a *admin) applyAll(r *http.Request, changes []control.Change, dryRun bool) ([]control.Result, error) {
	if dryRun {
		return a.Control.DryRun(changes)
	}
	return a.Control.Apply(r.Context(), changes)
}

func (a *admin) describeResult(w http.ResponseWriter, result control.Result) {
	w.Header().Set(api.HeaderOutcome, result.Outcome)
	w.Header().Set(api.HeaderRevision, strconv.FormatUint(result.Revision, 10))
}

// answerDryRun answers what one write would do; err, where there is one, is the answer.
func (a *admin) answerDryRun(w http.ResponseWriter, c control.Change, result control.Result, err error) error {
	if err != nil {
		return err
	}
	return a.answerChanges(w, []control.Change{c}, []control.Result{result}, true)
}

func holders(entries []*spec.Entry) []api.Holder {
	list := make([]api.Holder, len(entries))
	for i, e := range entries {
		list[i] = api.Holder{Kind: e.Kind.Name, Name: e.Name()}
	}
	return list
}

func writeObject(w http.ResponseWriter, status int, e *spec.Entry) error {
	w.Header().Set("Content-Type", api.MediaJSON)
	w.WriteHeader(status)
	w.Write(append(spec.Encode(e.Object), '\n')) // The client may be gone; nobody is left to tell.
	return nil
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding an answer: %w", err)
	}
	w.Header().Set("Content-Type", api.MediaJSON)
	w.WriteHeader(status)
	w.Write(append(body, '\n')) // The client may be gone; nobody is left to tell.
	return nil
}

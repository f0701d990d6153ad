package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// changesBody is api.Changes as spec.Unmarshal reads it, whose names stand in the tags alone.
type changesBody struct {
	Changes []changeBody `json:"changes"`
}

type changeBody struct {
	Kind        string          `json:"kind"`
	Name        string          `json:"name"`
	ID          string          `json:"id"`
	Put         json.RawMessage `json:"put"`
	Delete      bool            `json:"delete"`
	IfMatch     uint64          `json:"if_match"`
	IfNoneMatch bool            `json:"if_none_match"`
}

// change makes or imagines several changes in one commit.
func (a *admin) change(w http.ResponseWriter, r *http.Request) error {
	dryRun, err := flag(r, api.ParamDryRun)
	if err != nil {
		return err
	}
	key, err := readKey(r)
	if err != nil {
		return err
	}
	raw, err := readBody(r, changesLimit)
	if err != nil {
		return err
	}
	var body changesBody
	if ps := spec.Unmarshal(raw, &body); len(ps) > 0 {
		return undecodable(raw, ps)
	}
	var changes []control.Change
	var problems spec.Problems
	for i, c := range body.Changes {
		change, ps := c.read(key)
		problems.Append(ps.At(fmt.Sprintf("changes[%d]", i)))
		changes = append(changes, change)
	}
	if len(body.Changes) == 0 {
		problems.Add("changes", "must have at least one change")
	}
	if len(problems) > 0 {
		return undecodable(raw, problems)
	}
	results, err := a.applyAll(r, changes, dryRun)
	if err != nil {
		return a.refusal(err, func(i int) string {
			if changes[i].Put == nil {
				return fmt.Sprintf("changes[%d]", i)
			}
			return fmt.Sprintf("changes[%d].put", i)
		})
	}
	return a.answerChanges(w, changes, results, dryRun)
}

// read makes a change of what was sent.
func (c changeBody) read(key string) (control.Change, spec.Problems) {
	var ps spec.Problems
	change := control.Change{Name: c.Name, ID: c.ID, IfMatch: c.IfMatch, IfNoneMatch: c.IfNoneMatch, Key: key}
	hasPut := c.Put != nil && string(c.Put) != "null"
	if change.Kind = spec.KindByName(c.Kind); change.Kind == nil {
		ps.Add("kind", "must be one of %s, not %q", kindNames(), short(c.Kind))
	}
	if c.Name == "" {
		ps.Add("name", "is required")
	}
	if hasPut == c.Delete {
		ps.Add("", "must have either put, an object, or delete = true")
	}
	if c.IfNoneMatch && (c.Delete || c.IfMatch != 0 || c.ID != "") {
		ps.Add("if_none_match", "is for a put of a new object, without id and if_match")
	}
	if len(ps) > 0 || !hasPut {
		return change, ps
	}
	o, problems := spec.Decode(change.Kind, c.Put)
	if len(problems) > 0 {
		return change, problems.At("put")
	}
	change.Put = o
	change.Upsert = !c.IfNoneMatch && c.IfMatch == 0
	return change, nil
}

func kindNames() string {
	var text string
	for i, k := range spec.Kinds() {
		if i > 0 {
			text += ", "
		}
		text += k.Name
	}
	return text
}

// answerChanges says what changes did or would do.
func (a *admin) answerChanges(w http.ResponseWriter, changes []control.Change, results []control.Result, dryRun bool) error {
	answer := changesAnswer(changes, results, a.Control.Set().Revision(), dryRun)
	w.Header().Set(api.HeaderRevision, strconv.FormatUint(answer.Revision, 10))
	return writeJSON(w, http.StatusOK, answer)
}

// changesAnswer is the answer to changes. Its revision is that of the configuration that holds them, and where there is
// none, or in a dry run, the present one. In a dry run what would be written has no ETag yet.
func changesAnswer(changes []control.Change, results []control.Result, present uint64, dryRun bool) api.ChangesAnswer {
	answer := api.ChangesAnswer{Results: []api.ChangeResult{}}
	for i, result := range results {
		answer.Revision = max(answer.Revision, result.Revision)
		one := api.ChangeResult{
			Kind: changes[i].Kind.Name, Name: changes[i].Name, Outcome: result.Outcome,
			Holders: holders(result.Holders), Warnings: append(spec.Problems{}, result.Warnings...),
		}
		if e := result.Entry; e != nil && result.Outcome != control.Deleted {
			one.Name, one.ID = e.Name(), e.ID
			if !dryRun || result.Outcome == control.Unchanged {
				one.ETag = api.ETag(e.Revision)
			}
		}
		answer.Results = append(answer.Results, one)
	}
	if len(results) == 0 || dryRun {
		answer.Revision = present
	}
	return answer
}

package control

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// maxConflicts bounds how often a batch starts anew because somebody else committed first.
const maxConflicts = 10

// write takes a batch of jobs through validation, preparation, commit and publication, and answers all of them. That is
// not deferred: a panic on the way must not look like a success to those who wait.
func (c *Controller) write(batch []*job) {
	c.decide(batch)
	for _, j := range batch {
		close(j.done)
	}
}

// decide is the way of a batch up to its answers.
func (c *Controller) decide(batch []*job) {
	refused := map[*job]error{}
	for conflicts := 0; ; {
		base := c.state.Load()
		d := newDraft(base, c.rememberedID)
		revision := c.draw(d, batch, refused)
		if len(d.log) == 0 {
			c.conclude(batch, base.set, base.served)
			return
		}
		set := d.finish(revision)
		prepared, served := c.prepare(set, batch, refused)
		if prepared == nil && len(served) == 0 {
			continue // Some jobs are refused now; the others go on without them.
		}
		if prepared == nil {
			failAll(batch, unavailable(errors.New(served[0].String()), "The gateway cannot serve the change now; nothing was changed."))
			return
		}
		err := c.commit(d, set, batch)
		if err == nil {
			prepared.Publish()
			c.state.Store(base.next(d, set, served))
			c.tell(Applied, base.set, set)
			c.conclude(batch, set, served)
			return
		}
		prepared.Discard()
		if conflicts++; !errors.Is(err, store.ErrConflict) || conflicts > maxConflicts {
			c.log.Error("the configuration could not be stored", "revision", revision, "error", err)
			failAll(batch, unstored(err))
			return
		}
		if err := c.adopt(context.Background()); err != nil {
			c.log.Error("the configuration of somebody else could not be loaded", "error", err)
			failAll(batch, unavailable(err, "The gateway could not load its store; nothing was changed."))
			return
		}
		clear(refused)
	}
}

// draw applies the jobs to the draft, each seeing what the ones before it did, and returns the revision of the last that
// changed something. Each such job has a revision of its own, so that an ETag never stands for two contents.
func (c *Controller) draw(d *draft, batch []*job, refused map[*job]error) uint64 {
	last := d.base.set.Revision()
	answered := map[string]*Result{} // in this batch, by print
	repeat := func(change *Change) *Result {
		if r := answered[change.print()]; r != nil {
			return r
		}
		return c.memory.repeat(d.base.set, change)
	}
	for _, j := range batch {
		if j.err = refused[j]; j.err != nil {
			continue
		}
		length := len(d.log)
		if j.err = d.apply(j, last+1, repeat); j.err != nil {
			continue
		}
		if len(d.log) > length {
			last = j.revision
		}
		for i := range j.changes {
			if p := j.changes[i].print(); p != "" {
				answered[p] = j.results[i]
			}
		}
	}
	return last
}

// prepare has the plane prepare the set. Where that fails by what jobs wrote, these are refused and both results are nil.
// Where it fails by what was there before, such as a port that was taken at boot already, the rest is prepared. A nil
// Prepared with problems is the plane's failure.
func (c *Controller) prepare(set *spec.Set, batch []*job, refused map[*job]error) (Prepared, []ObjectProblem) {
	prepared, problems := c.plane.Prepare(set, false)
	if prepared != nil {
		return prepared, problems
	}
	blamed := 0
	for _, j := range batch {
		if j.err != nil {
			continue
		}
		if err := j.blame(set, problems); err != nil {
			refused[j] = err
			blamed++
		}
	}
	if blamed > 0 {
		return nil, nil
	}
	if prepared, problems = c.plane.Prepare(set, true); prepared == nil && len(problems) == 0 {
		problems = []ObjectProblem{{Problem: spec.Problem{Message: "the plane prepared nothing and gave no reason"}}}
	}
	return prepared, problems
}

// blame is the job's refusal by problems of objects that stand in the set as the job wrote them; nil if there is none.
// What another job of the batch wrote anew since is no longer this one's, whatever the object is called by now.
func (j *job) blame(set *spec.Set, problems []ObjectProblem) error {
	faults := map[int]*Error{}
	var order []*Error
	for _, p := range problems {
		i := j.wrote(set.Get(p.Kind, p.Name))
		if i < 0 {
			continue
		}
		if faults[i] == nil {
			faults[i] = &Error{Reason: Invalid, Change: i, Message: fmt.Sprintf("The %s %q cannot be served.", p.Kind, p.Name)}
			order = append(order, faults[i])
		}
		faults[i].Problems = append(faults[i].Problems, p.Problem)
	}
	if err := together(order); err != nil {
		return err
	}
	return nil
}

// wrote is the index of the change that wrote the entry, or -1. A revision is one job's, and an entry that followed a
// rename or retired since keeps its own.
func (j *job) wrote(e *spec.Entry) int {
	if e == nil {
		return -1
	}
	return slices.IndexFunc(j.results, func(r *Result) bool {
		return r.Outcome != Unchanged && r.Outcome != Deleted && r.Outcome != Retired &&
			r.Entry.Kind == e.Kind && r.Entry.ID == e.ID && r.Entry.Revision == e.Revision
	})
}

func failAll(batch []*job, err *Error) {
	for _, j := range batch {
		j.err = err
	}
}

// conclude completes the answers and remembers them.
func (c *Controller) conclude(batch []*job, set *spec.Set, served []ObjectProblem) {
	conditions := byObject(served)
	for _, j := range batch {
		if j.err != nil {
			continue
		}
		for i, r := range j.results {
			if set.Get(r.Entry.Kind, r.Entry.Name()) == r.Entry {
				r.Warnings = warnings(set, conditions, r.Entry)
			}
			if p := j.changes[i].print(); p != "" {
				c.memory.answers.set(p, remembered(r))
			}
		}
	}
}

// rememberedID is the id of an object that was deleted under the name not long ago, or empty.
func (c *Controller) rememberedID(o object) string {
	id, _ := c.memory.ids.get(o)
	return id
}

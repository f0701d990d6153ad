package control

import (
	"crypto/rand"
	"fmt"
	"slices"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// An object is the place of one object in a set.
type object struct {
	kind *spec.Kind
	name string
}

// A life is one object from its creation to its end, whatever it is called meanwhile.
type life struct {
	kind *spec.Kind
	id   string
}

// A draft is the next set in the making. Jobs are applied to it one after the other; one that fails is taken back, so
// that the others never see it.
type draft struct {
	*spec.Draft
	base *state
	log  []step
	// ids are those of the objects that this draft removed. What is taken back may stay here: see newID.
	ids map[object]string
	// remembered is the id of an object that was deleted under the name not long ago, or empty. Without it the draft is
	// dry and gives no ids.
	remembered func(object) string
}

// A step is one change of a place: what stood there before, nil for nothing. With unread it is the deletion of a record
// that could not be read.
type step struct {
	object
	before *spec.Entry
	unread bool
}

func newDraft(base *state, remembered func(object) string) *draft {
	return &draft{
		Draft: base.set.Draft(base.set.Revision()), base: base,
		ids: map[object]string{}, remembered: remembered,
	}
}

// put stores an entry under its name.
func (d *draft) put(e *spec.Entry) {
	d.log = append(d.log, step{object: object{e.Kind, e.Name()}, before: d.Get(e.Kind, e.Name())})
	d.Put(e)
}

// remove drops the object of that name, which is there.
func (d *draft) remove(kind *spec.Kind, name string) {
	e := d.Get(kind, name)
	d.log = append(d.log, step{object: object{kind, name}, before: e})
	d.ids[object{kind, name}] = e.ID
	d.Remove(kind, name)
}

// unread is the record of that name that could not be read at boot, and whether there is one in the draft.
func (d *draft) unread(kind *spec.Kind, name string) (store.Record, bool) {
	u, found := d.base.unread[store.Ref{Kind: kind.Name, Name: name}]
	if !found {
		return store.Record{}, false
	}
	for _, s := range d.log {
		if s.unread && s.object == (object{kind, name}) {
			return store.Record{}, false
		}
	}
	return u.record, true
}

// undo takes back every change after the log had the given length.
func (d *draft) undo(length int) {
	for i := len(d.log) - 1; i >= length; i-- {
		switch s := d.log[i]; {
		case s.unread:
		case s.before == nil:
			d.Remove(s.kind, s.name)
		default:
			d.Put(s.before)
		}
	}
	d.log = d.log[:length]
}

// finish is the set that the draft became, at a revision.
func (d *draft) finish(revision uint64) *spec.Set {
	d.At(revision)
	return d.Finish()
}

// newID is the id of an object that is created: that of the one which was deleted under its name not long ago, so that a
// replaced rule or target keeps what is open on it, else 128 random bits and a little more.
func (d *draft) newID(kind *spec.Kind, name string) string {
	if d.remembered == nil {
		return ""
	}
	o := object{kind, name}
	id := d.ids[o]
	if id == "" {
		id = d.remembered(o)
	}
	// An object that was renamed after it got a remembered id still has it.
	if id == "" || d.ByID(kind, id) != nil {
		return rand.Text()
	}
	return id
}

// apply makes a job's changes, all of them or none. Its writes get the revision. repeat finds the first answer to a
// change that is made again; it may be nil.
func (d *draft) apply(j *job, revision uint64, repeat func(*Change) *Result) error {
	start := len(d.log)
	j.results, j.writes, j.revision = make([]*Result, len(j.changes)), nil, revision
	var err *Error
	for i := range j.changes {
		if err != nil {
			break
		}
		c := &j.changes[i]
		if repeat != nil && c.Key != "" {
			if j.results[i] = repeat(c); j.results[i] != nil {
				continue
			}
		}
		if j.results[i], err = d.change(c, revision); err != nil {
			err.Change = i
		}
	}
	if err == nil {
		d.sweep(start)
		err = d.checkRefs(j, start)
	}
	if err != nil {
		d.undo(start)
		j.results = nil
		return err
	}
	d.settle(j)
	return nil
}

// settled looks at every object by itself, so that the caller learns of all at once, and puts each in the form in which it
// is kept. That is the caller's work, not the writer's: a certificate takes a while.
func settled(changes []Change) ([]Change, *Error) {
	changes = slices.Clone(changes)
	var faults []*Error
	for i := range changes {
		c := &changes[i]
		if c.Put == nil {
			continue
		}
		var problems spec.Problems
		if c.Put, problems = spec.Settle(c.Put); len(problems) > 0 {
			faults = append(faults, &Error{
				Reason: Invalid, Change: i, Problems: problems, Message: fmt.Sprintf("The %s %q is not valid.", c.Kind, c.Name),
			})
		}
	}
	return changes, together(faults)
}

// together makes one error of several, nil of none.
func together(faults []*Error) *Error {
	if len(faults) == 0 {
		return nil
	}
	faults[0].Others = faults[1:]
	return faults[0]
}

// checkRefs looks at what the written objects name, once all of the job's changes are made, so that an object may name a
// later one.
func (d *draft) checkRefs(j *job, start int) *Error {
	before := map[life]*spec.Entry{}
	for _, s := range d.log[start:] {
		if s.before == nil || s.before.Revision == j.revision {
			continue // A first write in the job allows its second one nothing.
		}
		if l := (life{s.kind, s.before.ID}); before[l] == nil {
			before[l] = s.before
		}
	}
	earlier := func(e *spec.Entry) *spec.Entry {
		if was := before[life{e.Kind, e.ID}]; was != nil || e.Revision == j.revision {
			return was
		}
		return e
	}
	var faults []*Error
	for i, r := range j.results {
		// The entry may have followed the rename of another object since it was written.
		e := d.Get(r.Entry.Kind, r.Entry.Name())
		if j.changes[i].Put == nil || r.Revision != j.revision || e == nil || e.ID != r.Entry.ID || e.Revision != j.revision {
			continue // Not written by this job, or deleted or renamed by a later change of it.
		}
		if !e.Retired {
			r.Entry = e
		}
		if problems := d.CheckRefs(e, earlier); len(problems) > 0 {
			faults = append(faults, &Error{
				Reason: Invalid, Change: i, Problems: problems,
				Message: fmt.Sprintf("The %s %q names what it cannot name.", e.Kind, e.Name()),
			})
		}
	}
	return together(faults)
}

// sweep drops the retired objects that nobody names any more, and what they alone had named.
func (d *draft) sweep(start int) {
	for i := start; i < len(d.log); i++ { // The log grows meanwhile.
		before := d.log[i].before
		if before == nil {
			continue
		}
		for _, r := range before.Refs() {
			if e := d.Get(r.Kind, r.Name); e != nil && e.Retired && len(d.Holders(r.Kind, r.Name)) == 0 {
				d.remove(r.Kind, r.Name)
			}
		}
	}
}

// settle fills in what is known of a job only when all its changes are made.
func (d *draft) settle(j *job) {
	for i, r := range j.results {
		c := &j.changes[i]
		if r.Outcome == Retired && r.Revision == j.revision {
			if d.Get(c.Kind, c.Name) != r.Entry {
				r.Outcome, r.Holders = Deleted, nil // Later changes of the job let go of it, or revived it.
			} else {
				r.Holders = d.Holders(c.Kind, c.Name)
			}
		}
		if r.Outcome != Unchanged && r.Outcome != Deleted && r.Revision == j.revision {
			j.writes = append(j.writes, keyed{life{c.Kind, r.Entry.ID}, write{c.print(), r.Outcome}})
		}
	}
}

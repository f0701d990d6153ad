package control

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A state is what serves, and what is wrong with it. It is never changed.
type state struct {
	set *spec.Set
	// served are the plane's conditions.
	served []ObjectProblem
	// loaded are the problems of objects that a check would refuse today. Each ends with the next write of its object.
	loaded []loaded
	// unread are the records that could not be read. They stay in the store until somebody deletes them.
	unread map[store.Ref]unread
}

// loaded is an entry that was loaded with problems.
type loaded struct {
	entry    *spec.Entry
	problems spec.Problems
	// body and secret are the record's, where it has fields that this version does not know. They are kept until the
	// object's next write, for the version that knows them.
	body, secret []byte
}

// unread is a record that could not be made an object, and why.
type unread struct {
	record store.Record
	reason string
}

// transient says that preparing the same set again may help.
func (s *state) transient() bool {
	return slices.ContainsFunc(s.served, func(p ObjectProblem) bool { return p.Transient })
}

// next is the state after a draft.
func (s *state) next(d *draft, set *spec.Set, served []ObjectProblem) *state {
	n := &state{set: set, served: served, unread: s.unread}
	for _, l := range s.loaded {
		if e := set.Get(l.entry.Kind, l.entry.Name()); e != nil && e.ID == l.entry.ID && e.Revision == l.entry.Revision {
			n.loaded = append(n.loaded, l)
		}
	}
	for _, step := range d.log {
		if step.unread {
			n.unread = maps.Clone(n.unread)
			delete(n.unread, store.Ref{Kind: step.kind.Name, Name: step.name})
		}
	}
	return n
}

// adopt makes what the store holds serve: at boot, and when somebody else committed.
func (c *Controller) adopt(ctx context.Context) error {
	revision, records, err := c.store.Load(ctx)
	if err != nil {
		return fmt.Errorf("loading the configuration: %w", err)
	}
	s := &state{unread: map[store.Ref]unread{}}
	writes := map[life]write{}
	var none *spec.Set
	d := none.Draft(revision)
	for _, r := range records {
		e, unknown, reason := entry(r, revision)
		if reason != "" {
			s.unread[store.Ref{Kind: r.Kind, Name: r.Name}] = unread{r, reason}
			c.log.Warn("a stored object cannot be read and is kept aside", "kind", r.Kind, "name", r.Name, "reason", reason)
			continue
		}
		d.Put(e)
		if r.Write != "" {
			writes[life{e.Kind, e.ID}] = write{r.Write, r.Outcome}
		}
		if l := (loaded{entry: e, problems: append(unknown, spec.Check(e.Object)...)}); len(l.problems) > 0 {
			if len(unknown) > 0 {
				l.body, l.secret = r.Body, r.Secret
			}
			s.loaded = append(s.loaded, l)
			c.log.Warn("a stored object would be refused today and is served as far as it goes", "kind", r.Kind, "name", r.Name, "problems", l.problems.Error())
		}
	}
	s.set = d.Finish()
	prepared, served := c.plane.Prepare(s.set, true)
	if prepared == nil {
		return fmt.Errorf("serving the configuration of revision %d: the plane prepared nothing: %v", revision, served)
	}
	prepared.Publish()
	s.served = served
	c.logConditions(served)
	c.memory.writes = writes
	c.doubt = false
	var was *spec.Set
	if before := c.state.Load(); before != nil {
		was = before.set
	}
	c.state.Store(s)
	c.tell(Loaded, was, s.set)
	return nil
}

func (c *Controller) logConditions(conditions []ObjectProblem) {
	for _, p := range conditions {
		c.log.Warn("an object is not served as it is written", "kind", p.Kind.Name, "name", p.Name, "problem", p.Problem.String())
	}
}

// entry makes an entry of a record, less the fields that this version does not know, or says why it cannot.
func entry(r store.Record, revision uint64) (e *spec.Entry, unknown spec.Problems, reason string) {
	kind := spec.KindByName(r.Kind)
	if kind == nil {
		return nil, nil, fmt.Sprintf("there is no kind %q", r.Kind)
	}
	o, unknown, problems := spec.DecodeStored(kind, whole(r))
	switch {
	case len(problems) > 0:
		return nil, nil, problems.Error()
	case o.Key() != r.Name:
		return nil, nil, fmt.Sprintf("it is stored under the name %q and says that its name is %q", r.Name, o.Key())
	case r.ID == "" || r.Revision == 0 || r.Revision > revision:
		return nil, nil, fmt.Sprintf("it has the id %q and revision %d in a configuration of revision %d", r.ID, r.Revision, revision)
	}
	e = spec.NewEntry(r.ID, r.Revision, o)
	if r.Retired {
		e = e.Retire()
	}
	return e, unknown, ""
}

// whole is the JSON of a record's object, with what is secret of it. Where one of the two is no object, decoding says so.
func whole(r store.Record) []byte {
	var body, secret map[string]json.RawMessage
	switch {
	case r.Secret == nil || json.Unmarshal(r.Body, &body) != nil || body == nil:
		return r.Body
	case json.Unmarshal(r.Secret, &secret) != nil:
		return r.Secret
	}
	return merged(r.Body, r.Secret)
}

// prepareAgain tries once more what could not be served, such as a listener whose port was taken, and says whether that
// changed what is. Where the same is in the way, in whichever words, nothing is published.
func (c *Controller) prepareAgain() (changed bool) {
	s := c.state.Load()
	prepared, served := c.plane.Prepare(s.set, true)
	if prepared == nil {
		return false
	}
	if changed = !maps.Equal(ailments(served), ailments(s.served)); changed {
		prepared.Publish()
	} else {
		prepared.Discard()
	}
	c.logChanges(s.served, served)
	n := *s
	n.served = served
	c.state.Store(&n)
	if changed {
		c.tell(Retried, s.set, s.set)
	}
	return changed
}

// logChanges tells of the conditions that are new or have other words, and of those that ended.
func (c *Controller) logChanges(before, after []ObjectProblem) {
	type words struct {
		ailment
		message string
	}
	told, left := map[words]bool{}, ailments(after)
	for _, p := range before {
		told[words{p.ailment(), p.Message}] = true
	}
	c.logConditions(slices.DeleteFunc(slices.Clone(after), func(p ObjectProblem) bool { return told[words{p.ailment(), p.Message}] }))
	for _, p := range before {
		if left[p.ailment()] == 0 {
			c.log.Info("a condition of an object has ended", "kind", p.Kind.Name, "name", p.Name, "problem", p.Problem.String())
		}
	}
}

// An ailment is a condition but for its words, which may tell of the last attempt alone.
type ailment struct {
	object
	path      string
	transient bool
}

func (p *ObjectProblem) ailment() ailment {
	return ailment{object{p.Kind, p.Name}, p.Path, p.Transient}
}

// ailments counts conditions.
func ailments(conditions []ObjectProblem) map[ailment]int {
	m := map[ailment]int{}
	for _, p := range conditions {
		m[p.ailment()]++
	}
	return m
}

// Conditions lists what is served otherwise than written, or not at all, by kind and name: what the plane found, what
// would be refused if it were written today, names of objects that do not exist, and stored records that cannot be read.
// The kind of a record of no known kind is one of its own that has nothing but the name.
func (c *Controller) Conditions() []ObjectProblem {
	s := c.state.Load()
	conditions := slices.Clone(s.served)
	told := byObject(s.served)
	for ref, u := range s.unread {
		kind := spec.KindByName(ref.Kind)
		if kind == nil {
			kind = &spec.Kind{Name: ref.Kind}
		}
		problem := spec.Problem{Message: "is stored, but cannot be read and is not served: " + u.reason}
		conditions = append(conditions, ObjectProblem{Kind: kind, Name: ref.Name, Problem: problem})
	}
	for _, l := range s.loaded {
		for _, p := range l.problems {
			conditions = append(conditions, ObjectProblem{Kind: l.entry.Kind, Name: l.entry.Name(), Problem: p})
		}
	}
	for _, kind := range spec.Kinds() {
		for _, e := range s.set.All(kind) {
			for _, p := range amiss(s.set, e) {
				if !toldAt(told[object{kind, e.Name()}], p.Path) {
					conditions = append(conditions, ObjectProblem{Kind: kind, Name: e.Name(), Problem: p})
				}
			}
		}
	}
	slices.SortStableFunc(conditions, func(a, b ObjectProblem) int {
		return cmp.Or(cmp.Compare(a.Kind.Name, b.Kind.Name), cmp.Compare(a.Name, b.Name))
	})
	return conditions
}

// Warnings is what the answer to a read of the entry should warn of: its conditions, and that it names what was deleted.
func (c *Controller) Warnings(e *spec.Entry) []spec.Problem {
	s := c.state.Load()
	about := append(showing(s.set, e), object{e.Kind, e.Name()})
	conditions := map[object][]spec.Problem{}
	for _, p := range s.served {
		if o := (object{p.Kind, p.Name}); slices.Contains(about, o) {
			conditions[o] = append(conditions[o], p.Problem)
		}
	}
	return warnings(s.set, conditions, e)
}

// warnings are the conditions of one entry of the set, its namings of what is retired or missing, and what it does to listeners.
func warnings(set *spec.Set, conditions map[object][]spec.Problem, e *spec.Entry) []spec.Problem {
	told := conditions[object{e.Kind, e.Name()}]
	found := slices.Clone(told)
	for _, p := range amiss(set, e) {
		if !toldAt(told, p.Path) {
			found = append(found, p)
		}
	}
	for _, r := range e.Refs() {
		if named := set.Get(r.Kind, r.Name); named != nil && named.Retired {
			found = append(found, spec.Problem{
				Path:    r.Path,
				Message: fmt.Sprintf("names %s %q, which was deleted and serves on only until nobody names it any more", r.Kind, r.Name),
			})
		}
	}
	return append(found, shown(set, conditions, e)...)
}

// amiss is what is wrong between the entry and others: its namings of objects that are not there, and what spec tells of
// hosts and places; and what time does to it.
func amiss(set *spec.Set, e *spec.Entry) []spec.Problem {
	var problems []spec.Problem
	for _, r := range e.Refs() {
		if set.Get(r.Kind, r.Name) == nil {
			problems = append(problems, spec.Problem{Path: r.Path, Message: fmt.Sprintf("names %s %q, which does not exist", r.Kind, r.Name)})
		}
	}
	return slices.Concat(problems, set.HostConditions(e), set.PlaceConditions(e), e.Soon(time.Now()))
}

func toldAt(problems []spec.Problem, path string) bool {
	return slices.ContainsFunc(problems, func(p spec.Problem) bool { return p.Path == path })
}

func byObject(problems []ObjectProblem) map[object][]spec.Problem {
	m := map[object][]spec.Problem{}
	for _, p := range problems {
		o := object{p.Kind, p.Name}
		m[o] = append(m[o], p.Problem)
	}
	return m
}

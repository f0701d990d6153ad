package control

import (
	"encoding/json"
	"fmt"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// change makes one change.
func (d *draft) change(c *Change, revision uint64) (*Result, *Error) {
	switch {
	case c.Put != nil && c.Put.Key() == "" || c.Name == "" || c.Put != nil && spec.KindOf(c.Put) != c.Kind:
		return nil, refuse(Invalid, nil, "The change does not say which %s it is about.", c.Kind)
	case c.Put != nil && (c.Retired || c.IfNoneMatch && (c.IfMatch != 0 || c.ID != "")):
		return nil, refuse(Invalid, nil, "The conditions of the change to %s %q contradict each other.", c.Kind, c.Name)
	case c.Put != nil:
		return d.write(c, revision)
	case c.Retired:
		return d.drop(c, revision)
	}
	return d.delete(c, revision)
}

func refuse(reason Reason, current *spec.Entry, format string, args ...any) *Error {
	return &Error{Reason: reason, Current: current, Message: fmt.Sprintf(format, args...)}
}

// live finds the object that a change is about; nil if there is none and the change did not ask for one by its id.
func (d *draft) live(c *Change) (*spec.Entry, *Error) {
	e := d.Live(c.Kind, c.Name)
	if c.ID == "" || e != nil && e.ID == c.ID {
		return e, nil
	}
	if renamed := d.ByID(c.Kind, c.ID); renamed != nil && !renamed.Retired {
		return nil, refuse(Changed, renamed, "The %s %q is named %q now.", c.Kind, c.Name, renamed.Name())
	}
	return nil, missing(c)
}

func missing(c *Change) *Error {
	return refuse(NotFound, nil, "There is no %s %q.", c.Kind, c.Name)
}

// matches compares the revision that the caller knows with that of the object.
func (c *Change) matches(e *spec.Entry) *Error {
	if c.IfMatch == 0 || c.IfMatch == e.Revision {
		return nil
	}
	return refuse(Changed, e, "The %s %q was changed meanwhile: it is at revision %d, not %d.", c.Kind, c.Name, e.Revision, c.IfMatch)
}

// write creates, revives, updates or renames.
func (d *draft) write(c *Change, revision uint64) (*Result, *Error) {
	e, err := d.live(c)
	switch {
	case err != nil:
		return nil, err
	case c.IfNoneMatch && e != nil:
		err := refuse(Exists, e, "There is a %s %q already.", c.Kind, c.Name)
		err.Problems.Add("name", "is taken by another %s; a replacement can only be created once the old one is deleted", c.Kind)
		return nil, err
	case c.IfNoneMatch:
		return d.create(c, revision)
	case c.IfMatch == 0 && !c.Upsert:
		return nil, refuse(PreconditionRequired, e, "A write must say whether it creates the %s %q or which revision of it it changes.", c.Kind, c.Name)
	case e == nil && c.Upsert && c.IfMatch == 0:
		return d.create(c, revision)
	case e == nil:
		return nil, missing(c)
	}
	o, lacks := spec.Inherit(c.Put, e.Object)
	switch {
	case len(lacks) > 0:
		return nil, incomplete(c, lacks)
	case spec.Equal(e.Object, o):
		return &Result{Outcome: Unchanged, Entry: e, Revision: max(revision-1, e.Revision)}, nil
	}
	if err := c.matches(e); err != nil {
		return nil, err
	}
	next := spec.NewEntry(e.ID, revision, o)
	if next.Name() != c.Name {
		if err := d.vacate(c, next.Name()); err != nil {
			return nil, err
		}
		d.rename(e, next)
	} else {
		d.put(next)
	}
	return &Result{Outcome: Updated, Entry: next, Revision: revision}, nil
}

// create makes a new object, or revives the retired one of the name: its users get what the name stands for now.
func (d *draft) create(c *Change, revision uint64) (*Result, *Error) {
	if c.Put.Key() != c.Name {
		if why := illegal(c.Kind, c.Name); why != "" {
			return nil, refuse(Invalid, nil, "%q is no name of a %s: it %s.", c.Name, c.Kind, why)
		}
		err := refuse(Invalid, nil, "There is no %s %q that could be renamed.", c.Kind, c.Name)
		err.Problems.Add("name", "must be %q, the name under which it is created", c.Name)
		return nil, err
	}
	if _, found := d.unread(c.Kind, c.Name); found {
		return nil, unreadable(c.Kind, c.Name)
	}
	// What a retired object keeps secret is its users', not for whoever takes its name.
	o, lacks := spec.Inherit(c.Put, nil)
	if len(lacks) > 0 {
		return nil, incomplete(c, lacks)
	}
	r := &Result{Outcome: Created, Revision: revision}
	if retired := d.Get(c.Kind, c.Name); retired != nil {
		r.Outcome, r.Entry = Revived, spec.NewEntry(retired.ID, revision, o)
	} else {
		r.Entry = spec.NewEntry(d.newID(c.Kind, c.Name), revision, o)
	}
	d.put(r.Entry)
	return r, nil
}

// incomplete refuses an object whose secrets were left out and are not there either.
func incomplete(c *Change, lacks spec.Problems) *Error {
	err := refuse(Invalid, nil, "The %s %q is not complete.", c.Kind, c.Name)
	err.Problems = lacks
	return err
}

// illegal says why no object of the kind can have the name; empty if one can.
func illegal(kind *spec.Kind, name string) string {
	for _, p := range spec.Check(named(kind, name)) {
		if p.Path == "name" {
			return p.Message
		}
	}
	return ""
}

// unreadable refuses to write over what is kept aside; only its deletion ends it.
func unreadable(kind *spec.Kind, name string) *Error {
	return refuse(Conflict, nil, "The store holds a %s %q that this version of gatewayd cannot read; delete it first, or run the version that wrote it.", kind, name)
}

// vacate makes room for an object that is renamed to a name. A retired object of that name gives way: whoever names it
// names the renamed one from now on.
func (d *draft) vacate(c *Change, to string) *Error {
	if _, found := d.unread(c.Kind, to); found {
		return unreadable(c.Kind, to)
	}
	other := d.Get(c.Kind, to)
	if other == nil {
		return nil
	}
	if !other.Retired {
		err := refuse(Exists, other, "The %s %q cannot be renamed to %q.", c.Kind, c.Name, to)
		err.Problems.Add("name", "is taken by another %s", c.Kind)
		return err
	}
	d.remove(c.Kind, to)
	return nil
}

// rename moves an object to its next name, and every naming of it along.
func (d *draft) rename(e, next *spec.Entry) {
	holders := d.Holders(e.Kind, e.Name())
	d.remove(e.Kind, e.Name())
	d.put(next)
	for _, h := range holders {
		d.put(h.Follow(e.Kind, e.Name(), next.Name()))
	}
}

// delete retires an object that others name, if its kind does, and removes any other.
func (d *draft) delete(c *Change, revision uint64) (*Result, *Error) {
	e, err := d.live(c)
	if err != nil {
		return nil, err
	}
	if e == nil {
		return d.deleteUnread(c, revision)
	}
	if err := c.matches(e); err != nil {
		return nil, err
	}
	if c.Kind.Retires && len(d.Holders(c.Kind, c.Name)) > 0 {
		e = e.Retire()
		d.put(e)
		return &Result{Outcome: Retired, Entry: e, Revision: revision}, nil
	}
	d.remove(c.Kind, c.Name)
	return &Result{Outcome: Deleted, Entry: e, Revision: revision}, nil
}

// deleteUnread deletes a record that could not be read, which nothing but a deletion may do.
func (d *draft) deleteUnread(c *Change, revision uint64) (*Result, *Error) {
	record, found := d.unread(c.Kind, c.Name)
	if !found {
		return nil, missing(c)
	}
	e := spec.NewEntry(record.ID, record.Revision, named(c.Kind, record.Name))
	if err := c.matches(e); err != nil {
		return nil, err
	}
	d.log = append(d.log, step{object: object{c.Kind, c.Name}, unread: true})
	return &Result{Outcome: Deleted, Entry: e, Revision: revision}, nil
}

// named is an object of which only the name is known, which need not be legal.
func named(kind *spec.Kind, name string) spec.Object {
	body, err := json.Marshal(map[string]string{"name": name})
	if err != nil {
		panic("control: encoding a name: " + err.Error()) // A map of strings always encodes.
	}
	o, problems := spec.Decode(kind, body)
	if len(problems) > 0 {
		panic("control: decoding a name: " + problems.Error()) // Every kind has one, and what it requires is Check's.
	}
	return o
}

// drop ends a retired object although others name it. They are left naming nothing, which shows as a condition.
func (d *draft) drop(c *Change, revision uint64) (*Result, *Error) {
	e := d.Get(c.Kind, c.Name)
	if e == nil || !e.Retired || c.ID != "" && c.ID != e.ID {
		return nil, refuse(NotFound, nil, "There is no retired %s %q.", c.Kind, c.Name)
	}
	if err := c.matches(e); err != nil {
		return nil, err
	}
	holders := d.Holders(c.Kind, c.Name)
	d.remove(c.Kind, c.Name)
	return &Result{Outcome: Deleted, Entry: e, Revision: revision, Holders: holders}, nil
}

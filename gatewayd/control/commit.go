package control

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// errInDoubt says that the store failed and could not be asked either: it may hold the change or not.
var errInDoubt = errors.New("the store may hold the change or not")

// unstored is the answer to jobs that could not be committed.
func unstored(err error) *Error {
	if errors.Is(err, errInDoubt) {
		return unavailable(err, "The store of the gateway failed, and it is not known whether it holds the change. The change does not serve now; it will, once the store can be read, if it is there. Read the object, or repeat the request.")
	}
	return unavailable(err, "The gateway could not store the change; nothing was changed.")
}

// A commit is what a draft changes in the store, and what follows from it for the memory.
type commit struct {
	base, next uint64
	puts       []store.Record
	deletes    []store.Ref
	writes     map[life]write
	gone       []*spec.Entry
	kept       map[life]bool
}

// commit stores what the draft changed, and then remembers what follows from it. Where the store fails it is asked what
// it holds: nil means that the change is there, store.ErrConflict that somebody else was faster, errInDoubt that nobody
// knows, and any other error that nothing was changed.
func (c *Controller) commit(d *draft, set *spec.Set, batch []*job) error {
	x := c.difference(d, set, batch)
	err := c.store.Commit(context.Background(), x.base, x.next, x.puts, x.deletes)
	if err != nil && !errors.Is(err, store.ErrConflict) {
		err = c.verify(x, err)
	}
	if err != nil {
		return err
	}
	c.doubt = false
	for l, w := range x.writes {
		c.memory.writes[l] = w
	}
	for _, e := range x.gone {
		if l := (life{e.Kind, e.ID}); !x.kept[l] {
			delete(c.memory.writes, l)
			c.memory.ids.set(object{e.Kind, e.Name()}, e.ID)
		}
	}
	return nil
}

// difference is what the draft changed.
func (c *Controller) difference(d *draft, set *spec.Set, batch []*job) *commit {
	x := &commit{base: d.base.set.Revision(), next: set.Revision(), writes: map[life]write{}, kept: map[life]bool{}}
	for _, j := range batch {
		if j.err == nil {
			for _, w := range j.writes {
				x.writes[w.life] = w.write
			}
		}
	}
	seen := map[object]bool{}
	for _, s := range d.log {
		if seen[s.object] {
			continue
		}
		seen[s.object] = true
		before, after := d.base.set.Get(s.kind, s.name), set.Get(s.kind, s.name)
		switch {
		case after != nil && after != before:
			l := life{after.Kind, after.ID}
			w, written := x.writes[l]
			if !written {
				w = c.memory.writes[l]
			}
			x.kept[l] = true
			x.puts = append(x.puts, d.base.record(after, w))
		case after == nil:
			// What is not in the store either, made and removed in one batch, does no harm here.
			x.deletes = append(x.deletes, store.Ref{Kind: s.kind.Name, Name: s.name})
		}
		if before != nil && (after == nil || after.ID != before.ID) {
			x.gone = append(x.gone, before)
		}
	}
	return x
}

// record is what is stored of an entry.
func (s *state) record(e *spec.Entry, w write) store.Record {
	body, secret := s.body(e)
	return store.Record{
		Kind: e.Kind.Name, Name: e.Name(), ID: e.ID, Revision: e.Revision, Retired: e.Retired,
		Write: w.print, Outcome: w.outcome, Body: body, Secret: secret,
	}
}

// verify finds out what a commit that failed left in the store.
func (c *Controller) verify(x *commit, failure error) error {
	revision, records, err := c.store.Load(context.Background())
	switch {
	case err != nil:
		c.doubt = true
		return fmt.Errorf("%w: %w; %w", errInDoubt, failure, err)
	case revision == x.base:
		return failure
	case revision == x.next && x.in(records):
		c.log.Warn("the store failed to store a configuration and holds it nevertheless", "revision", x.next, "error", failure)
		return nil
	case revision == x.next:
		return fmt.Errorf("%w: %w", store.ErrConflict, failure)
	}
	// Others committed behind it, or behind what was there before.
	c.doubt = true
	return fmt.Errorf("%w: it is at revision %d: %w", errInDoubt, revision, failure)
}

// in says whether records show the commit. Ids and revisions tell it from that of somebody else.
func (x *commit) in(records []store.Record) bool {
	held := map[store.Ref]store.Record{}
	for _, r := range records {
		held[store.Ref{Kind: r.Kind, Name: r.Name}] = r
	}
	for _, r := range x.puts {
		if !reflect.DeepEqual(held[store.Ref{Kind: r.Kind, Name: r.Name}], r) {
			return false
		}
	}
	for _, ref := range x.deletes {
		if _, there := held[ref]; there {
			return false
		}
	}
	return true
}

// resolve reads the store after a commit of which nobody knows whether it is there, and serves what it holds.
func (c *Controller) resolve() {
	if err := c.adopt(context.Background()); err != nil {
		c.log.Warn("the store still cannot be read", "error", err)
	}
}

package control

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

const (
	// rememberFor is how long ids and answers of what is gone are remembered: the longest drain.
	rememberFor = time.Hour
	// rememberMax bounds how many of each are.
	rememberMax = 20_000
)

// A write is the last write of an object that carried an idempotency key: its print and what it came to.
type write struct{ print, outcome string }

// keyed is a write and the object that it wrote.
type keyed struct {
	life
	write
}

// memory is what the writer knows beside the set. One goroutine uses it.
type memory struct {
	// writes are the last writes of objects. They are stored with the objects.
	writes map[life]write
	// answers are the recent answers to changes with a key, by print. They do not survive a restart.
	answers recent[string, answer]
	// ids are those of recently deleted objects, so that one created under the name goes on where it ended.
	ids recent[object, string]
}

func newMemory() memory {
	return memory{writes: map[life]write{}, answers: newRecent[string, answer](), ids: newRecent[object, string]()}
}

// An answer is what is remembered of a Result. It is small, however large the object is: a repeat brings the object along,
// since one under the same print has the same.
type answer struct {
	outcome  string
	name, id string
	retired  bool
	object   uint64 // its revision
	revision uint64 // of the configuration
}

func remembered(r *Result) answer {
	return answer{outcome: r.Outcome, name: r.Entry.Name(), id: r.Entry.ID, retired: r.Entry.Retired, object: r.Entry.Revision, revision: r.Revision}
}

// result is the answer to the change once more. Holders are those of now.
func (a *answer) result(set *spec.Set, c *Change) *Result {
	r := &Result{Outcome: a.outcome, Revision: a.revision}
	if e := set.Get(c.Kind, a.name); e != nil && e.ID == a.id && e.Revision == a.object && e.Retired == a.retired {
		r.Entry = e
	} else {
		o := c.Put
		if o == nil {
			o = named(c.Kind, a.name)
		}
		r.Entry = spec.NewEntry(a.id, a.object, o)
		if a.retired {
			r.Entry = r.Entry.Retire()
		}
	}
	if a.outcome == Retired || c.Retired {
		r.Holders = set.Holders(c.Kind, a.name)
	}
	return r
}

// repeat is the first answer to a change that was made before under its key; nil if it was not.
func (m *memory) repeat(set *spec.Set, c *Change) *Result {
	p := c.print()
	if a, found := m.answers.get(p); found {
		return a.result(set, c)
	}
	names := []string{c.Name}
	if c.Put != nil {
		names = append(names, c.Put.Key()) // It may have been a rename.
	}
	for _, name := range names {
		e := set.Get(c.Kind, name)
		if e == nil {
			continue
		}
		w := m.writes[life{c.Kind, e.ID}]
		if w.print != p {
			continue
		}
		r := &Result{Outcome: w.outcome, Entry: e, Revision: set.Revision()}
		if e.Retired {
			r.Holders = set.Holders(c.Kind, name)
		}
		return r
	}
	return nil
}

// print tells a change under its idempotency key from every other one: a key that is used again for another change does
// not get the answer to the first. It is empty without a key.
func (c *Change) print() string {
	if c.Key == "" {
		return ""
	}
	action, body := "delete", []byte(nil)
	if c.Put != nil {
		action, body = "put", spec.EncodeWhole(c.Put)
	}
	h := sha256.New()
	for _, part := range []string{c.Key, c.Kind.Name, c.Name, c.ID, action, fmt.Sprint(c.Retired), string(body)} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// recent is a map that forgets: after rememberFor, and the oldest first beyond rememberMax.
type recent[K comparable, V any] struct {
	values map[K]aged[V]
	order  []mark[K] // oldest first; a key that was set again or removed leaves a mark that means nothing
}

type aged[V any] struct {
	value V
	at    time.Time
}

type mark[K comparable] struct {
	key K
	at  time.Time
}

func newRecent[K comparable, V any]() recent[K, V] { return recent[K, V]{values: map[K]aged[V]{}} }

func (r *recent[K, V]) get(k K) (V, bool) {
	a, found := r.values[k]
	if !found || time.Since(a.at) > rememberFor {
		var none V
		return none, false
	}
	return a.value, true
}

func (r *recent[K, V]) set(k K, v V) {
	now := time.Now()
	r.values[k] = aged[V]{v, now}
	r.order = append(r.order, mark[K]{k, now})
	for len(r.order) > rememberMax || now.Sub(r.order[0].at) > rememberFor {
		oldest := r.order[0]
		r.order = r.order[1:]
		if a, found := r.values[oldest.key]; found && a.at.Equal(oldest.at) {
			delete(r.values, oldest.key)
		}
	}
}

package rewrite

import (
	"errors"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// maxBytes bounds what all values of one head come to together. A template names a header many times.
const maxBytes = 32 << 10

// maxWork bounds the steps that all patterns of one head take, tens of milliseconds at the worst.
const maxWork = 4 << 20

// ErrTooCostly says that the patterns of a rewrite would take too long on so large a head.
var ErrTooCostly = errors.New("rewrite: the conditions would take too long")

// ErrTooLarge says that the values of a rewrite come to more than a head may hold.
var ErrTooLarge = errors.New("rewrite: the values are too large")

// Changes are what a rewrite comes to for one head. The zero value is ready; Reset makes it so again.
type Changes struct {
	// Path and Query are the new ones where HasPath and HasQuery are set; a Query of nil means none.
	Path, Query       []byte
	HasPath, HasQuery bool
	// Reroute says that the rule is to be chosen anew.
	Reroute bool

	fields  []change
	bytes   []byte  // of the values
	scratch []byte  // of conditions
	found   []found // by the conditions of the present step
	head    []byte  // a head that is written anew
	work    int     // of patterns
}

// A change is of all fields of a name, or of the one at an index.
type change struct {
	field *field
	at    int    // everyField for all
	value []byte // empty deletes
	done  bool
}

const everyField = -1

// A found is where a pattern was found.
type found struct {
	value []byte
	at    []int // nil where it was not
}

// keepMost is up to where memory is kept for the next request.
const keepMost = 64 << 10

// Reset forgets everything.
func (c *Changes) Reset() {
	clear(c.fields)
	clear(c.found)
	*c = Changes{fields: c.fields[:0], bytes: kept(c.bytes), scratch: kept(c.scratch), found: c.found[:0], head: kept(c.head)}
}

func kept(b []byte) []byte {
	if cap(b) > keepMost {
		return nil
	}
	return b[:0]
}

// Fields says whether fields change.
func (c *Changes) Fields() bool { return len(c.fields) > 0 }

// Host is the new Host; ok is false where it stays.
func (c *Changes) Host() (host []byte, ok bool) {
	for i := range c.fields {
		if f := &c.fields[i]; f.field.lower == "host" {
			return f.value, true
		}
	}
	return nil, false
}

// put notes a change. That of all fields of a name takes the place of whatever was noted for it; after it there is no
// single one of them any more.
func (c *Changes) put(of *field, at int, value []byte) {
	left := c.fields[:0]
	for _, f := range c.fields {
		if f.field.lower != of.lower || at != everyField && f.at != at {
			left = append(left, f)
		}
		if f.field.lower == of.lower && at != everyField && f.at == everyField {
			return
		}
	}
	c.fields = append(left, change{field: of, at: at, value: value})
}

// of is what becomes of the field of a name at an index; nil where it stays.
func (c *Changes) of(name []byte, at int) *change {
	for i := range c.fields {
		if f := &c.fields[i]; (f.at == everyField || f.at == at) && http1.EqualFold(name, f.field.lower) {
			return f
		}
	}
	return nil
}

// A view is what conditions and templates read: a request, or an answer with what was saved of its request.
type view struct {
	subject  *Subject
	saved    *Saved
	response *http1.Response
}

func (v *view) value(scratch []byte, of spec.Variable, slot int) (value, after []byte) {
	switch {
	case v.response == nil:
		return v.subject.value(scratch, of)
	case of.Source == spec.ResponseHeader:
		return joined(scratch, v.response.Fields, of.Name)
	case of.OfAnswer():
		start, n := len(scratch), v.response.Status
		scratch = append(scratch, byte('0'+n/100%10), byte('0'+n/10%10), byte('0'+n%10))
		return scratch[start:], scratch
	}
	return v.saved.at(slot), scratch
}

// holds says whether all conditions of a step hold, and notes what they found.
func (c *Changes) holds(v *view, s *step) (bool, error) {
	c.found, c.scratch = c.found[:0], kept(c.scratch)
	for i := range s.when {
		k := &s.when[i]
		var value []byte
		value, c.scratch = v.value(c.scratch, k.variable, k.slot)
		if len(c.scratch) > 8*maxBytes {
			return false, ErrTooLarge
		}
		f, err := c.find(k, value)
		if err != nil {
			return false, err
		}
		if (f.at != nil) == k.negate {
			return false, nil
		}
		c.found = append(c.found, f)
	}
	return true, nil
}

func (c *Changes) find(k *condition, value []byte) (found, error) {
	if c.work += k.cost * (len(value) + 1); c.work > maxWork {
		return found{}, ErrTooCostly
	}
	return found{value: value, at: k.pattern.FindSubmatchIndex(value)}, nil
}

// expand writes a template's value behind the others and returns it. match is what was found in the field at hand.
func (c *Changes) expand(v *view, t *template, match found, to place) ([]byte, error) {
	start := len(c.bytes)
	for i := range t.parts {
		p := &t.parts[i]
		if p.variable == (spec.Variable{}) {
			c.bytes = append(c.bytes, p.text...)
		} else {
			c.bytes = appendSafe(c.bytes, c.part(v, p, match), to)
		}
		if len(c.bytes) > maxBytes {
			return nil, ErrTooLarge
		}
	}
	return c.bytes[start:len(c.bytes):len(c.bytes)], nil
}

// part is what a part that is no text stands for.
func (c *Changes) part(v *view, p *part, match found) []byte {
	switch {
	case p.from == ofMatch && p.group == 0:
		return match.value
	case p.from == ofMatch:
		return match.group(p.group)
	case p.group > 0:
		return c.found[p.from].group(p.group)
	}
	var value []byte
	value, c.scratch = v.value(c.scratch, p.variable, p.slot)
	return value
}

// group is what a group found; nothing where it took no part.
func (f found) group(n int) []byte {
	if 2*n+1 >= len(f.at) || f.at[2*n] < 0 {
		return nil
	}
	return f.value[f.at[2*n]:f.at[2*n+1]]
}

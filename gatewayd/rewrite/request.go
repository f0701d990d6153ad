package rewrite

import (
	"bytes"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
)

// Request works out what the rewrite makes of a request, on top of what the changes hold already of the rewrite of a
// rule that the request was at before. After an error they are good for nothing.
func (r *Rewrite) Request(s *Subject, c *Changes) error {
	v := view{subject: s}
	c.Reroute = false
	for i := range r.steps {
		step := &r.steps[i]
		if step.ofAnswer || len(step.request) == 0 && step.path == nil && step.query == nil && !step.clearQuery && !step.reroute {
			continue
		}
		holds, err := c.holds(&v, step)
		if err == nil && holds {
			err = c.request(&v, step)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Changes) request(v *view, s *step) error {
	for i := range s.request {
		if err := c.field(v, &s.request[i], everyField, found{}); err != nil {
			return err
		}
	}
	if s.path != nil {
		path, err := c.expand(v, s.path, found{}, inPath)
		if err != nil {
			return err
		}
		c.Path, c.HasPath = path, true
	}
	switch {
	case s.clearQuery:
		c.Query, c.HasQuery = nil, true
	case s.query != nil:
		query, err := c.expand(v, s.query, found{}, inQuery)
		if err != nil {
			return err
		}
		c.Query, c.HasQuery = query, true
		if len(query) == 0 {
			c.Query = nil
		}
	}
	c.Reroute = c.Reroute || s.reroute
	return nil
}

// field notes what becomes of the fields of a name, or of the one at an index.
func (c *Changes) field(v *view, f *field, at int, match found) error {
	var value []byte
	if f.value != nil {
		var err error
		if value, err = c.expand(v, f.value, match, inField); err != nil {
			return err
		}
		value = trim(value)
	}
	c.put(f, at, value)
	return nil
}

// Head writes the changes of fields into the head of a request that b ends with, from start on, and forgets them.
func (c *Changes) Head(b []byte, start int) []byte {
	head := append(c.head[:0], b[start:]...)
	c.head = head
	b = b[:start]
	line, head := cutLine(head)
	b = append(b, line...) // The request line.
	for {
		line, head = cutLine(head)
		if len(line) <= 2 {
			break
		}
		name := line[:max(bytes.IndexByte(line, ':'), 0)]
		switch f := c.of(name, everyField); {
		case f == nil:
			b = append(b, line...)
		case len(f.value) > 0 && !f.done:
			f.done = true
			b = http1.AppendField(b, f.field.name, f.value)
		}
	}
	for i := range c.fields {
		if f := &c.fields[i]; len(f.value) > 0 && !f.done {
			b = http1.AppendField(b, f.field.name, f.value)
		}
	}
	c.fields = c.fields[:0]
	return append(b, line...) // The empty line.
}

// cutLine is the first line of a head with its end.
func cutLine(b []byte) (line, rest []byte) {
	n := bytes.IndexByte(b, '\n') + 1
	if n == 0 {
		n = len(b)
	}
	return b[:n], b[n:]
}

package rewrite

import "github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"

// Answer makes of an answer's head what the rewrite says. saved is what Save kept of the request. What the head then
// holds is the changes' until their Reset.
func (r *Rewrite) Answer(saved *Saved, head *http1.Response, c *Changes) error {
	v := view{saved: saved, response: head}
	for i := range r.steps {
		step := &r.steps[i]
		if len(step.response) == 0 {
			continue
		}
		holds, err := c.holds(&v, step)
		if err == nil && holds {
			err = c.answer(&v, step)
		}
		if err != nil {
			return err
		}
	}
	c.apply(head)
	return nil
}

func (c *Changes) answer(v *view, s *step) error {
	for i := range s.response {
		f := &s.response[i]
		if f.match == nil {
			if err := c.field(v, f, everyField, found{}); err != nil {
				return err
			}
			continue
		}
		for at := range v.response.Fields {
			if !http1.EqualFold(v.response.Fields[at].Name, f.lower) {
				continue
			}
			m, err := c.find(f.match, v.response.Fields[at].Value)
			if err != nil {
				return err
			}
			if (m.at != nil) == f.match.negate {
				continue
			}
			if err := c.field(v, f, at, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// apply writes the changes into the fields of an answer. A field that was to end at the gateway and gets a value is one
// that is passed on.
func (c *Changes) apply(head *http1.Response) {
	if len(c.fields) == 0 {
		return
	}
	left := head.Fields[:0]
	for at, f := range head.Fields {
		switch to := c.of(f.Name, at); {
		case to == nil:
			left = append(left, f)
		case len(to.value) > 0 && !to.done:
			to.done = true
			left = append(left, to.made())
		}
	}
	for i := range c.fields {
		if to := &c.fields[i]; to.at == everyField && len(to.value) > 0 && !to.done {
			left = append(left, to.made())
		}
	}
	head.Fields = left
}

func (f *change) made() http1.Field {
	return http1.Field{Name: f.field.name, Value: f.value, ID: http1.Lookup(f.field.name)}
}

package rewrite

import (
	"cmp"
	"regexp"
	"slices"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A Rewrite is a rewrite that is ready for use. It is immutable.
type Rewrite struct {
	steps   []step
	needs   []spec.Variable // of the request, that the answer's part reads
	answers bool
}

type step struct {
	when              []condition
	ofAnswer          bool // a condition reads the answer
	request, response []field
	path, query       *template
	clearQuery        bool
	reroute           bool
}

type condition struct {
	variable spec.Variable
	slot     int // in needs, where the variable is the request's
	pattern  *regexp.Regexp
	cost     int // of a byte of the value
	negate   bool
}

// A field is what becomes of the fields of a name.
type field struct {
	name  []byte // as it is sent
	lower string
	value *template  // nil deletes
	match *condition // which of them, by their values; nil for all
}

type template struct{ parts []part }

// A part is a text, or a variable, or a group of a condition on it.
type part struct {
	text     string
	variable spec.Variable
	slot     int
	group    int // from 1, of the condition from; 0 is the whole value
	from     int // an index of the step's conditions, or ofMatch
}

// ofMatch says that a part is about the field that was found, not about a condition.
const ofMatch = -1

// Compile makes a rewrite ready for use. A step that cannot be, which only an object that another version accepted has,
// is left out: nobody knows what it was meant to be.
func Compile(o *spec.Rewrite) *Rewrite {
	r := &Rewrite{}
	for i := range o.Steps {
		c := compiler{rewrite: r}
		if c.step(&o.Steps[i]); c.broken {
			continue
		}
		r.steps = append(r.steps, c.made)
		r.answers = r.answers || len(c.made.response) > 0
	}
	return r
}

// Answers says whether the rewrite changes answers.
func (r *Rewrite) Answers() bool { return r.answers }

type compiler struct {
	rewrite *Rewrite
	made    step
	broken  bool
}

func (c *compiler) step(s *spec.RewriteStep) {
	reads := len(s.ResponseHeaders) > 0 // Its conditions are looked at when the answer is there, too.
	for _, w := range s.When {
		k := c.condition(w.Pattern, w.IgnoreCase, w.Negate)
		k.variable = c.variable(w.Variable)
		if reads {
			k.slot = c.slot(k.variable)
		}
		c.made.when = append(c.made.when, k)
		c.made.ofAnswer = c.made.ofAnswer || k.variable.OfAnswer()
	}
	for name, h := range s.RequestHeaders {
		c.made.request = append(c.made.request, c.field(name, h.Value, nil, false))
	}
	for name, h := range s.ResponseHeaders {
		c.made.response = append(c.made.response, c.field(name, h.Value, h.Match, true))
	}
	byName := func(a, b field) int { return cmp.Compare(a.lower, b.lower) }
	slices.SortFunc(c.made.request, byName)
	slices.SortFunc(c.made.response, byName)
	if u := s.URL; u != nil {
		c.made.path, c.made.query = c.optional(u.Path), c.optional(u.Query)
		c.made.clearQuery, c.made.reroute = u.ClearQuery, u.Reroute
	}
	c.broken = c.broken || c.made.ofAnswer && (len(c.made.request) > 0 || s.URL != nil)
}

func (c *compiler) condition(pattern string, ignoreCase, negate bool) condition {
	re, err := spec.CompilePattern(pattern, ignoreCase)
	cost, costErr := spec.PatternCost(pattern)
	c.broken = c.broken || err != nil || costErr != nil
	return condition{pattern: re, cost: cost, negate: negate, slot: -1}
}

func (c *compiler) variable(text string) spec.Variable {
	v, err := spec.ParseVariable(text)
	c.broken = c.broken || err != nil
	return v
}

// slot is where the answer's part finds a variable of the request.
func (c *compiler) slot(v spec.Variable) int {
	if v.OfAnswer() || v == (spec.Variable{}) {
		return -1
	}
	needs := &c.rewrite.needs
	i := slices.Index(*needs, v)
	if i < 0 {
		i = len(*needs)
		*needs = append(*needs, v)
	}
	return i
}

func (c *compiler) field(name string, value *string, match *spec.RewriteMatch, answer bool) field {
	f := field{name: []byte(name), lower: spec.Lower(name)}
	c.broken = c.broken || spec.Untouchable(name)
	if match != nil {
		m := c.condition(match.Pattern, match.IgnoreCase, match.Negate)
		m.variable = spec.Variable{Source: spec.ResponseHeader, Name: f.lower}
		f.match = &m
	}
	if value != nil {
		f.value = c.template(*value, f.match, answer)
	}
	return f
}

func (c *compiler) optional(value *string) *template {
	if value == nil {
		return nil
	}
	return c.template(*value, nil, false)
}

func (c *compiler) template(text string, match *condition, answer bool) *template {
	parsed, err := spec.ParseTemplate(text)
	c.broken = c.broken || err != nil
	t := &template{}
	for _, p := range parsed {
		q := part{text: p.Text, variable: p.Variable, group: p.Group, slot: -1}
		switch {
		case p.Variable == (spec.Variable{}):
		case match != nil && p.Variable == match.variable:
			q.from = ofMatch
			c.groupExists(match, p.Group)
		default:
			if p.Group > 0 {
				q.from = c.captured(p)
			}
			if answer {
				q.slot = c.slot(p.Variable)
			} else {
				c.broken = c.broken || p.Variable.OfAnswer()
			}
		}
		t.parts = append(t.parts, q)
	}
	return t
}

// captured is the condition whose group a part names.
func (c *compiler) captured(p spec.TemplatePart) int {
	for i := range c.made.when {
		if k := &c.made.when[i]; k.variable == p.Variable {
			c.groupExists(k, p.Group)
			return i
		}
	}
	c.broken = true
	return 0
}

func (c *compiler) groupExists(k *condition, group int) {
	c.broken = c.broken || k.pattern == nil || group > k.pattern.NumSubexp() || group > 0 && k.negate
}

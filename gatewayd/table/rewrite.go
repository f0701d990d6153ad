package table

import (
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/rewrite"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// rewrite gives a route its rewrite, compiled once for all rules that name it. It is false where that is gone: who
// wants headers changed may rest on it.
func (c *compiler) rewrite(r *Route, o *spec.Rule) bool {
	if o.Rewrite == nil {
		return true
	}
	e := c.set.Get(spec.Rewrites, *o.Rewrite)
	if e == nil {
		c.warn(onRule(o.Name, "rewrite", "names rewrite %q, which was dropped; requests of the rule are answered 502", *o.Rewrite))
		return false
	}
	made := c.table.rewrites[e]
	if made == nil {
		made = c.before.rewrites[e]
	}
	if made == nil {
		made = rewrite.Compile(e.Object.(*spec.Rewrite))
	}
	c.table.rewrites[e], r.Rewrite = made, made
	return true
}

package table

import "github.com/gatewayd/terraform-provider-gatewayd/internal/spec"

// An action is what a rule does with requests but to send them to a pool. It is kept with the table, so that the next
// one takes over what did not change and finds equal routes equal.
type action struct {
	split    *Split
	redirect *Redirect
	respond  *Respond
}

// act gives a route the action of its rule. What nobody checked may have none that can be taken: 502.
func (c *compiler) act(r *Route, e *spec.Entry, o *spec.Rule) {
	r.Setting = c.setting(nil)
	a := c.before.actions[e]
	switch {
	case len(o.Split) > 0:
		a.split = c.split(r, o, a.split)
	case o.Redirect != nil:
		a.redirect = c.redirect(o, a.redirect)
	case o.Respond != nil && 200 <= o.Respond.Status && o.Respond.Status < 600:
		if a.respond == nil {
			a.respond = newRespond(o.Respond)
		}
	default:
		return
	}
	c.table.actions[e] = a
	r.Split, r.Redirect, r.Respond = a.split, a.redirect, a.respond
}

func newRespond(o *spec.Respond) *Respond {
	r := &Respond{Status: o.Status, ContentType: o.ContentType}
	if o.Body != nil && !spec.Bodiless(o.Status) {
		r.Body = []byte(*o.Body)
	}
	return r
}

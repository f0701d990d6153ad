package spec

import (
	"iter"
	"slices"
	"strings"
)

// A Respond is an answer that a rule gives by itself.
type Respond struct {
	Status      int     `json:"status" tfsdk:"status" spec:"required,200..599" doc:"Status of the answer. Those are refused that mean nothing without what the gateway cannot know: redirects, parts (206) and challenges (401, 405, 407, 426)."`
	Body        *string `json:"body" tfsdk:"body" spec:"1..65536" doc:"Body of the answer. Null means an empty one. The statuses 204, 205 and 304 have none."`
	ContentType string  `json:"content_type" tfsdk:"content_type" spec:"is=content_type,1..256" doc:"Content-Type of the body."`
}

func (r *Respond) defaults() { r.ContentType = "text/plain; charset=utf-8" }

// Settings are the names of the settings by which the rule sends requests to pools.
func (r *Rule) Settings() iter.Seq[string] {
	return func(yield func(string) bool) {
		if r.Setting != nil && !yield(*r.Setting) {
			return
		}
		for _, s := range r.Split {
			if !yield(s.Setting) {
				return
			}
		}
	}
}

// actions are the fields of which a rule has one, as they are told.
var actions = []string{"pool", "split", "redirect", "respond"}

// checkAction refuses a rule that has no action, or more than one.
func (r *Rule) checkAction(ps *Problems) {
	given := []bool{r.Pool != nil || r.Setting != nil, r.Split != nil, r.Redirect != nil, r.Respond != nil}
	switch first := slices.Index(given, true); {
	case first < 0:
		ps.AddNeeding("pool", append([]string{"setting"}, actions[1:]...), "is required with a setting, unless the rule has another action: %s", strings.Join(actions[1:], ", "))
	case slices.Contains(given[first+1:], true):
		// It is told at the first, since of a whole object something may not be known yet.
		at, other := actions[first], actions[first+1+slices.Index(given[first+1:], true)]
		if at == "pool" && r.Pool == nil {
			at = "setting"
		}
		ps.Add(at, "cannot be given together with %s; a rule has one action", other)
	case r.Pool != nil && r.Setting == nil:
		ps.AddNeeding("setting", []string{"pool"}, "is required with a pool")
	case r.Setting != nil && r.Pool == nil:
		ps.AddNeeding("pool", []string{"setting"}, "is required with a setting")
	}
	r.checkShares(ps)
	if r.Redirect != nil {
		r.Redirect.check(ps)
	}
	if r.Respond != nil {
		r.Respond.check(ps)
	}
	if own := slices.Index(given, true); own >= 2 && r.Rewrite != nil { // What stands before it sends to pools.
		ps.AddNeeding("rewrite", []string{actions[own]}, "means nothing beside %s: what the gateway answers itself is not changed; leave it out", actions[own])
	}
}

// senseless are the statuses that a rule cannot answer with, and why.
var senseless = map[int]string{
	206: "is a part of what was asked for, which the gateway does not know",
	300: aRedirect, 301: aRedirect, 302: aRedirect, 303: aRedirect, 305: aRedirect, 306: aRedirect, 307: aRedirect, 308: aRedirect,
	401: "must come with WWW-Authenticate, which a rule cannot give; 403 needs none",
	405: "must come with Allow, which a rule cannot give; 403 needs none",
	407: "must come with Proxy-Authenticate, which a rule cannot give; 403 needs none",
	426: "must come with Upgrade, which a rule cannot give; 403 needs none",
}

const aRedirect = "sends clients elsewhere, and a response has no Location"

func (r *Respond) check(ps *Problems) {
	if why := senseless[r.Status]; why != "" {
		ps.Add("respond.status", "must not be %d, which %s", r.Status, why)
	}
	if r.Body != nil && Bodiless(r.Status) {
		ps.AddNeeding("respond.body", []string{"respond.status"}, "means nothing with status %d, which has no body", r.Status)
	}
}

// Bodiless says that answers of a status have no body (RFC 9110 15.3.5, 15.3.6 and 15.4.5).
func Bodiless(status int) bool { return status == 204 || status == 205 || status == 304 }

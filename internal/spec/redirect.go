package spec

import "strings"

// A Redirect sends clients elsewhere.
type Redirect struct {
	Status       int     `json:"status" tfsdk:"status" spec:"required,301..308" doc:"Status of the answer: 301 or 308 for good, 302 or 307 for now; 303 asks for a GET. With 307 and 308 the client keeps its method and body."`
	Listener     *string `json:"listener" tfsdk:"listener" spec:"ref=listener" doc:"Name of the listener whose port clients are sent to, under its host name, or the request's own where it has none. A listener with several host names or with wildcards has no one address."`
	URL          *string `json:"url" tfsdk:"url" spec:"is=redirect_url,1..2048" doc:"Absolute URL that clients are sent to, http or https. Either this or listener."`
	IncludePath  bool    `json:"include_path" tfsdk:"include_path" doc:"Append the request's path, as it is sent to targets, to that of the URL."`
	IncludeQuery bool    `json:"include_query" tfsdk:"include_query" doc:"Append the request's query, behind that of the URL."`
}

func (r *Redirect) check(ps *Problems) {
	switch r.Status {
	case 304, 305, 306:
		ps.Add("redirect.status", "must be 301, 302, 303, 307 or 308, not %d", r.Status)
	}
	switch {
	case r.Listener == nil && r.URL == nil:
		ps.AddNeeding("redirect.url", []string{"redirect.listener"}, "is required, unless the redirect has a listener")
	case r.Listener != nil && r.URL != nil:
		ps.Add("redirect.url", "cannot be given together with listener; keep one of the two")
	}
}

// Authority is the one host name of a listener that clients can be sent to, empty where it serves every host; false where
// it has several, or wildcards.
func (l *Listener) Authority() (host string, one bool) {
	switch {
	case len(l.Hostnames) == 0:
		return "", true
	case len(l.Hostnames) > 1 || strings.ContainsAny(l.Hostnames[0], "*?"):
		return "", false
	}
	return l.Hostnames[0], true
}

// checkRedirect refuses a rule that redirects to a listener with no one address, unless it did before: the listener may
// have changed since, which the gateway tells of.
func (s *Set) checkRedirect(e, before *Entry) Problems {
	o, ok := e.Object.(*Rule)
	if !ok || o.Redirect == nil || o.Redirect.Listener == nil {
		return nil
	}
	var ps Problems
	to := s.Get(Listeners, *o.Redirect.Listener)
	if to == nil || before.names(Ref{Kind: Listeners, Name: to.name, Path: "redirect.listener"}) {
		return nil
	}
	if _, one := to.Object.(*Listener).Authority(); !one {
		ps.Add("redirect.listener", "names listener %q, which has several host names or wildcards; name one that has none or a plain one, or give a url", to.name)
	}
	return ps
}

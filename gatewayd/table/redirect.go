package table

import (
	"strconv"
	"strings"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A Redirect is an answer that sends clients elsewhere.
type Redirect struct {
	Status int

	origin   string // scheme and host, perhaps with a port; where ownHost, the scheme and "//" alone
	ownHost  bool   // the request's host stands behind origin, and then
	port     string // ":" and a number, unless it is the scheme's own
	path     string // without a slash at its end where the request's path follows
	query    string // without "?"
	fragment string // with "#"

	includePath, includeQuery bool
	gone                      bool
}

// Gone says that the listener to be sent to does not exist: 502.
func (r *Redirect) Gone() bool { return r.gone }

// OwnHost says that Location must be told the host of the request.
func (r *Redirect) OwnHost() bool { return r.ownHost }

// AppendLocation appends the value of Location. host is that of the request without its port, path the one that would be
// sent to a target. The host always stands before the path, so no path can name another one, and bytes that a URL may not
// hold are escaped.
func (r *Redirect) AppendLocation(b, host, path []byte, req *http1.Request) []byte {
	b = append(b, r.origin...)
	if r.ownHost {
		b = append(b, host...)
		b = append(b, r.port...)
	}
	b = append(b, r.path...)
	if r.includePath {
		if len(path) == 1 && path[0] == '*' {
			path = slash
		}
		b = appendEscaped(b, path)
	}
	hasQuery := req.HasQuery && r.includeQuery
	if r.query != "" || hasQuery {
		b = append(b, '?')
		b = append(b, r.query...)
	}
	if hasQuery {
		if r.query != "" {
			b = append(b, '&')
		}
		b = appendEscaped(b, req.Query)
	}
	return append(b, r.fragment...)
}

var slash = []byte("/")

// appendEscaped appends bytes of a request's target, escaping those that a URL may not hold.
func appendEscaped(b, raw []byte) []byte {
	for _, c := range raw {
		if c > ' ' && c < 0x7f && strings.IndexByte("\"#<>\\^`{|}", c) < 0 {
			b = append(b, c)
			continue
		}
		b = append(b, '%', upperHex[c>>4], upperHex[c&15])
	}
	return b
}

const upperHex = "0123456789ABCDEF"

// redirect makes the redirect of a rule, or takes over the one of the table before where it is equal; nil where it
// names nothing.
func (c *compiler) redirect(o *spec.Rule, before *Redirect) *Redirect {
	from := o.Redirect
	r := Redirect{Status: from.Status, includePath: from.IncludePath, includeQuery: from.IncludeQuery}
	switch {
	case from.URL != nil:
		r.toURL(*from.URL)
	case from.Listener != nil:
		e := c.set.Get(spec.Listeners, *from.Listener)
		if e == nil {
			c.warn(onRule(o.Name, "redirect.listener", "names listener %q, which does not exist; requests of the rule are answered 502 until it does", *from.Listener))
			r.gone = true
			break
		}
		r.toListener(e.Object.(*spec.Listener))
		c.warnRedirect(o, e.Object.(*spec.Listener))
	default:
		return nil
	}
	if before != nil && *before == r {
		return before
	}
	return &r
}

func (r *Redirect) toURL(url string) {
	url, fragment, found := strings.Cut(url, "#")
	if found {
		r.fragment = "#" + fragment
	}
	url, r.query, _ = strings.Cut(url, "?")
	scheme, rest, _ := strings.Cut(url, "://")
	host, path, _ := strings.Cut(rest, "/")
	r.origin, r.path = scheme+"://"+host, "/"+path
	if r.includePath {
		r.path = strings.TrimSuffix(r.path, "/")
	}
}

func (r *Redirect) toListener(l *spec.Listener) {
	host, _ := l.Authority() // Where there are several, the request's own is as good as any.
	own := 80
	if l.Protocol == spec.HTTPS {
		own = 443
	}
	r.origin = l.Protocol + "://" + host
	if l.Port != own {
		r.port = ":" + strconv.Itoa(l.Port)
	}
	if r.ownHost = host == ""; !r.ownHost {
		r.origin, r.port = r.origin+r.port, ""
	}
	if !r.includePath {
		r.path = "/"
	}
}

// warnRedirect tells of a listener that has no one address any more, and of a redirect that comes back to its own rule.
func (c *compiler) warnRedirect(o *spec.Rule, to *spec.Listener) {
	if _, one := to.Authority(); !one {
		c.warn(onRule(o.Name, "redirect.listener", "names listener %q, which has several host names or wildcards by now; clients are sent to the host that they asked for", to.Name))
	}
	if to.Name == o.Listener && comesBack(o) {
		c.warn(onRule(o.Name, "redirect.listener", "sends clients to the rule's own listener, where the rule takes their next request too: they go round in a circle"))
	}
}

// comesBack says whether the rule takes what it redirects to its own listener, as far as host and path tell: a request
// that its headers or query decide about may come back changed.
func comesBack(o *spec.Rule) bool {
	m := o.Match
	switch {
	case m == nil:
		return true
	case len(m.Headers) > 0 || len(m.Query) > 0 || len(m.Methods) > 0 || len(m.Hostnames) > 0 && !o.Redirect.IncludePath:
		return false
	case o.Redirect.IncludePath || len(m.Paths) == 0:
		return true
	}
	for _, p := range m.Paths {
		if p == "/" || p == "/*" {
			return true
		}
	}
	return false
}

package table

import (
	"slices"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secure"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// An Address is the listeners of one address and port.
type Address struct {
	Place Place
	// The limits hold until Host is known: those of the listener without host names, else the largest of all.
	HeaderTimeout, KeepAliveTimeout time.Duration
	MaxHeaderBytes, MaxURLBytes     int
	MaxConnections                  int // over all loops; 0: no limit
	// ProxyProtocol says that connections begin with a header of the PROXY protocol, Proxies whose are believed.
	ProxyProtocol bool
	Proxies       Trust
	// Secure says that clients speak TLS.
	Secure bool
	// Listeners are all of the address, by name. The caller must not change it.
	Listeners []*Listener

	sites     hosts[*site]
	anybody   *secure.Server // see Server
	unchanged bool           // the listeners are those of the table before, entry for entry
}

// setLimits makes the limits of those of the listeners.
func (a *Address) setLimits() {
	limits := a.Listeners
	if basic := a.sites.rest; basic != nil {
		limits = []*Listener{basic.listener}
	}
	for _, l := range limits {
		a.HeaderTimeout = max(a.HeaderTimeout, l.HeaderTimeout)
		a.KeepAliveTimeout = max(a.KeepAliveTimeout, l.KeepAliveTimeout)
		a.MaxHeaderBytes = max(a.MaxHeaderBytes, l.MaxHeaderBytes)
		a.MaxURLBytes = max(a.MaxURLBytes, l.MaxURLBytes)
		a.MaxConnections = max(a.MaxConnections, l.MaxConnections)
	}
	if slices.ContainsFunc(limits, func(l *Listener) bool { return l.MaxConnections == 0 }) {
		a.MaxConnections = 0
	}
}

// setProxies says whether connections of the address begin with a PROXY protocol header, and whose is believed: one of its
// listeners is enough. A listener that does not say so is told.
func (c *compiler) setProxies(a *Address) {
	var first *Listener
	var spans []span
	for _, l := range a.Listeners {
		if !l.ProxyProtocol {
			continue
		}
		if first == nil {
			first = l
		}
		spans = append(spans, l.Trusted.spans...)
	}
	if first == nil {
		return
	}
	a.ProxyProtocol, a.Proxies = true, joined(spans)
	for _, l := range a.Listeners {
		if !l.ProxyProtocol {
			c.warn(onListener(l.Name, "proxy_protocol", "is false, and listener %q on the same address and port has it true; "+
				"connections there begin with a PROXY protocol header for both, so give listener %q proxy_protocol = true too, or another port", first.Name, l.Name))
		}
	}
}

// A site is a listener with the index of its rules.
type site struct {
	listener *Listener
	https    bool
	server   *secure.Server // nil for http, and where no certificate can be shown
	cells    hosts[*cell]
	branches *hosts[*branch] // of rules with conditions beside host and path; nil where there are none

	certificates []*spec.Entry // that server is made of
	bundles      []*spec.Entry // that the listener's Auth is made of
}

// A Found is what serves a request. Without a listener for the host it is empty, without a rule it has only the listener:
// 404 each.
type Found struct {
	Listener *Listener
	Route    *Route
	// Took is how much of the path the rule's path took, without its star; 0 where it has none.
	Took int
	// Costly says that the rules' conditions would take too long on a request so large, and that nothing is known of its
	// route.
	Costly bool
}

// Match finds the route of a request. path is the normal form that NormalPath gave, not the raw path: decoding it twice
// would make one path of two. A host longer than 255 bytes matches no name and no pattern. Match allocates nothing.
func (a *Address) Match(req *http1.Request, path []byte) Found {
	var buf [maxHost]byte
	name, named := fold(&buf, req.Host)
	s := a.site(name, named)
	if s == nil {
		return Found{}
	}
	var c choice
	if named {
		c.named(&s.cells, name, path)
	}
	c.consider(s.cells.rest, rankAnyHost, path)
	if s.branches != nil {
		t := trial{request: req, path: path, choice: c}
		if named {
			t.named(s.branches, name)
		}
		t.consider(s.branches.rest, rankAnyHost)
		if t.spent() {
			return Found{Listener: s.listener, Costly: true}
		}
		c = t.choice
	}
	return Found{Listener: s.listener, Route: c.entry.route, Took: c.entry.took(path)}
}

// Listener is the one of a host, whatever its rules take; nil where no listener serves it.
func (a *Address) Listener(host []byte) *Listener {
	var buf [maxHost]byte
	if s := a.site(fold(&buf, host)); s != nil {
		return s.listener
	}
	return nil
}

func (a *Address) site(name []byte, named bool) *site {
	if !named {
		return a.sites.rest
	}
	return bestSite(&a.sites, name)
}

// bestSite is the listener of a host: by exact name, then by the most specific pattern, then the one without names.
func bestSite(h *hosts[*site], name []byte) *site {
	if s := h.exact[string(name)]; s != nil {
		return s
	}
	best, rank := h.rest, uint64(rankAnyHost)
	for suffix := h.nextSuffix(name); suffix != nil; suffix = h.nextSuffix(suffix) {
		if s := h.suffixes[string(suffix)]; s != nil {
			best, rank = s, suffixRank(len(suffix))
			break
		}
	}
	for i := range h.patterns {
		p := &h.patterns[i]
		if p.rank > rank {
			break
		}
		if p.rank == rank && best.listener.Name <= p.value.listener.Name {
			continue
		}
		if p.match(name) {
			best, rank = p.value, p.rank
		}
	}
	return best
}

// A choice is the best entry found so far.
type choice struct{ entry entry }

// named considers the cells of every host condition that takes the name, but not the cell without one.
func (c *choice) named(h *hosts[*cell], name, path []byte) {
	if cell := h.exact[string(name)]; cell != nil {
		c.consider(cell, rankExactHost, path)
	}
	for suffix := h.nextSuffix(name); suffix != nil; suffix = h.nextSuffix(suffix) {
		if cell := h.suffixes[string(suffix)]; cell != nil {
			c.consider(cell, suffixRank(len(suffix)), path)
		}
	}
	for i := range h.patterns {
		if p := &h.patterns[i]; p.match(name) {
			c.consider(p.value, p.rank, path)
		}
	}
}

func (c *choice) consider(cell *cell, host uint64, path []byte) {
	if cell != nil {
		c.take(cell.find(path), host)
	}
}

// take keeps the better of the entry, found under a host condition of a rank, and what was found before.
func (c *choice) take(e entry, host uint64) {
	e.rank |= host << hostShift
	if e.before(c.entry) {
		c.entry = e
	}
}

package table

import (
	"slices"
	"strings"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secure"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// Server is the TLS for a client that asks for a host name, or for none: that of the listener of the name; else of the one
// without names, else of the first by name. It is nil where none of these has a certificate that can be shown.
func (a *Address) Server(name string) *secure.Server {
	if name != "" {
		var buf [maxHost]byte
		if s := a.site(fold(&buf, []byte(name))); s != nil && s.server != nil {
			return s.server
		}
	}
	return a.anybody
}

// secure makes the TLS of a listener, or takes it over from the table before where its certificates are the same.
func (c *compiler) secure(d *draft, o *spec.Listener) {
	if o.Protocol != spec.HTTPS {
		return
	}
	d.address.Secure = true
	var identities []*secure.Identity
	for _, name := range o.Certificates {
		e := c.set.Get(spec.Certificates, name)
		if e == nil {
			c.warn(onListener(o.Name, "certificates", "names certificate %q, which was dropped; clients are shown another one, or none", name))
			continue
		}
		d.site.certificates = append(d.site.certificates, e)
		if i := c.identity(e); i != nil {
			identities = append(identities, i)
		} else {
			c.warn(onListener(o.Name, "certificates", "names certificate %q, which has no key that belongs to it; clients are shown another one, or none", name))
		}
	}
	c.warnSecure(o, identities)
	switch before := d.before; {
	case len(identities) == 0:
	case before != nil && slices.Equal(before.site.certificates, d.site.certificates):
		d.site.server = before.site.server
	default:
		d.site.server = secure.NewServer(secure.Offer{
			Listener: d.entry.ID, Identities: identities, Policy: o.TLS.Effective(), Auth: d.site.listener.Auth, Tickets: c.living.Tickets(),
		})
	}
}

// auth is what a listener asks of its clients, that of the table before where it goes by the same; nil where it asks for nothing.
// What is gone of what it names is left out, which never lets more people in.
func (c *compiler) auth(d *draft, o *spec.Listener) *secure.Auth {
	if o.Protocol != spec.HTTPS || o.ClientAuth == nil {
		return nil
	}
	d.site.bundles = c.bundles(o.ClientAuth.CABundles, func(name string) Warning {
		return onListener(o.Name, "client_auth.ca_bundles", "names CA bundle %q, which was dropped; clients with certificates of its authorities are not believed", name)
	})
	if d.before != nil && slices.EqualFunc(d.before.site.bundles, d.site.bundles, sameBundle) {
		return d.before.site.listener.Auth
	}
	return secure.NewAuth(o.ClientAuth.Mode, authorities(d.site.bundles))
}

// identity is that of a certificate, once for all listeners that name it; nil where it cannot be shown.
func (c *compiler) identity(e *spec.Entry) *secure.Identity {
	i, ok := c.table.identities[e]
	if !ok {
		i, ok = c.before.identities[e]
	}
	if !ok {
		if chain, key, err := e.Object.(*spec.Certificate).Pair(); err == nil && key != nil {
			i = secure.NewIdentity(chain, key)
		}
	}
	c.table.identities[e] = i
	return i
}

// warnSecure tells of what clients will not get.
func (c *compiler) warnSecure(o *spec.Listener, identities []*secure.Identity) {
	if missing := o.TLS.Effective().Missing; len(missing) > 0 {
		c.warn(onListener(o.Name, "tls.policy", "%s holds cipher suites that gatewayd does not have: %s; clients get another of its suites, or none", *o.TLS.Policy, strings.Join(missing, ", ")))
	}
	if len(identities) == 0 {
		return
	}
	if p := o.TLS.Effective(); p.Min < "1.3" && !slices.ContainsFunc(p.Suites, func(suite string) bool {
		return slices.ContainsFunc(identities, func(i *secure.Identity) bool { return i.Suits(suite) })
	}) {
		c.warn(onListener(o.Name, "tls.cipher_suites", "holds none for the kind of key of the listener's certificates: clients of TLS 1.2 and older are refused"))
	}
	for _, host := range o.Hostnames {
		if !slices.ContainsFunc(identities, func(i *secure.Identity) bool { return i.Covers(host) }) {
			c.warn(onListener(o.Name, "certificates", "has none for host name %q: clients that ask for it are shown one of another name, and most refuse it", host))
		}
	}
}

// protocol says who is served where no listener has the name that a client asks for, and tells a listener of plain HTTP that
// another of its address and port has made TLS of it. That is no refusal, because the protocol of several listeners cannot
// change at once.
func (c *compiler) protocol(d *draft) {
	a, s := d.address, d.site
	if s.server != nil && (a.anybody == nil || s == a.sites.rest) {
		a.anybody = s.server
	}
	if a.Secure && !s.https {
		other := slices.IndexFunc(c.ordered, func(o *draft) bool { return o.address == a && o.site.https })
		c.warn(onListener(s.listener.Name, "protocol", "is http, but listener %q on the same address and port has https: clients must speak TLS to both of them", c.ordered[other].site.listener.Name))
	}
}

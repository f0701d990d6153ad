package table

import (
	"crypto/x509"
	"slices"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secure"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// terms are what the TLS of a setting goes by: what the setting says, and the objects that it names.
type terms struct {
	verify  bool
	name    string
	bundles []*spec.Entry // nil are the machine's authorities
	shown   *spec.Entry
}

// equal says whether two terms come to the same, and so may share connections and sessions.
func (t *terms) equal(o *terms) bool {
	return t.verify == o.verify && t.name == o.name && (t.bundles == nil) == (o.bundles == nil) &&
		slices.EqualFunc(t.bundles, o.bundles, sameBundle) && sameIdentity(t.shown, o.shown)
}

// sameBundle says whether two entries hold the same certificates, perhaps under another name.
func sameBundle(a, b *spec.Entry) bool {
	return a == b || a.Object.(*spec.CABundle).PEM == b.Object.(*spec.CABundle).PEM
}

// sameIdentity says the same of a certificate and its key.
func sameIdentity(a, b *spec.Entry) bool {
	if a == b || a == nil || b == nil {
		return a == b
	}
	x, y := a.Object.(*spec.Certificate), b.Object.(*spec.Certificate)
	return sameText(x.CertificatePEM, y.CertificatePEM) && sameText(x.PrivateKeyPEM, y.PrivateKeyPEM)
}

func sameText(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

// terms of a setting; nil where its targets are spoken to in clear. What is gone of what it names is left out, which never
// makes more people believed.
func (c *compiler) terms(e *spec.Entry) *terms {
	if e == nil {
		return nil
	}
	o := e.Object.(*spec.Setting)
	if o.Protocol != spec.HTTPS {
		return nil
	}
	own := o.TLS.Effective()
	t := &terms{verify: own.Verify, name: o.ServerName()}
	t.bundles = c.bundles(own.CABundles, func(name string) Warning {
		return onSetting(o.Name, "tls.ca_bundles", "names CA bundle %q, which was dropped; targets with certificates of its authorities are not believed", name)
	})
	if own.ClientCertificate != nil {
		if t.shown = c.set.Get(spec.Certificates, *own.ClientCertificate); t.shown == nil {
			c.warn(onSetting(o.Name, "tls.client_certificate", "names certificate %q, which was dropped; targets are shown none", *own.ClientCertificate))
		} else if c.identity(t.shown) == nil {
			c.warn(onSetting(o.Name, "tls.client_certificate", "names certificate %q, which has no key that belongs to it; targets are shown none", *own.ClientCertificate))
		}
	}
	return t
}

// client is the TLS of a setting, that of the table before where it goes by the same.
func (c *compiler) client(e *spec.Entry, t *terms) *secure.Client {
	if t == nil {
		return nil
	}
	if before := c.settingBefore(e.ID); before != nil && before.TLS != nil && before.terms.equal(t) {
		return before.TLS
	}
	of := secure.Terms{Name: t.name, Verify: t.verify, Roots: authorities(t.bundles)}
	if t.shown != nil {
		of.Identity = c.identity(t.shown)
	}
	return secure.NewClient(of)
}

// bundles are those of some names; nil where there are no names. Of those that are gone dropped warns.
func (c *compiler) bundles(names []string, dropped func(name string) Warning) []*spec.Entry {
	if len(names) == 0 {
		return nil
	}
	list := make([]*spec.Entry, 0, len(names))
	for _, name := range names {
		if b := c.set.Get(spec.CABundles, name); b != nil {
			list = append(list, b)
		} else {
			c.warn(dropped(name))
		}
	}
	return list
}

// authorities are those of some bundles; nil where the list is, and not where it is empty: that is nobody.
func authorities(bundles []*spec.Entry) []*x509.Certificate {
	if bundles == nil {
		return nil
	}
	all := []*x509.Certificate{}
	for _, b := range bundles {
		all = append(all, b.Object.(*spec.CABundle).Certificates()...)
	}
	return all
}

// settingBefore finds a setting of the table before by its identity; nil where it had none.
func (c *compiler) settingBefore(id string) *Setting {
	if c.settings == nil {
		c.settings = make(map[string]*Setting, len(c.before.settings))
		for _, s := range c.before.settings {
			c.settings[s.ID] = s
		}
	}
	return c.settings[id]
}

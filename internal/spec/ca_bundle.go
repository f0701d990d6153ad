package spec

import "crypto/x509"

// A CABundle is whom to trust: the certificates that the chain of a client or a target may end in. It holds one or many, so
// that an old and a new one overlap.
type CABundle struct {
	Name string `json:"name" tfsdk:"name" spec:"required,is=name" doc:"Name of the bundle, unique among CA bundles. A new name renames it in place."`
	PEM  string `json:"pem" tfsdk:"pem" spec:"required,is=certificates,1..262144" doc:"Certificates of the authorities to trust, in PEM form, in any order. To replace an authority give the old one and the new one, and take the old one out when nobody comes with it any more."`
}

// Key is the bundle's name.
func (b *CABundle) Key() string { return b.Name }

func (b *CABundle) check(*Problems) {}

// Certificates are those of the bundle; none where they cannot be read, as Check refuses that.
func (b *CABundle) Certificates() []*x509.Certificate {
	all, err := readCertificates(b.PEM)
	if err != nil {
		return nil
	}
	return all
}

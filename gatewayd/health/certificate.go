package health

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// unbelieved says why the certificate of a target proves nothing.
func (w *watch) unbelieved(err *tls.CertificateVerificationError) string {
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &name):
		return misnamed(err.UnverifiedCertificates, w.target.ServerName)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		return validity(invalid.Cert, time.Now())
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return fmt.Sprintf("the certificate of %s is not one for servers (extended key usage); give the target another certificate", nameOf(err.UnverifiedCertificates[0]))
	case errors.As(err, &unknown):
		return unsigned(err.UnverifiedCertificates, unknown)
	}
	return "the certificate is not valid: " + brief(err.Err.Error())
}

// misnamed says why what a target shows is not for a name.
func misnamed(chain []*x509.Certificate, name string) string {
	first := chain[0]
	for _, other := range chain[1:] {
		if !other.IsCA && other.VerifyHostname(name) == nil {
			return fmt.Sprintf("the target shows its certificates in the wrong order: that for %s must be first, behind it the authority that signed it, and so on", name)
		}
	}
	switch {
	case len(first.DNSNames)+len(first.IPAddresses) == 0 && strings.EqualFold(first.Subject.CommonName, name):
		return fmt.Sprintf("the certificate has %s as its common name (CN) alone, which proves nothing; give the target one with a subject alternative name (SAN)", name)
	case first.IsCA && len(first.DNSNames)+len(first.IPAddresses) == 0:
		return fmt.Sprintf("the target shows the certificate of the authority %s in the place of its own, which must be first", nameOf(first))
	}
	return fmt.Sprintf("the certificate is not for %s, but for %s; name one of these (server_name of the setting's tls), or give the target another certificate", name, namesOf(first))
}

// unsigned says whose signature is missing or not believed.
func unsigned(chain []*x509.Certificate, err x509.UnknownAuthorityError) string {
	// What is said of the authorities that have the name of the signer is told in the text alone.
	if _, why, known := strings.Cut(err.Error(), "possibly because of "); known {
		return "an authority of the name that the certificate is signed by is known, but has another key or may not sign: " + brief(strings.TrimSuffix(why, ")"))
	}
	return fmt.Sprintf("the certificate is signed by %s, an authority that is not trusted; name a bundle with it (ca_bundles of the setting's tls), or have the target send the authorities between", issuerOf(chain))
}

// validity says since or until when a certificate is not valid.
func validity(c *x509.Certificate, now time.Time) string {
	if now.Before(c.NotBefore) {
		return fmt.Sprintf("the certificate of %s is not valid before %s", nameOf(c), c.NotBefore.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("the certificate of %s expired at %s", nameOf(c), c.NotAfter.UTC().Format(time.RFC3339))
}

func nameOf(c *x509.Certificate) string {
	if c.Subject.CommonName != "" {
		return fmt.Sprintf("%.80q", c.Subject.CommonName)
	}
	return namesOf(c)
}

// issuerOf is the authority behind the last certificate of a chain.
func issuerOf(chain []*x509.Certificate) string {
	if len(chain) == 0 {
		return "nobody"
	}
	last := chain[len(chain)-1]
	if name := last.Issuer.CommonName; name != "" {
		return fmt.Sprintf("%.80q", name)
	}
	return fmt.Sprintf("%.80q", last.Issuer.String())
}

// maxNames is how many names of a certificate are told.
const maxNames = 5

// namesOf are the names that a certificate is for.
func namesOf(c *x509.Certificate) string {
	var names []string
	for _, name := range c.DNSNames {
		names = append(names, fmt.Sprintf("%.80q", name))
	}
	for _, ip := range c.IPAddresses {
		names = append(names, net.IP(ip).String())
	}
	switch n := len(names); {
	case n == 0:
		return "no name at all"
	case n > maxNames:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNames], ", "), n-maxNames)
	}
	return strings.Join(names, ", ")
}

package spec

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"reflect"
	"time"
)

// A factual object has facts: what follows from its fields and nobody writes.
type factual interface {
	// facts is a pointer to a struct of them; of nil where the fields say nothing that can be read.
	facts() facts
}

// facts are a struct with the tags of a kind's fields.
type facts interface {
	// soon says what is amiss at a time, or soon will be.
	soon(now time.Time) Problems
	// expires is when the first of the certificates does, as RFC 3339 writes it.
	expires() string
}

// A CertificateFacts is what a certificate's leaf says.
type CertificateFacts struct {
	Fingerprint string   `json:"fingerprint" tfsdk:"fingerprint" doc:"SHA-256 of the certificate, in hexadecimal digits."`
	NotBefore   string   `json:"not_before" tfsdk:"not_before" doc:"When the certificate begins to be valid, as RFC 3339 writes it."`
	NotAfter    string   `json:"not_after" tfsdk:"not_after" doc:"When the certificate expires, as RFC 3339 writes it."`
	Names       []string `json:"names" tfsdk:"names" doc:"Host names and IP addresses that the certificate is for."`
	Issuer      string   `json:"issuer" tfsdk:"issuer" doc:"Who signed the certificate."`
	Serial      string   `json:"serial" tfsdk:"serial" doc:"Number that the issuer gave the certificate, in hexadecimal digits."`
	KeyType     string   `json:"key_type" tfsdk:"key_type" doc:"Kind of the key, as \"ECDSA P-256\" or \"RSA 2048\"."`
}

func (c *Certificate) facts() facts {
	var none *CertificateFacts
	if c.CertificatePEM == nil {
		return none
	}
	chain, err := readCertificates(*c.CertificatePEM)
	if err != nil {
		return none
	}
	leaf := chain[0]
	f := &CertificateFacts{
		Fingerprint: fingerprint(leaf), NotBefore: instant(leaf.NotBefore), NotAfter: instant(leaf.NotAfter), Names: []string{},
		Issuer: leaf.Issuer.String(), Serial: leaf.SerialNumber.Text(16), KeyType: keyType(leaf.PublicKey),
	}
	f.Names = append(f.Names, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		f.Names = append(f.Names, ip.String())
	}
	return f
}

// A CABundleFacts is what the certificates of a bundle say.
type CABundleFacts struct {
	Fingerprints []string `json:"fingerprints" tfsdk:"fingerprints" doc:"SHA-256 of each certificate, in hexadecimal digits, in the order of the text."`
	NotAfter     string   `json:"not_after" tfsdk:"not_after" doc:"When the first of the certificates expires, as RFC 3339 writes it."`
}

func (b *CABundle) facts() facts {
	all, err := readCertificates(b.PEM)
	if err != nil {
		var none *CABundleFacts
		return none
	}
	f, first := &CABundleFacts{}, all[0].NotAfter
	for _, c := range all {
		f.Fingerprints = append(f.Fingerprints, fingerprint(c))
		if c.NotAfter.Before(first) {
			first = c.NotAfter
		}
	}
	f.NotAfter = instant(first)
	return f
}

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// soonest is how long before its end a certificate is told of. Those that live shorter than three times as long are told of
// in the last third of their life: whoever renews them every week wants no warning for ever.
const soonest = 30 * 24 * time.Hour

func (f *CertificateFacts) expires() string { return f.NotAfter }

func (f *CABundleFacts) expires() string { return f.NotAfter }

func (f *CertificateFacts) soon(now time.Time) (ps Problems) {
	begin, errBegin := time.Parse(time.RFC3339, f.NotBefore)
	end, errEnd := time.Parse(time.RFC3339, f.NotAfter)
	switch {
	case errBegin != nil || errEnd != nil: // A certificate may say a year that no clock will show.
	case now.After(end):
		ps.Add("certificate_pem", "has expired, at %s; clients refuse it", f.NotAfter)
	case now.Before(begin):
		ps.Add("certificate_pem", "is not valid before %s; clients refuse it until then", f.NotBefore)
	case end.Sub(now) < min(soonest, end.Sub(begin)/3):
		ps.Add("certificate_pem", "expires soon, at %s; renew it", f.NotAfter)
	}
	return ps
}

func (f *CABundleFacts) soon(now time.Time) (ps Problems) {
	end, err := time.Parse(time.RFC3339, f.NotAfter)
	switch {
	case err != nil:
	case now.After(end):
		ps.Add("pem", "has a certificate that has expired, at %s; what it signed is refused", f.NotAfter)
	case end.Sub(now) < soonest:
		ps.Add("pem", "has a certificate that expires soon, at %s; add the one that follows it", f.NotAfter)
	}
	return ps
}

// Facts describes the facts of the kind's objects; nil where they have none. Only names, documentation and shapes mean
// something.
func (k *Kind) Facts() []Field { return k.facts }

// factsOf describes the facts of a kind's struct.
func factsOf(t reflect.Type) []Field {
	f, ok := reflect.New(t).Interface().(factual)
	if !ok {
		return nil
	}
	return fieldsOf(reflect.TypeOf(f.facts()).Elem())
}

// EncodeFacts writes the facts of an object as JSON; nil where it has none.
func EncodeFacts(o Object) []byte {
	if f := knownFacts(o); f != nil {
		return encode(f)
	}
	return nil
}

func knownFacts(o Object) facts {
	if f, ok := o.(factual); ok {
		if known := f.facts(); !reflect.ValueOf(known).IsNil() {
			return known
		}
	}
	return nil
}

// Soon says what is amiss with an object at a time, or soon will be: a certificate that expires.
func Soon(o Object, now time.Time) Problems {
	if f := knownFacts(o); f != nil {
		return f.soon(now)
	}
	return nil
}

// Soon is Soon of the entry's object.
func (e *Entry) Soon(now time.Time) Problems {
	if e.facts == nil {
		return nil
	}
	return e.facts.soon(now)
}

// Expires is when the entry's object does, or the first part of it; false where it never does.
func (e *Entry) Expires() (time.Time, bool) {
	if e.facts == nil {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339, e.facts.expires())
	return at, err == nil
}

// Facts are those of the entry's object as JSON; nil where it has none.
func (e *Entry) Facts() []byte {
	if e.facts == nil {
		return nil
	}
	return encode(e.facts)
}

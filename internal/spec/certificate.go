package spec

import (
	"crypto"
	"crypto/x509"
)

// A Certificate is what a listener or the gateway itself proves with who it is: a chain of certificates, the leaf first,
// and the leaf's private key. They come in PEM form, or both in one PFX, which is turned into PEM where it is written.
type Certificate struct {
	Name           string  `json:"name" tfsdk:"name" spec:"required,is=name" doc:"Name of the certificate, unique among certificates. A new name renames it in place."`
	CertificatePEM *string `json:"certificate_pem" tfsdk:"certificate_pem" spec:"is=certificates,1..65536,settled" doc:"The certificate in PEM form, behind it those of the authorities between it and its root. The root itself may be left out. Comes from the PFX where there is one."`
	PrivateKeyPEM  *string `json:"private_key_pem" tfsdk:"private_key_wo" spec:"secret,1..16384" doc:"Private key of the certificate in PEM form (PKCS#8, PKCS#1 or SEC 1), not encrypted: RSA of 2048 to 8192 bits, ECDSA on P-256, P-384 or P-521, or Ed25519. Nothing shows it again. A write without one keeps the key that there is, as long as it belongs to the certificate."`
	PFX            *string `json:"pfx" tfsdk:"pfx_wo" spec:"secret,1..49152" doc:"Certificate, authorities and private key in one PFX (PKCS#12) file in base 64, in the place of the two in PEM form."`
	Password       *string `json:"password" tfsdk:"pfx_password_wo" spec:"secret,1..1024" doc:"Password of the PFX. Left out where it has none, or an empty one."`
}

// Key is the certificate's name.
func (c *Certificate) Key() string { return c.Name }

// maxChain bounds how many certificates a chain has. Clients refuse longer ones.
const maxChain = 10

func (c *Certificate) check(ps *Problems) {
	switch {
	case c.CertificatePEM == nil && c.PFX == nil:
		ps.AddNeeding("certificate_pem", []string{"pfx"}, "is required, unless a PFX holds it")
	case c.CertificatePEM != nil && c.PFX != nil:
		ps.AddNeeding("pfx", []string{"certificate_pem"}, "cannot be given together with certificate_pem; keep one of the two")
	case c.PrivateKeyPEM != nil && c.PFX != nil:
		ps.AddNeeding("private_key_pem", []string{"pfx"}, "cannot be given together with a PFX, which has its own")
	case c.Password != nil && c.PFX == nil:
		ps.AddNeeding("password", []string{"pfx"}, "is that of a PFX, and there is none")
	default:
		_, _, problems := c.read()
		ps.Append(problems)
	}
}

// Pair is the chain, the leaf first, and the leaf's key; the key is nil where the object was read from an API and not from
// a store. The error says why there is none.
func (c *Certificate) Pair() (chain []*x509.Certificate, key crypto.Signer, err error) {
	chain, key, problems := c.read()
	if len(problems) > 0 {
		return nil, nil, problems
	}
	return chain, key, nil
}

// read reads what is given, and says what is wrong with it. What the grammar of a field says already it leaves unsaid.
func (c *Certificate) read() (chain []*x509.Certificate, key crypto.Signer, ps Problems) {
	var err error
	switch {
	case c.PFX != nil:
		chain, key = c.readPFX(&ps)
	case c.CertificatePEM != nil:
		if chain, err = readCertificates(*c.CertificatePEM); err != nil {
			return nil, nil, ps
		}
	}
	if len(chain) == 0 {
		return nil, nil, ps
	}
	path := "certificate_pem"
	if c.PFX != nil {
		path = "pfx"
	}
	if err := usable(chain[0].PublicKey); err != nil {
		ps.Add(path, "%s", err)
	} else if len(chain) > maxChain {
		ps.Add(path, "has %d certificates; clients take at most %d, the leaf and the authorities up to its root", len(chain), maxChain)
	}
	if c.PrivateKeyPEM == nil || *c.PrivateKeyPEM == "" || c.PFX != nil || len(ps) > 0 {
		return chain, key, ps
	}
	if key, err = readKey(*c.PrivateKeyPEM); err != nil {
		ps.Add("private_key_pem", "%s", err)
		return nil, nil, ps
	}
	if why := mismatch(chain, key.Public()); why != "" {
		ps.AddNeeding("private_key_pem", []string{"certificate_pem"}, "%s", why)
	}
	return chain, key, ps
}

// readPFX reads the PFX. Its verdicts rest on the password, which may be the wrong one.
func (c *Certificate) readPFX(ps *Problems) ([]*x509.Certificate, crypto.Signer) {
	password := ""
	if c.Password != nil {
		password = *c.Password
	}
	chain, key, err := readPFX(*c.PFX, password)
	switch {
	case err == errPFXPassword && c.Password == nil:
		ps.AddNeeding("pfx", []string{"password"}, "has a password, which must be given with it, or it is damaged")
	case err == errPFXPassword:
		ps.AddNeeding("password", []string{"pfx"}, "%s", err)
	case err != nil:
		ps.AddNeeding("pfx", []string{"password"}, "%s", err)
	}
	return chain, key
}

// mismatch says why a key is not that of a chain.
func mismatch(chain []*x509.Certificate, key crypto.PublicKey) string {
	if belong(key, chain[0].PublicKey) {
		return ""
	}
	for _, other := range chain[1:] {
		if belong(key, other.PublicKey) {
			return "belongs to another certificate of the chain than the first; put the one that it belongs to first, behind it the authority that signed it, and so on"
		}
	}
	return "does not belong to the certificate; give the key that its request was made with"
}

// settled is the certificate in PEM form, its key in the form in which all are kept.
func (c *Certificate) settled() Object {
	chain, key, problems := c.read()
	if len(problems) > 0 || key == nil && c.PFX == nil {
		return c
	}
	text, err := writeKey(key)
	if err != nil {
		return c // Whatever was read can be written.
	}
	s := &Certificate{Name: c.Name, CertificatePEM: c.CertificatePEM, PrivateKeyPEM: &text}
	if c.PFX != nil {
		s.CertificatePEM = new(writeCertificates(chain))
	}
	return s
}

// inherit keeps the key of the object as it was where none is given and it belongs to the certificate.
func (c *Certificate) inherit(ps *Problems, was Object) {
	if c.PrivateKeyPEM != nil || c.PFX != nil || c.CertificatePEM == nil {
		return
	}
	needs := []string{"certificate_pem", "pfx"}
	old, _ := was.(*Certificate)
	if old == nil || old.CertificatePEM == nil {
		ps.AddNeeding("private_key_pem", needs, "is required: a new certificate comes with its key")
		return
	}
	chain, err := readCertificates(*c.CertificatePEM)
	before, errBefore := readCertificates(*old.CertificatePEM)
	if err != nil || errBefore != nil {
		return // Its check says so.
	}
	if !belong(chain[0].PublicKey, before[0].PublicKey) {
		ps.AddNeeding("private_key_pem", needs, "is required: the key that the gateway holds does not belong to this certificate")
		return
	}
	c.PrivateKeyPEM = old.PrivateKeyPEM
}

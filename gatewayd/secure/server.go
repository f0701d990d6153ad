package secure

import (
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"strings"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// An Identity is a certificate with its key, ready to be shown.
type Identity struct{ pair tls.Certificate }

// NewIdentity is that of a chain of certificates, the leaf first, and the leaf's key.
func NewIdentity(chain []*x509.Certificate, key crypto.Signer) *Identity {
	pair := tls.Certificate{PrivateKey: key, Leaf: chain[0]}
	for _, c := range chain {
		pair.Certificate = append(pair.Certificate, c.Raw)
	}
	return &Identity{pair}
}

// Covers says that the certificate is for a host name, which may have a star as its first label. Of a pattern of another
// form nothing can be said; it counts as covered.
func (i *Identity) Covers(host string) bool {
	if name, ok := strings.CutPrefix(host, "*."); ok && !strings.ContainsAny(name, "*?") {
		// Whatever stands in place of the star, a certificate for all of the names has a star there too.
		host = "any-name-at-all." + name
	} else if strings.ContainsAny(host, "*?") {
		return true
	}
	return i.pair.Leaf.VerifyHostname(host) == nil
}

// Suits says that the key is of the kind of a cipher suite of TLS 1.2 and older.
func (i *Identity) Suits(suite string) bool {
	_, rsa := i.pair.Leaf.PublicKey.(*rsa.PublicKey)
	return rsa != strings.Contains(suite, "_ECDSA_")
}

// A Server is the TLS of one listener. It is immutable.
type Server struct{ config *tls.Config }

// NewServer makes one that shows the first of the identities, of which there is one at least, that suits a client.
// tickets, which may be nil, are good for the scope alone: a session is not taken up where something else is asked of
// clients.
func NewServer(identities []*Identity, policy spec.TLSPolicy, tickets *Tickets, scope string) *Server {
	c := &tls.Config{
		MinVersion: versions[policy.Min], MaxVersion: versions[policy.Max], CipherSuites: suitesOf(policy.Suites),
		NextProtos: []string{"http/1.1"},
		// Records of all sizes but the largest cost more to make than they save a client on a slow line.
		DynamicRecordSizingDisabled: true,
		SessionTicketsDisabled:      tickets == nil,
	}
	for _, i := range identities {
		c.Certificates = append(c.Certificates, i.pair)
	}
	if tickets != nil {
		tickets.use(c, scope)
	}
	return &Server{c}
}

// Config is what a handshake goes by. The caller must not change it.
func (s *Server) Config() *tls.Config { return s.config }

var versions = map[string]uint16{"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// suitesOf are the numbers of cipher suites by their names; a name that crypto/tls does not have is left out.
func suitesOf(names []string) []uint16 {
	ids := []uint16{} // Not nil, which would mean all.
	for _, name := range names {
		if id, ok := suites[name]; ok {
			ids = append(ids, id)
		}
	}
	return ids
}

var suites = func() map[string]uint16 {
	m := map[string]uint16{}
	for _, list := range [...][]*tls.CipherSuite{tls.CipherSuites(), tls.InsecureCipherSuites()} {
		for _, s := range list {
			m[s.Name] = s.ID
		}
	}
	// The registry's names for those that crypto/tls calls otherwise.
	m["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"] = tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
	m["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"] = tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
	return m
}()

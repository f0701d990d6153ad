package secure

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

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

// A Server is the TLS of one listener. It is immutable, but for what it finds out of its clients.
type Server struct {
	quick     *tls.Config // agrees on nothing that takes a loop too long; nil where the certificates do by themselves
	long      *tls.Config
	listener  string
	auth      *Auth
	strangers atomic.Pointer[[]*Peer] // see stranger
}

// Offer is what a Server is made of.
type Offer struct {
	// Listener is the listener's hidden id.
	Listener string
	// Identities are shown, the first that suits a client; there is one at least.
	Identities []*Identity
	Policy     spec.TLSPolicy
	// Auth is what is asked of clients; nil is nothing.
	Auth *Auth
	// Tickets are what sessions are taken up by; nil is none.
	Tickets *Tickets
}

// NewServer makes one.
func NewServer(o Offer) *Server {
	c := &tls.Config{
		MinVersion: versions[o.Policy.Min], MaxVersion: versions[o.Policy.Max], CipherSuites: suitesOf(o.Policy.Suites),
		NextProtos: []string{"http/1.1"},
		// Records of all sizes but the largest cost more to make than they save a client on a slow line.
		DynamicRecordSizingDisabled: true,
		SessionTicketsDisabled:      o.Tickets == nil,
	}
	for _, i := range o.Identities {
		c.Certificates = append(c.Certificates, i.pair)
	}
	// Tickets are good for one listener, and while the same is asked of its clients: a session holds who its client was.
	scope := "listener " + o.Listener
	if a := o.Auth; a != nil {
		c.ClientAuth = tls.RequestClientCert
		if a.hinted {
			c.ClientCAs = a.roots
		}
		scope += fmt.Sprintf(" client_auth %x", a.digest)
	}
	if o.Tickets != nil {
		o.Tickets.use(c, scope)
	}
	s := &Server{long: c, listener: o.Listener, auth: o.Auth}
	// Nobody says how long it takes to verify what a client shows.
	if o.Auth == nil && !slices.ContainsFunc(o.Identities, (*Identity).slow) {
		s.quick = c.Clone()
		s.quick.CurvePreferences = quickCurves
	}
	return s
}

// quickCurves take less than a signature by RSA does. crypto/tls orders them by itself.
var quickCurves = []tls.CurveID{tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.X25519, tls.CurveP256}

// slow says that the key signs for longer than the rest of a handshake takes: RSA for one or several milliseconds, elliptic
// curves that crypto has no assembly for nearly as long.
func (i *Identity) slow() bool {
	switch key := i.pair.Leaf.PublicKey.(type) {
	case ed25519.PublicKey:
		return false
	case *ecdsa.PublicKey:
		return key.Curve != elliptic.P256()
	}
	return true
}

// Quick says that a handshake with a client that says hello computes for no longer than a loop should. Otherwise it may, because
// of the certificates of either side or of all that the client has to offer.
func (s *Server) Quick(hello *tls.ClientHelloInfo) bool {
	quick := func(id tls.CurveID) bool { return slices.Contains(quickCurves, id) }
	return s.quick != nil && slices.ContainsFunc(hello.SupportedCurves, quick)
}

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

package secure

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"
)

// A Peer is what is known of a client behind its handshake. It is immutable, and shared by clients of whom the same is known.
type Peer struct {
	Listener       string // hidden id of the one whose TLS it is, or was then
	Auth           *Auth  // what that asked for; nil for nothing
	Certificate    *x509.Certificate
	Verdict        Verdict // of the certificate
	Version, Suite uint16  // as crypto/tls numbers them
}

// Current says that a handshake which is made now, where this is asked for, would come to the same.
func (p *Peer) Current(asked *Auth) bool {
	return p.Auth.Equal(asked) || p.Verdict == Verified && p.Auth.within(asked)
}

// Protocol is how targets are told which version of TLS it is, in the words of nginx.
func (p *Peer) Protocol() string {
	switch p.Version {
	case tls.VersionTLS10:
		return "TLSv1"
	case tls.VersionTLS11:
		return "TLSv1.1"
	case tls.VersionTLS12:
		return "TLSv1.2"
	}
	return "TLSv1.3"
}

// Cipher is the name of the cipher suite in the registry.
func (p *Peer) Cipher() string { return tls.CipherSuiteName(p.Suite) }

// noTicket is the ticket of a session that nobody takes up. TLS 1.3 knows no empty one.
var noTicket = []byte{0}

// A Meeting is a handshake with one client.
type Meeting struct {
	server  *Server
	shown   *x509.Certificate
	verdict Verdict
	looked  bool // at what is shown
}

// Config is what a handshake goes by with a client that says hello. The caller must not change it. Who the client is m tells
// behind the handshake.
//
// crypto/tls verifies nothing of what a client shows: the verdict is found in VerifyConnection, which is called for a session
// that is taken up as well, so that nobody is believed for having been believed once.
func (s *Server) Config(hello *tls.ClientHelloInfo, m *Meeting) *tls.Config {
	*m = Meeting{server: s}
	switch {
	case s.Quick(hello):
		return s.quick
	case s.auth == nil:
		return s.long
	}
	c := s.long.Clone()
	c.VerifyConnection = func(state tls.ConnectionState) error {
		m.look(&state)
		if tooLarge(state.PeerCertificates) {
			return errTooLarge
		}
		return nil // Whoever is not served is told why, which no alert can.
	}
	if wrap := c.WrapSession; wrap != nil && s.auth.Strict() {
		c.WrapSession = func(state tls.ConnectionState, session *tls.SessionState) ([]byte, error) {
			// With TLS 1.3 the ticket of a session that is taken up is made ahead of VerifyConnection.
			if m.look(&state); m.verdict != Verified {
				return noTicket, nil // It is to be asked again, and not to come back as who it was.
			}
			return wrap(state, session)
		}
	}
	return c
}

// What a client may show. It is kept as long as the connection is, and its names are written out for each request: strangers,
// who may make of a certificate of their own what they like, up to 256 KiB, could fill the memory by it, or keep a loop busy.
const (
	mostShown = 32 << 10 // of all certificates
	mostNamed = 2 << 10  // of a name in the client's own
)

var errTooLarge = errors.New("the client certificate, a name in it, or what comes with it is too large")

func tooLarge(shown []*x509.Certificate) bool {
	size := 0
	for _, c := range shown {
		size += len(c.Raw)
	}
	return size > mostShown || size > 0 && max(len(shown[0].RawSubject), len(shown[0].RawIssuer)) > mostNamed
}

// look finds the verdict, once, where all that the client shows is here.
func (m *Meeting) look(state *tls.ConnectionState) {
	if m.looked {
		return
	}
	m.looked = true
	if tooLarge(state.PeerCertificates) {
		return // Nobody is who shows it.
	}
	m.verdict = m.server.auth.judge(state.PeerCertificates, time.Now())
	if len(state.PeerCertificates) > 0 {
		m.shown = state.PeerCertificates[0]
	}
}

// Peer is who the client is, behind a handshake that came to a state.
func (m *Meeting) Peer(state *tls.ConnectionState) *Peer {
	if m.server.auth == nil {
		return m.server.stranger(state.Version, state.CipherSuite)
	}
	return &Peer{
		Listener: m.server.listener, Auth: m.server.auth, Certificate: m.shown, Verdict: m.verdict,
		Version: state.Version, Suite: state.CipherSuite,
	}
}

// stranger is the one Peer of all clients of a version and cipher suite, of whom nothing was asked.
func (s *Server) stranger(version, suite uint16) *Peer {
	for {
		known := s.strangers.Load()
		if known != nil {
			for _, p := range *known {
				if p.Version == version && p.Suite == suite {
					return p
				}
			}
		}
		p := &Peer{Listener: s.listener, Version: version, Suite: suite}
		more := []*Peer{p}
		if known != nil {
			more = append(more, *known...)
		}
		if s.strangers.CompareAndSwap(known, &more) {
			return p
		}
	}
}

package proxy

import (
	"crypto/tls"
	"errors"
	"strings"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/handshake"
)

// Handshakes are the figures of TLS with clients.
type Handshakes struct {
	Open   int                       // that have begun
	Done   [TLSVersions][2]uint64    // by version, and whether a session was taken up
	Failed [HandshakeFailures]uint64 // by HandshakeFailure
}

// TLSVersions is how many versions of TLS there are, the first of them 1.0.
const TLSVersions = 4

// A HandshakeFailure says why a handshake with a client failed. The words that String returns are stable.
type HandshakeFailure uint8

// The ways to fail.
const (
	shakeOther     HandshakeFailure = iota
	shakeTimeout                    // it was not over in time
	shakeClosed                     // the connection ended, mostly by its client
	shakeRefused                    // the client said that it will not have what it is shown
	shakeMalformed                  // what the client says is no TLS
	shakeVersion                    // the client has no version that the listener has
	shakeSuite                      // nor a cipher suite, nor a kind of key
	shakeProtocol                   // nor an application protocol
	shakeUnproven                   // the client's certificate cannot be read, is too large, or is not its own
	shakeNone                       // no listener has a certificate to show
	shakeEnd
)

// HandshakeFailures is the length of an array indexed by [HandshakeFailure].
const HandshakeFailures = int(shakeEnd)

// String is the word of the failure.
func (f HandshakeFailure) String() string {
	return [...]string{"other", "timeout", "closed", "client_refused", "malformed", "version", "cipher_suite", "protocol", "client_certificate", "no_certificate"}[f]
}

// shakeWords tell failures apart that crypto/tls gives no type.
var shakeWords = [...]struct {
	words string
	means HandshakeFailure
}{
	{"offered only unsupported versions", shakeVersion},
	{"no cipher suite supported by both", shakeSuite},
	{"no ECDHE curve supported by both", shakeSuite},
	{"doesn't support any of the certificate's signature algorithms", shakeSuite},
	{"requested unsupported application protocols", shakeProtocol},
	{"client certificate", shakeUnproven},
	{"client sent certificate", shakeUnproven},
}

// unshaken is why a handshake failed.
func unshaken(err error) HandshakeFailure {
	var record tls.RecordHeaderError
	switch {
	case errors.Is(err, handshake.ErrTimeout):
		return shakeTimeout
	case errors.Is(err, handshake.ErrClosed):
		return shakeClosed
	case errors.Is(err, errNoCertificate):
		return shakeNone
	case errors.Is(err, handshake.ErrHello), errors.As(err, &record):
		return shakeMalformed
	}
	if _, is := handshake.Alert(err); is {
		return shakeRefused
	}
	text := err.Error()
	for _, w := range shakeWords {
		if strings.Contains(text, w.words) {
			return w.means
		}
	}
	return shakeOther
}

// done counts a handshake that came to something.
func (h *Handshakes) done(state *tls.ConnectionState) {
	resumed := 0
	if state.DidResume {
		resumed = 1
	}
	h.Done[min(max(state.Version, tls.VersionTLS10)-tls.VersionTLS10, TLSVersions-1)][resumed]++
}

func (h *Handshakes) add(o *Handshakes) {
	h.Open += o.Open
	for v := range h.Done {
		for resumed, n := range o.Done[v] {
			h.Done[v][resumed] += n
		}
	}
	for i, n := range o.Failed {
		h.Failed[i] += n
	}
}

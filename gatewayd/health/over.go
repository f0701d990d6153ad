package health

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/handshake"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/proxyproto"
)

// dialOver opens the stream of a connection with TLS on it.
func (c *link) dialOver(to loop.Remote) loop.Stream {
	t := &c.w.target
	call := &handshake.Call{To: to, Config: t.TLS.Config(t.ServerName, t.Addr.String()), Connected: c.shake}
	if t.ProxyProtocol {
		call.Before = []byte(proxyproto.Local)
	}
	return c.p.shakes.Dial(c.p.l, call, &c.p.records, c.shaken)
}

// shake is called when the handshake begins.
func (c *link) shake() {
	if c.state == dialling {
		c.state = shaking
	}
}

// shaken is called when it is over.
func (c *link) shaken(conn *loop.Conn, _ *tls.ConnectionState, err error) {
	switch {
	case err == nil:
		conn.SetHandler(c)
		c.Connected()
	case errors.Is(err, handshake.ErrTimeout) && c.w != nil:
		w, o := c.w, c.lateness(c.w.target.Probe)
		c.forsake()
		c.Closed(nil)
		w.finish(o)
	default:
		c.Closed(err)
	}
}

// The reasons of handshakes that are always the same.
const (
	reasonNotTLS     = "the target does not speak TLS on this port"
	reasonShakeReset = "the target reset the connection in the TLS handshake"
	reasonShakeEnd   = "the target closed the connection in the TLS handshake"
	reasonAsksClient = "the target wants a client certificate; give the setting one (tls.client_certificate)"
	reasonOldTLS     = "the target speaks no version of TLS from 1.2 on"
)

// noSession says why there is no TLS with a target.
func (w *watch) noSession(err error) string {
	var unverified *tls.CertificateVerificationError
	var header tls.RecordHeaderError
	switch {
	case errors.As(err, &unverified):
		return w.unbelieved(unverified)
	case errors.Is(err, handshake.ErrNotTLS), errors.As(err, &header):
		return reasonNotTLS
	}
	if reason := denied(err); reason != "" {
		return reason
	}
	var oe *loop.OpError
	switch {
	case errors.As(err, &oe):
		return reasonShakeReset
	case errors.Is(err, handshake.ErrClosed):
		return reasonShakeEnd
	}
	return "the TLS handshake failed: " + strings.TrimPrefix(err.Error(), "tls: ")
}

// The alerts that have words of their own here (RFC 8446 section 6.2).
const (
	alertHandshakeFailure = 40
	alertBadCertificate   = 42
	alertUnknownCA        = 48
	alertProtocolVersion  = 70
	alertUnknownName      = 112
	alertNoCertificate    = 116
)

// denied says in words why a target ended TLS by an alert; empty where it did not.
func denied(err error) string {
	alert, ok := handshake.Alert(err)
	if !ok {
		return ""
	}
	switch alert {
	case alertNoCertificate:
		return reasonAsksClient
	case alertBadCertificate, alertUnknownCA:
		return fmt.Sprintf("the target does not take the client certificate (alert %d); give the setting one that it takes (tls.client_certificate)", alert)
	case alertHandshakeFailure:
		return "the target refused the TLS handshake: it wants a client certificate, or has no cipher suite or key in common with the gateway"
	case alertProtocolVersion:
		return reasonOldTLS
	case alertUnknownName:
		return "the target has no certificate for the name that it was asked for; name another one (server_name of the setting's tls)"
	}
	return fmt.Sprintf("the target ended TLS: %s", tls.AlertError(alert).Error())
}

// unbelieved says why the certificate of a target proves nothing.
func (w *watch) unbelieved(err *tls.CertificateVerificationError) string {
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &name):
		return fmt.Sprintf("the certificate is not for %s, but for %s; name one of these (server_name of the setting's tls), or give the target another certificate", w.target.ServerName, namesOf(name.Certificate))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		return validity(invalid.Cert, time.Now())
	case errors.As(err, &unknown):
		return fmt.Sprintf("the certificate is signed by %s, an authority that is not trusted; name a bundle with it (ca_bundles of the setting's tls), or have the target send the authorities between", issuerOf(err.UnverifiedCertificates))
	}
	return "the certificate is not valid: " + strings.TrimPrefix(err.Err.Error(), "x509: ")
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

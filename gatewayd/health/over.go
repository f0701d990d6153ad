package health

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"unicode"

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
	return c.p.shakes.Dial(call, c.shaken)
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
	reasonNoHTTP     = "the target speaks no HTTP/1.1 over TLS (ALPN)"
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
	return "the TLS handshake failed: " + brief(err.Error())
}

// The alerts that have words of their own here (RFC 8446 section 6.2).
const (
	alertHandshakeFailure = 40
	alertBadCertificate   = 42 // This one, the four behind it and alertUnknownCA are about what the target was shown.
	alertUnsupported      = 43
	alertRevoked          = 44
	alertExpired          = 45
	alertUnknown          = 46
	alertUnknownCA        = 48
	alertProtocolVersion  = 70
	alertUnknownName      = 112
	alertNoCertificate    = 116
	alertNoProtocol       = 120
)

// alerts says that an answer is a record of TLS with an alert in it (RFC 8446 section 5.1), as a server sends to whoever speaks
// in clear.
func alerts(b []byte) bool { return len(b) > 2 && b[0] == 21 && b[1] == 3 && b[2] <= 4 }

// denied says in words why a target ended TLS by an alert; empty where it did not.
func denied(err error) string {
	alert, ok := handshake.Alert(err)
	if !ok {
		return ""
	}
	words := brief(tls.AlertError(alert).Error())
	switch alert {
	case alertNoCertificate:
		return reasonAsksClient
	case alertBadCertificate, alertUnsupported, alertRevoked, alertExpired, alertUnknown, alertUnknownCA:
		return fmt.Sprintf("the target does not take the client certificate (alert %d: %s); give the setting one that it takes (tls.client_certificate)", alert, words)
	case alertHandshakeFailure:
		return "the target refused the TLS handshake: it wants a client certificate, or has no cipher suite or key in common with the gateway"
	case alertProtocolVersion:
		return reasonOldTLS
	case alertUnknownName:
		return "the target has no certificate for the name that it was asked for; name another one (server_name of the setting's tls)"
	case alertNoProtocol:
		return reasonNoHTTP
	}
	return "the target ended TLS: " + words
}

// brief is what a library says, without its own name and without what a target may have put into it at length.
func brief(text string) string {
	const most = 200
	text = strings.TrimPrefix(strings.TrimPrefix(text, "tls: "), "x509: ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return '?'
	}, text)
}

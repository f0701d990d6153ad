package proxy

import (
	"crypto/tls"
	"errors"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/handshake"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secure"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
)

var errNoCertificate = errors.New("no listener of the address and port has a certificate to show")

// terms are what a client's handshake goes by: the TLS that the published table has for the name that the client asks for,
// when it asks. They are made once a door, and used by handshakes on the loop and beside it.
func (d *door) terms() *tls.Config {
	if d.tls == nil {
		published, place := d.w.cfg.Table, d.place
		d.tls = &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if a := published.Load().Address(place.Address, place.Port); a != nil {
				if s := a.Server(hello.ServerName); s != nil {
					return agree(hello, s)
				}
			}
			return nil, errNoCertificate
		}}
	}
	return d.tls
}

// agree gives the terms of a server, once the handshake computes where it should.
func agree(hello *tls.ClientHelloInfo, s *secure.Server) (*tls.Config, error) {
	if !s.Quick(hello) {
		if err := handshake.Aside(hello.Context()); err != nil {
			return nil, err
		}
	}
	return s.Config(hello, handshake.Of(hello.Context()).(*secure.Meeting)), nil
}

// shakeTime is how long a client's handshake may take.
const shakeTime = 10 * time.Second

// shakeHands makes TLS of the connection before it is served. Whoever speaks plain HTTP instead is told so.
func (c *client) shakeHands() {
	w, m := c.w, new(secure.Meeting)
	w.stats.Handshakes.Open++
	w.shakes.Serve(c.stream.(*loop.Conn), c.door.terms(), m, func(conn *loop.Conn, state *tls.ConnectionState, err error) {
		w.stats.Handshakes.Open--
		switch {
		case err == nil:
			w.stats.Handshakes.done(state)
			c.met = m.Peer(state)
		case errors.Is(err, handshake.ErrNotTLS):
			if c.excess == 0 {
				c.excess = ReasonNotTLS
				w.excess++
			}
		default:
			w.stats.Handshakes.Failed[unshaken(err)]++
			w.logClosed(c.door, conn.RemoteAddr(), err)
			c.Closed(err)
			return
		}
		conn.SetHandler(c)
		c.await(c.keepAlive)
	})
	c.await(w.shakeTime)
}

// admit says why a listener does not take requests of the connection; 0 where it does. A client shows who it is once for a
// connection, to the listener of the name that it asks for in the handshake. So it counts for that one, and for those that ask
// for the same. Where something else is asked for by now the connection has one more answer, as behind any change of how
// connections begin, but none that may last for days.
func (c *client) admit(l *table.Listener) Reason {
	p := c.met
	switch {
	case p == nil && l.Auth == nil:
		return 0
	case p == nil || p.Listener != l.ID && !p.Auth.Equal(l.Auth):
		return ReasonMisdirected
	}
	if !p.Current(l.Auth) {
		if c.flags &^= cKeep; c.flags&cUpgrade != 0 {
			return ReasonMisdirected
		}
	}
	if !l.Auth.Strict() || !p.Auth.Strict() || p.Verdict == secure.Verified {
		return 0
	}
	c.flags &^= cKeep // Nothing that the client shows on it is looked at any more.
	switch p.Verdict {
	case secure.NoCertificate:
		return ReasonNoCertificate
	case secure.Expired, secure.NotYetValid:
		return ReasonCertificateExpired
	case secure.UnknownAuthority:
		return ReasonCertificateUntrusted
	}
	return ReasonCertificateInvalid
}

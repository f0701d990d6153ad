package proxy

import (
	"crypto/tls"
	"errors"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/handshake"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secure"
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
	config, long := s.Config(hello)
	if long {
		if err := handshake.Aside(hello.Context()); err != nil {
			return nil, err
		}
	}
	return config, nil
}

// shakeTime is how long a client's handshake may take.
const shakeTime = 10 * time.Second

// shakeHands makes TLS of the connection before it is served. Whoever speaks plain HTTP instead is told so.
func (c *client) shakeHands() {
	w := c.w
	w.stats.Handshakes.Open++
	w.shakes.Serve(c.stream.(*loop.Conn), c.door.terms(), func(conn *loop.Conn, state *tls.ConnectionState, err error) {
		w.stats.Handshakes.Open--
		switch {
		case err == nil:
			w.stats.Handshakes.done(state)
			c.flags |= cSecure
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

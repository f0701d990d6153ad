package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/proxyproto"
)

// A greeting reads the PROXY protocol header that connections of some doors begin with, before anything else does. It is
// a connection's handler until the header is there; what follows that is the client's.
type greeting struct {
	c       *client
	partial bool // a part of the header is here
	told    proxyproto.Header
}

var _ loop.Handler = (*greeting)(nil)

// greeted says whether a new connection has to begin with a header, and whether its peer may send one.
func (d *door) greeted(peer netip.AddrPort) (greets, welcome bool) {
	a := d.address()
	if a == nil || !a.ProxyProtocol {
		return false, true
	}
	return true, a.Proxies.Has(peer.Addr())
}

// Connected implements loop.Handler.
func (g *greeting) Connected() {}

// Drained implements loop.Handler.
func (g *greeting) Drained() {}

// Data implements loop.Handler.
func (g *greeting) Data(b []byte) int {
	c := g.c
	c.w.enter()
	n := g.read(b)
	c.w.leave()
	return n
}

func (g *greeting) read(b []byte) int {
	c := g.c
	if c.flags&cEnding != 0 {
		return len(b)
	}
	h, n, err := proxyproto.Read(b)
	switch {
	case errors.Is(err, proxyproto.ErrMissing):
		g.refuse(ReasonNoProxyHeader, err)
		return len(b)
	case err != nil:
		g.refuse(ReasonBadProxyHeader, err)
		return len(b)
	case n == 0:
		g.partial = true
		return 0
	}
	if h.From.IsValid() {
		g.told = h
		c.told = &g.told
	}
	c.welcome()
	return n
}

// EOF implements loop.Handler. A health check of the proxy's may send nothing at all.
func (g *greeting) EOF() {
	g.c.w.enter()
	if g.partial {
		g.refuse(ReasonBadProxyHeader, errHeaderCut)
	} else {
		g.c.end()
	}
	g.c.w.leave()
}

var errHeaderCut = errors.New("the connection ended within the PROXY protocol header")

// Timeout implements loop.Handler.
func (g *greeting) Timeout() {
	g.c.w.enter()
	if g.partial {
		g.refuse(ReasonSlowRequest, errHeaderSlow)
	} else {
		g.c.end()
	}
	g.c.w.leave()
}

var errHeaderSlow = errors.New("the PROXY protocol header did not come in time")

// Closed implements loop.Handler.
func (g *greeting) Closed(err error) { g.c.Closed(err) }

// refuse closes a connection that does not begin as it should. Whoever speaks another protocol understands no answer.
func (g *greeting) refuse(r Reason, err error) {
	g.c.w.refused(r)
	g.c.w.logClosed(g.c.door, g.c.stream.RemoteAddr(), err)
	g.c.end()
}

// logClosed tells that a connection was closed for what it began with, or for whom it came from.
func (w *Worker) logClosed(d *door, peer netip.AddrPort, err error) {
	if w.log.Enabled(context.Background(), slog.LevelDebug) {
		w.log.Debug("connection closed", "address", d.place.Address, "port", d.place.Port, "peer", peer.String(), "error", err)
	}
}

var errUntrusted = errors.New("its peer is none of trusted_proxies, and connections here begin with a PROXY protocol header")

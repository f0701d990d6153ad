package proxy

import (
	"fmt"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
)

// welcome says why a request may not open a WebSocket, if it wants to; 0 is nothing. One that may is counted.
func (x *exchange) welcome(req *http1.Request) Reason {
	if !req.Upgrade {
		return 0
	}
	if _, barred := barring(x.route.Setting, req); barred {
		return ReasonOrigin
	}
	x.client = x.w.origin.client
	l := x.route.Listener
	x.flags |= xCounted
	if n := l.Tunnels.Add(1); l.MaxTunnels > 0 && n > int64(l.MaxTunnels) {
		return ReasonTooManyTunnels
	}
	return 0
}

// barring is the origin for which a request may not open a WebSocket under a setting. A browser tells the origin of the page
// (RFC 6455 section 10.2), once, and sends the cookies of the gateway's host whosever page it is. Without an origin nobody's
// browser is used.
func barring(s *table.Setting, req *http1.Request) (origin []byte, barred bool) {
	allowed := s.WebSocket.Origins
	if !req.Upgrade || allowed == nil {
		return nil, false
	}
	told := false
	for i := range req.Fields {
		if f := &req.Fields[i]; http1.EqualFold(f.Name, "origin") {
			if told || !allowed.Has(f.Value) {
				return f.Value, true
			}
			told = true
		}
	}
	return nil, false
}

// barredFor says for people why an origin is barred under a setting.
func barredFor(s *table.Setting, origin []byte) string {
	if s.WebSocket.Origins.Has(origin) {
		return ReasonOrigin.Sentence() + ": Origin may be told once only"
	}
	return fmt.Sprintf("%s: %q is missing from websocket.allowed_origins of setting %q", ReasonOrigin.Sentence(), origin, s.Name)
}

// tunnelLimits are those of a WebSocket that begins under a setting.
func tunnelLimits(s *table.Setting) tunnel.Limits {
	return tunnel.Limits{Idle: s.WebSocket.IdleTimeout, Lifetime: s.WebSocket.MaxLifetime, Write: s.WriteTimeout, Message: s.WebSocket.MaxMessage}
}

// handshake is what came of a request for a WebSocket that is over.
func (a *account) handshake() meter.Handshake {
	switch {
	case a.status == 101:
		return meter.ShakeOpened
	case a.left || a.status == 0:
		return meter.ShakeClientLeft
	case a.own:
		return a.unshaken()
	case a.attempts > 0:
		return meter.ShakeTargetRefused
	}
	return meter.ShakeByRule
}

// unshaken is by what the gateway's own answer says that no WebSocket came of a request.
func (a *account) unshaken() meter.Handshake {
	switch a.why {
	case ReasonOrigin:
		return meter.ShakeOrigin
	case ReasonTooManyTunnels:
		return meter.ShakeTooMany
	case ReasonNoPool, ReasonNoBackend, ReasonMaxConnections:
		return meter.ShakeNoTarget
	}
	switch {
	case a.status < 500:
		return meter.ShakeRefused
	case a.attempts > 0 && !a.why.own():
		return meter.ShakeTargetFailed
	}
	return meter.ShakeGatewayFailed
}

package proxy

import (
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
)

// welcome says whether a request may open a WebSocket, if it wants to. A browser tells the origin of the page that asks
// (RFC 6455 section 10.2), once, and sends the cookies of the gateway's host whosever page it is. Without an origin
// nobody's browser is used.
func welcome(s *table.Setting, req *http1.Request) bool {
	if s.WebSocket.Origins == nil || !req.Upgrade {
		return true
	}
	told := false
	for i := range req.Fields {
		if f := &req.Fields[i]; http1.EqualFold(f.Name, "origin") {
			if told || !s.WebSocket.Origins.Has(f.Value) {
				return false
			}
			told = true
		}
	}
	return true
}

// tunnelLimits are those of a WebSocket that begins under a setting.
func tunnelLimits(s *table.Setting) tunnel.Limits {
	return tunnel.Limits{Idle: s.WebSocket.IdleTimeout, Lifetime: s.WebSocket.MaxLifetime, Write: s.WriteTimeout, Message: s.WebSocket.MaxMessage}
}

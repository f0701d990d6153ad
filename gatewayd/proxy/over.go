package proxy

import (
	"crypto/tls"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/handshake"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/proxyproto"
)

// dialOver dials a backend and makes TLS of the connection, of which the exchange hears when both is done. Until then it has
// the limit of a connect.
func (u *upstream) dialOver(at loop.Remote) {
	w, x := u.w, u.x
	b := x.health.Backend
	u.name = b.Name()
	// The host that the client asks for plays no part: the connection may serve other clients, and none of them chooses whom
	// the gateway believes.
	call := &handshake.Call{To: at, Config: u.tls.Config(u.tls.Name(b.ServerName()), b.String()), Connected: u.shake}
	if x.route.Setting.SendProxyProtocol {
		call.Before = proxyproto.Append(nil, x.down.remote(), x.down.local())
	}
	u.stream = w.shakes.Dial(call, u.shaken)
}

// shake is called when the handshake begins.
func (u *upstream) shake() { u.flags |= uShaking }

// shaken is called when it is over.
func (u *upstream) shaken(conn *loop.Conn, _ *tls.ConnectionState, err error) {
	if err != nil {
		if x := u.x; x != nil && u.flags&uShaking != 0 {
			u.w.log.Debug("no TLS with a target", "backend", x.health.Backend.String(), "setting", x.route.Setting.Name, "reason", err.Error())
		}
		u.Closed(err)
		return
	}
	conn.SetHandler(u)
	u.Connected()
}

// proved says that a connection over TLS was made under the name that its backend has now, or under one that is the same for
// all.
func (u *upstream) proved() bool { return u.tls.Named() || u.name == u.home.health.Backend.Name() }

// denied says that a target ended a session by an alert, as it does where it does not take what the gateway has shown: with
// TLS 1.3 that comes behind the handshake.
func denied(err error) bool {
	_, ok := handshake.Alert(err)
	return ok
}

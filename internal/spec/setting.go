package spec

import (
	"net/netip"
	"time"
)

// A Setting says how the gateway talks to the targets of a pool.
type Setting struct {
	Name              string    `json:"name" tfsdk:"name" spec:"required,is=name" doc:"Name of the setting, unique among settings. A new name renames it in place."`
	Protocol          string    `json:"protocol" tfsdk:"protocol" spec:"one_of=http|https" doc:"Whether targets are spoken to in plain HTTP, or in HTTP over TLS; WebSockets go to both."`
	TLS               *TLSOut   `json:"tls" tfsdk:"tls" doc:"Whom to believe among https targets, and what to prove to them. Null means that each proves its name by a certificate of an authority that the gateway's machine trusts. A change, also one of a bundle or certificate that is named here, holds for new connections; open ones are not touched."`
	Port              *int      `json:"port" tfsdk:"port" spec:"1..65535" doc:"TCP port of targets that name none themselves. Null means 80, or 443 where protocol is https."`
	Probe             *string   `json:"probe" tfsdk:"probe" spec:"ref=probe" doc:"Name of the probe that finds out the targets' health. Null means the default probe: GET / every 30s, healthy by a status from 200 to 399."`
	ConnectTimeout    Duration  `json:"connect_timeout" tfsdk:"connect_timeout" spec:"10ms..10m" doc:"How long connecting to a target may take, with an https target up to the end of the handshake."`
	RequestTimeout    Duration  `json:"request_timeout" tfsdk:"request_timeout" spec:"1s..24h" doc:"How long a target may take from the last byte of a request to the head of its answer; uploading restarts it. Reached: 504, or another target once where the request is safe to repeat. It does not act on an open WebSocket."`
	StreamIdleTimeout Duration  `json:"stream_idle_timeout" tfsdk:"stream_idle_timeout" spec:"0s..24h" doc:"How long a body may stand still between two bytes. 0s means without limit. It does not act on an open WebSocket."`
	WriteTimeout      Duration  `json:"write_timeout" tfsdk:"write_timeout" spec:"1s..24h" doc:"How long a client may take nothing of an answer that waits for it, and either side of a WebSocket nothing of what the other one sent. Reached: the connection is cut."`
	DrainTimeout      Duration  `json:"drain_timeout" tfsdk:"drain_timeout" spec:"0s..1h" doc:"How long open requests and WebSockets may go on after their target, pool or rule was removed."`
	CloseSpread       *Duration `json:"close_spread" tfsdk:"close_spread" spec:"0s..1h" doc:"The last part of the drain, over which WebSockets are asked to close one after the other. Null means the smaller of 10s and half of drain_timeout."`
	Retries           int       `json:"retries" tfsdk:"retries" spec:"0..10" doc:"How many other targets are tried when one fails, for requests that are safe to repeat (GET, HEAD, PUT, DELETE, OPTIONS) or that never reached a target."`
	Affinity          *Affinity `json:"affinity" tfsdk:"affinity" doc:"Brings a client back to the target that answered it, by a cookie, as long as the target takes requests. Null means off."`
	Host              *string   `json:"host" tfsdk:"host" spec:"is=authority" doc:"Host header of requests to targets. Null means the client's, or what host_from_target says."`
	HostFromTarget    bool      `json:"host_from_target" tfsdk:"host_from_target" doc:"Send the target's address as the Host header."`
	PathPrefix        *string   `json:"path_prefix" tfsdk:"path_prefix" spec:"1..1024,is=path_prefix" doc:"Path that stands before that of requests to targets, in place of what the rule's path took of it: with \"/v2/\", a rule of \"/api/*\" sends \"/api/users\" as \"/v2/users\", and one without paths sends it as \"/v2/api/users\". Exactly one slash joins the two. A probe's path is sent as it is. Null means the client's path."`
	KeepAlive         KeepAlive `json:"keep_alive" tfsdk:"keep_alive" doc:"Connections to targets that are kept open between requests."`
	MaxConnections    int       `json:"max_connections" tfsdk:"max_connections" spec:"0..1000000" doc:"How many requests and WebSockets may be in flight to one target. Reached: the next target, and 503 where all have reached it. A slow client holds its place until body_timeout of the listener or stream_idle_timeout ends a body that it does not send, or write_timeout one that it does not take. 0 means without limit."`
	Eject             *Eject    `json:"eject" tfsdk:"eject" doc:"Takes a target out for a while when requests to it fail one after the other, before its probes notice. Null means off."`
	WebSocket         WebSocket `json:"websocket" tfsdk:"websocket" doc:"What ends WebSockets, and who may open them. A change holds for new ones; open ones keep what they began with."`
	OnUnhealthy       string    `json:"on_unhealthy" tfsdk:"on_unhealthy" spec:"one_of=keep|drain|close" doc:"What becomes of open requests and WebSockets when their target turns unhealthy: nothing; drain, as if it was removed; or close, spread over close_spread. A target that recovers meanwhile keeps what is left."`

	SendProxyProtocol bool     `json:"send_proxy_protocol" tfsdk:"send_proxy_protocol" doc:"Begin every connection to a target with a PROXY protocol header, version 2, that tells the client's address. Connections are then not kept between requests, since each belongs to one client."`
	SourceAddresses   []string `json:"source_addresses" tfsdk:"source_addresses" spec:"set,is=ip,0..64" doc:"Own IP addresses that connections to targets come from, each from one at random. More than one lifts the limit of about 28000 connections to one target. None means that the system chooses."`
}

// A KeepAlive bounds the idle connections to a target.
type KeepAlive struct {
	IdleTimeout Duration `json:"idle_timeout" tfsdk:"idle_timeout" spec:"0s..1h" doc:"How long a connection to a target is kept without a request. Keep it below the target's own limit. 0s means not at all."`
	MaxIdle     int      `json:"max_idle" tfsdk:"max_idle" spec:"0..10000" doc:"How many idle connections to one target are kept. 0 means none."`
}

// An Eject is when passive health takes a target out.
type Eject struct {
	Failures int      `json:"failures" tfsdk:"failures" spec:"1..1000" doc:"How many requests must fail in a row: no connection, no answer in time, or none that is valid HTTP."`
	For      Duration `json:"for" tfsdk:"for" spec:"100ms..1h" doc:"How long the target is out then. The last targets of a pool are never taken out."`
}

func (e *Eject) defaults() {
	e.Failures = 5
	e.For = "30s"
}

// What becomes of what is open on a target that turns unhealthy.
const (
	Keep  = "keep"
	Drain = "drain"
	Close = "close"
)

func (k *KeepAlive) defaults() {
	k.IdleTimeout = "4s"
	k.MaxIdle = 64
}

// Key is the setting's name.
func (s *Setting) Key() string { return s.Name }

func (s *Setting) defaults() {
	s.Protocol = HTTP
	s.ConnectTimeout = "5s"
	s.RequestTimeout = "20s"
	s.StreamIdleTimeout = "5m"
	s.WriteTimeout = "5m"
	s.DrainTimeout = "30s"
	s.Retries = 1
	s.OnUnhealthy = Keep
}

func (s *Setting) check(ps *Problems) {
	if s.Host != nil && s.HostFromTarget {
		ps.AddNeeding("host", []string{"host_from_target"}, "cannot be given together with host_from_target = true; keep one of the two")
	}
	checkSpread(ps, s.CloseSpread, s.DrainTimeout)
	s.TLS.check(ps, s.Protocol)
}

// checkSpread refuses a spread that is longer than the drain that it is the end of.
func checkSpread(ps *Problems, spread *Duration, drain Duration) {
	if spread != nil && spread.Value() > drain.Value() {
		ps.AddNeeding("close_spread", []string{"drain_timeout"}, "must not be longer than drain_timeout, of which it is the last part: %s is more than %s", *spread, drain)
	}
}

// Spread is the close_spread that holds: null means the smaller of 10 seconds and half of the drain.
func Spread(spread *Duration, drain Duration) time.Duration {
	if spread != nil {
		return spread.Value()
	}
	return min(10*time.Second, drain.Value()/2)
}

// Sources are the source addresses, unmapped; what is none is left out, as Check refuses it.
func (s *Setting) Sources() []netip.Addr {
	var list []netip.Addr
	for _, text := range s.SourceAddresses {
		if a, err := netip.ParseAddr(text); err == nil {
			list = append(list, a.Unmap())
		}
	}
	return list
}

// EffectivePort is the port of targets that name none.
func (s *Setting) EffectivePort() int {
	if s.Port != nil {
		return *s.Port
	}
	if s.Protocol == HTTPS {
		return 443
	}
	return 80
}

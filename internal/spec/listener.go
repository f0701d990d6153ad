package spec

import "net/netip"

// A Listener is where clients connect. Several listeners may share an address and port; the request's host decides
// among them: an exact name first, then the most specific pattern, then the listener without names.
type Listener struct {
	Name             string      `json:"name" tfsdk:"name" spec:"required,is=name" doc:"Name of the listener, unique among listeners. A new name renames it in place."`
	Address          string      `json:"address" tfsdk:"address" spec:"is=ip" doc:"IP address to listen on. Empty means every address of the machine, IPv4 and IPv6."`
	Port             int         `json:"port" tfsdk:"port" spec:"required,1..65535" doc:"TCP port to listen on."`
	Protocol         string      `json:"protocol" tfsdk:"protocol" spec:"one_of=http|https" doc:"Whether clients speak plain HTTP, or HTTP over TLS; WebSockets are taken by both. All listeners of an address and port have the same. A new protocol holds for new connections."`
	Certificates     []string    `json:"certificates" tfsdk:"certificates" spec:"ref=certificate,0..100" doc:"Names of the certificates that clients are shown; https needs one at least, and http has none. A client gets the first that has the host name it asks for and a key of a kind that it knows; where none is such, the first of all."`
	TLS              *TLS        `json:"tls" tfsdk:"tls" doc:"Versions and cipher suites of an https listener. Null means the policy modern: TLS 1.2 and 1.3. Where several listeners share the address and port, those of the listener whose host name the client asks for hold."`
	ClientAuth       *ClientAuth `json:"client_auth" tfsdk:"client_auth" doc:"What an https listener wants to know of its clients. Null means that they are not asked for a certificate. Where several listeners share the address and port, the host name that the client asks for in the handshake decides; a request for a host of another listener, whose client_auth is another one, is answered 421."`
	Hostnames        []string    `json:"hostnames" tfsdk:"hostnames" spec:"set,is=hostname,0..1000" doc:"Host names that this listener serves. \"*\" stands for any characters, \"?\" for exactly one, as in \"*.example.com\". None means every host that no other listener of the address and port serves."`
	HeaderTimeout    Duration    `json:"header_timeout" tfsdk:"header_timeout" spec:"100ms..1h" doc:"How long a client may take to send the head of a request, once it sent the first byte."`
	BodyTimeout      Duration    `json:"body_timeout" tfsdk:"body_timeout" spec:"100ms..1h" doc:"How long a client may send no byte of a request's body that is waited for. A shorter stream_idle_timeout of the setting counts, too."`
	KeepAliveTimeout Duration    `json:"keep_alive_timeout" tfsdk:"keep_alive_timeout" spec:"1s..24h" doc:"How long a client connection is kept open without a request."`
	MaxHeaderBytes   int         `json:"max_header_bytes" tfsdk:"max_header_bytes" spec:"1024..65536" doc:"Largest head of a request, request line included, in bytes."`
	MaxURLBytes      int         `json:"max_url_bytes" tfsdk:"max_url_bytes" spec:"128..65536" doc:"Longest target in a request line that a client may send, query included, in bytes. A longer one is answered 414. It cannot be longer than max_header_bytes lets it."`
	MaxBodyBytes     int         `json:"max_body_bytes" tfsdk:"max_body_bytes" spec:"0..1125899906842624" doc:"Largest body of a request, in bytes. A larger one is answered 413: before anything of it is forwarded where the request tells its length, else as soon as too much has come, and the target sees a request that breaks off. 0 means without limit."`
	MaxConnections   int         `json:"max_connections" tfsdk:"max_connections" spec:"0..1000000" doc:"How many client connections the listener's address and port may have at once, those of WebSockets included. Reached: a new one is answered 503 and closed, or closed at once where many come. Where several listeners share the address and port, that of the one without host names holds, else the largest. 0 means without limit."`
	MaxTunnels       int         `json:"max_tunnels" tfsdk:"max_tunnels" spec:"0..10000000" doc:"How many WebSockets may be open through the listener at once. Reached: a handshake is answered 503. 0 means without limit."`
	TrustedProxies   []string    `json:"trusted_proxies" tfsdk:"trusted_proxies" spec:"set,is=network,0..256" doc:"Networks, or single IP addresses, of proxies in front of the gateway that are believed in what they say of a client: \"10.0.0.0/8\", \"2001:db8::5\". A connection from one of them may tell the client's address by X-Forwarded-For, and X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-Port, X-Original-Host and X-Request-Id of its own. What anybody else says under these names is replaced. None by default."`
	ProxyProtocol    bool        `json:"proxy_protocol" tfsdk:"proxy_protocol" doc:"Every connection begins with a PROXY protocol header, version 1 or 2, from which the client's address is taken. One of trusted_proxies must send it: a connection from anybody else is closed, and so is one without a header or with a malformed one. The header has header_timeout to come. Connections belong to the address and port: where one of several listeners there has it, it holds for all of them, and those of them that have it say who is trusted. Listeners without it should be given it, too. A change holds for new connections."`
	DrainTimeout     Duration    `json:"drain_timeout" tfsdk:"drain_timeout" spec:"0s..1h" doc:"How long open requests and WebSockets of the listener may go on after the listener was deleted."`
	CloseSpread      *Duration   `json:"close_spread" tfsdk:"close_spread" spec:"0s..1h" doc:"The last part of the drain, over which WebSockets are asked to close one after the other. Null means the smaller of 10s and half of drain_timeout."`

	ErrorPages map[string]ErrorPage `json:"error_pages" tfsdk:"error_pages" spec:"0..32,keys=error_status" doc:"Pages to show in place of the short texts with which the gateway answers errors by itself, by status, as in \"502\". The statuses are those of such answers: 400, 403, 404, 405, 408, 413, 414, 417, 421, 426, 431, 500, 501, 502, 503, 504, 505, 508. Status and headers stay as they are, Gatewayd-Reason among them; what targets, redirects and respond answer is never replaced. As long as the host of a request is not known, as where its head cannot be read, the pages are those of the listener without host names on the address and port; where there is none, the short texts."`
}

// Key is the listener's name.
func (l *Listener) Key() string { return l.Name }

func (l *Listener) defaults() {
	l.Protocol = HTTP
	l.HeaderTimeout = "10s"
	l.BodyTimeout = "60s"
	l.KeepAliveTimeout = "75s"
	l.MaxHeaderBytes = 32768
	l.MaxURLBytes = 32768
	l.DrainTimeout = "30s"
}

func (l *Listener) check(ps *Problems) {
	if l.ProxyProtocol && len(l.TrustedProxies) == 0 {
		ps.AddNeeding("proxy_protocol", []string{"trusted_proxies"}, "needs trusted_proxies, for a header is taken from nobody else and every connection would be closed; name the addresses of the load balancer there")
	}
	checkSpread(ps, l.CloseSpread, l.DrainTimeout)
	l.TLS.check(ps)
	l.ClientAuth.check(ps, l.Protocol)
	switch https := l.Protocol == HTTPS; {
	case https && len(l.Certificates) == 0:
		ps.AddNeeding("certificates", []string{"protocol"}, "must name at least one certificate where protocol is https")
	case !https && len(l.Certificates) > 0:
		ps.AddNeeding("certificates", []string{"protocol"}, "must not be given where protocol is http, which has no use for them; set protocol = \"https\" or take them out")
	case !https && l.TLS != nil:
		ps.AddNeeding("tls", []string{"protocol"}, "must not be given where protocol is http; set protocol = \"https\" or take it out")
	}
}

// Proxies are the networks of trusted_proxies; what is none is left out, as Check refuses it.
func (l *Listener) Proxies() []netip.Prefix {
	var list []netip.Prefix
	for _, text := range l.TrustedProxies {
		if n, err := parseNetwork(text); err == nil {
			list = append(list, n)
		}
	}
	return list
}

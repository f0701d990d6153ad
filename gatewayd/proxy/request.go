package proxy

import "github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"

// appendRequest appends the head that the backend gets: the client's, without what ends at the gateway and without
// what a client may not say of itself, then what the gateway says. It notes where the value of Host is.
func (x *exchange) appendRequest(b []byte, d *door, req *http1.Request, path []byte) []byte {
	start := len(b)
	setting := x.route.Setting
	b = append(b, req.Method...)
	b = append(b, ' ')
	b = append(b, path...)
	if req.HasQuery {
		b = append(b, '?')
		b = append(b, req.Query...)
	}
	b = append(b, " HTTP/1.1\r\nHost: "...)
	x.host.start = int32(len(b) - start)
	switch {
	case setting.Host != "":
		b = append(b, setting.Host...)
	case setting.HostFromTarget || len(req.Authority) == 0:
		x.flags |= xTargetHost
		b = x.health.Backend.AppendHost(b, x.route.Setting.TLS != nil)
	default:
		b = append(b, req.Authority...)
	}
	x.host.end = int32(len(b) - start)
	b = append(b, "\r\n"...)
	for i := range req.Fields {
		f := &req.Fields[i]
		if !req.Drop(i) && !ours(f.ID) {
			b = http1.AppendField(b, f.Name, f.Value)
		}
	}
	b = append(x.appendForwarded(b, d, req), http1.Hop...)
	if req.Body == http1.BodyChunked {
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	return appendHop(b, req, reusable(setting))
}

// ours are the fields that the gateway sends, and those that claim to say the same. A client is not believed in them
// (Traefik CVE-2024-45410 and its kin), a trusted proxy is in those that appendForwarded looks at; Host is sent at its place.
func ours(id http1.FieldID) bool {
	switch id {
	case http1.FieldHost, http1.FieldForwarded, http1.FieldXForwardedFor, http1.FieldXForwardedHost,
		http1.FieldXForwardedPort, http1.FieldXForwardedProto, http1.FieldXForwarded, http1.FieldXOriginalHost,
		http1.FieldXRealIP, http1.FieldXRequestID:
		return true
	}
	return false
}

// appendHop appends what is meant for the backend's connection alone, and the empty line.
func appendHop(b []byte, req *http1.Request, keep bool) []byte {
	if req.Upgrade {
		return append(b, "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"...)
	}
	switch {
	case req.AcceptsTrailers && keep:
		b = append(b, "Connection: TE\r\nTE: trailers\r\n"...)
	case req.AcceptsTrailers:
		b = append(b, "Connection: close, TE\r\nTE: trailers\r\n"...)
	case !keep:
		b = append(b, "Connection: close\r\n"...)
	}
	return append(b, "\r\n"...)
}

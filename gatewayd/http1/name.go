package http1

// FieldID tells a well-known field without comparing names. [FieldOther] is every name that is not listed here.
type FieldID uint8

// The fields that mean something to a gateway. All of them but the hop-by-hop ones are essential: a Connection field
// may not nominate them (RFC 9110 7.6.1; Traefik CVE-2024-45410), a trailer section may not carry them.
const (
	FieldOther FieldID = iota

	// Hop by hop: see [HopByHop].
	FieldConnection
	FieldHTTP2Settings
	FieldKeepAlive
	FieldProxyAuthenticate
	FieldProxyAuthorization
	FieldProxyConnection
	FieldTE
	FieldTransferEncoding
	FieldUpgrade

	FieldTrailer

	FieldAge
	FieldAuthorization
	FieldCacheControl
	FieldCDNLoop
	FieldContentEncoding
	FieldContentLength
	FieldContentRange
	FieldContentType
	FieldCookie
	FieldDate
	FieldExpect
	FieldExpires
	FieldForwarded
	FieldHost
	FieldIfMatch
	FieldIfModifiedSince
	FieldIfNoneMatch
	FieldIfRange
	FieldIfUnmodifiedSince
	FieldLocation
	FieldMaxForwards
	FieldOrigin
	FieldPragma
	FieldRange
	FieldRetryAfter
	FieldSecWebSocketAccept
	FieldSecWebSocketExtensions
	FieldSecWebSocketKey
	FieldSecWebSocketProtocol
	FieldSecWebSocketVersion
	FieldServer
	FieldSetCookie
	FieldUserAgent
	FieldVary
	FieldVia
	FieldWWWAuthenticate
	FieldXForwardedFor
	FieldXForwardedHost
	FieldXForwardedPort
	FieldXForwardedProto
	FieldXForwarded // any other name that begins with X-Forwarded-
	FieldXOriginalHost
	FieldXRealIP
	FieldXRequestID

	fieldCount
)

var fieldNames = [fieldCount]struct {
	name string // lower case
	hop  bool
}{
	FieldConnection:         {"connection", true},
	FieldHTTP2Settings:      {"http2-settings", true},
	FieldKeepAlive:          {"keep-alive", true},
	FieldProxyAuthenticate:  {"proxy-authenticate", true},
	FieldProxyAuthorization: {"proxy-authorization", true},
	FieldProxyConnection:    {"proxy-connection", true},
	FieldTE:                 {"te", true},
	FieldTransferEncoding:   {"transfer-encoding", true},
	FieldUpgrade:            {"upgrade", true},

	FieldTrailer: {"trailer", false},

	FieldAge:                    {"age", false},
	FieldAuthorization:          {"authorization", false},
	FieldCacheControl:           {"cache-control", false},
	FieldCDNLoop:                {"cdn-loop", false},
	FieldContentEncoding:        {"content-encoding", false},
	FieldContentLength:          {"content-length", false},
	FieldContentRange:           {"content-range", false},
	FieldContentType:            {"content-type", false},
	FieldCookie:                 {"cookie", false},
	FieldDate:                   {"date", false},
	FieldExpect:                 {"expect", false},
	FieldExpires:                {"expires", false},
	FieldForwarded:              {"forwarded", false},
	FieldHost:                   {"host", false},
	FieldIfMatch:                {"if-match", false},
	FieldIfModifiedSince:        {"if-modified-since", false},
	FieldIfNoneMatch:            {"if-none-match", false},
	FieldIfRange:                {"if-range", false},
	FieldIfUnmodifiedSince:      {"if-unmodified-since", false},
	FieldLocation:               {"location", false},
	FieldMaxForwards:            {"max-forwards", false},
	FieldOrigin:                 {"origin", false},
	FieldPragma:                 {"pragma", false},
	FieldRange:                  {"range", false},
	FieldRetryAfter:             {"retry-after", false},
	FieldSecWebSocketAccept:     {"sec-websocket-accept", false},
	FieldSecWebSocketExtensions: {"sec-websocket-extensions", false},
	FieldSecWebSocketKey:        {"sec-websocket-key", false},
	FieldSecWebSocketProtocol:   {"sec-websocket-protocol", false},
	FieldSecWebSocketVersion:    {"sec-websocket-version", false},
	FieldServer:                 {"server", false},
	FieldSetCookie:              {"set-cookie", false},
	FieldUserAgent:              {"user-agent", false},
	FieldVary:                   {"vary", false},
	FieldVia:                    {"via", false},
	FieldWWWAuthenticate:        {"www-authenticate", false},
	FieldXForwardedFor:          {"x-forwarded-for", false},
	FieldXForwardedHost:         {"x-forwarded-host", false},
	FieldXForwardedPort:         {"x-forwarded-port", false},
	FieldXForwardedProto:        {"x-forwarded-proto", false},
	FieldXForwarded:             {"x-forwarded-", false},
	FieldXOriginalHost:          {"x-original-host", false},
	FieldXRealIP:                {"x-real-ip", false},
	FieldXRequestID:             {"x-request-id", false},
}

const longestName = len("sec-websocket-extensions")

// nameTable is a perfect hash of the names: a test holds it free of collisions.
var nameTable = func() (t [256]FieldID) {
	for id := FieldOther + 1; id < fieldCount; id++ {
		t[nameHash([]byte(fieldNames[id].name))] = id
	}
	return t
}()

// nameHash needs a name of at least two octets.
func nameHash(name []byte) uint8 {
	n := len(name)
	return uint8(uint32(n)*35 + uint32(name[n*3/4]|0x20)*113 + uint32(name[n-1]|0x20)*5 + uint32(name[n/2]|0x20)*110)
}

// Lookup tells a field name in any case. The name must be a token, as all names are that were parsed.
func Lookup(name []byte) FieldID {
	if len(name) < 2 {
		return FieldOther
	}
	if len(name) <= longestName {
		id := nameTable[nameHash(name)]
		if foldsTo(name, fieldNames[id].name) {
			return id
		}
	}
	const prefix = "x-forwarded-"
	if name[0]|0x20 == 'x' && len(name) >= len(prefix) && foldsTo(name[:len(prefix)], prefix) {
		return FieldXForwarded
	}
	return FieldOther
}

// foldsTo compares a token with a name of the table. Setting 0x20 is exact here: it maps no other token octet onto a
// lower case letter, a digit or '-'.
func foldsTo(token []byte, name string) bool {
	if len(token) != len(name) {
		return false
	}
	for i, c := range token {
		if c|0x20 != name[i] {
			return false
		}
	}
	return true
}

// HopByHop reports whether a field of this name ends at the gateway (RFC 9110 7.6.1): Connection, Keep-Alive,
// Proxy-Connection, Proxy-Authenticate, Proxy-Authorization (it is meant for a proxy, and a backend must not learn
// it), TE, Transfer-Encoding, Upgrade and HTTP2-Settings. Trailer is not among them, because trailers are passed on.
func HopByHop(name []byte) bool { return fieldNames[Lookup(name)].hop }

// imitates reports whether a name turns, by its underscores, into a well-known one when '_' is read as '-', as CGI,
// WSGI and their heirs do (reliability class: underscore names).
func imitates(name []byte) bool {
	var dashed [longestName]byte
	n := copy(dashed[:], name)
	for i, c := range dashed[:n] {
		if c == '_' {
			dashed[i] = '-'
		}
	}
	id := Lookup(dashed[:n])
	return (id == FieldXForwarded || id != FieldOther && len(name) == n) && Lookup(name) != id
}

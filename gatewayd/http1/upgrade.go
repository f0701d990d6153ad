package http1

import (
	"crypto/sha1"
	"encoding/base64"
)

// checkUpgrade decides whether the request is a WebSocket handshake (RFC 6455 4.2.1). Without Connection: upgrade it
// is not one (RFC 9110 7.8), whatever Upgrade says.
func (r *Request) checkUpgrade(c *collected) Reason {
	if !c.websocket || !c.upgrade {
		return 0
	}
	switch {
	case c.otherProtocol:
		return ReasonUpgradeAmbiguous
	case r.Minor == 0:
		return ReasonUpgradeHTTP10
	case string(r.Method) != "GET":
		return ReasonUpgradeMethod
	case r.Body != BodyNone:
		return ReasonUpgradeBody
	case c.version < 0 || string(r.Fields[c.version].Value) != "13":
		return ReasonBadWebSocketVersion
	case c.key < 0 || !isKey(r.Fields[c.key].Value):
		return ReasonBadWebSocketKey
	}
	if c.lengthAt >= 0 {
		r.Fields[c.lengthAt].drop = true // Content-Length: 0 tells nothing and puzzles some backends.
	}
	r.Upgrade, r.Key = true, r.Fields[c.key].Value
	return 0
}

// isKey checks for base64 of 16 octets: 22 digits and "==".
func isKey(k []byte) bool {
	if len(k) != 24 || k[22] != '=' || k[23] != '=' {
		return false
	}
	for _, c := range k[:22] {
		if !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || isDigit(c) || c == '+' || c == '/') {
			return false
		}
	}
	return true
}

// AcceptKey computes the Sec-WebSocket-Accept of a Sec-WebSocket-Key (RFC 6455 4.2.2).
func AcceptKey(key []byte) (accept [28]byte) {
	var buf [24 + 36]byte
	b := append(buf[:0], key...)
	b = append(b, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...)
	sum := sha1.Sum(b)
	base64.StdEncoding.Encode(accept[:], sum[:])
	return accept
}

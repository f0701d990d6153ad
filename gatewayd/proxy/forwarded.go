package proxy

import (
	"strconv"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
)

// appendForwarded appends what the gateway knows of the client and its connection or, where a trusted proxy brought the
// request, what that one says of them.
func (x *exchange) appendForwarded(b []byte, d *door, req *http1.Request) []byte {
	o, said := &x.w.origin, word{}
	if o.trusted {
		said = wordOf(req.Fields)
	}
	b = append(b, "X-Forwarded-For: "...)
	if o.listed {
		for i := range req.Fields {
			if f := &req.Fields[i]; f.ID == http1.FieldXForwardedFor {
				b = append(append(b, f.Value...), ", "...)
			}
		}
	}
	b = o.peer.Addr().AppendTo(b)
	b = append(b, "\r\nX-Forwarded-Proto: "...)
	if said.proto == "" {
		said.proto = schemeOf(x.down.over() != nil)
	}
	b = append(append(b, said.proto...), "\r\nX-Forwarded-Port: "...)
	if said.port != nil {
		b = append(b, said.port...)
	} else {
		b = strconv.AppendInt(b, int64(d.place.Port), 10)
	}
	b = append(b, "\r\n"...)
	b = appendHostField(b, "X-Forwarded-Host", said.host, req.Authority)
	b = appendHostField(b, "X-Original-Host", said.originalHost, req.Authority)
	b = append(b, "X-Request-Id: "...)
	if said.id != nil {
		b = append(b, said.id...)
	} else {
		b = x.w.appendID(b)
	}
	return append(b, "\r\n"...)
}

// appendHostField appends the host that was said or else the one that is known, if there is one.
func appendHostField(b []byte, name string, said, known []byte) []byte {
	if said == nil {
		said = known
	}
	if len(said) == 0 {
		return b
	}
	return http1.AppendField(b, name, said)
}

// A word is what a trusted proxy says of a request beside where it comes from. What it does not say is nil.
type word struct {
	proto                        string
	port, host, originalHost, id []byte
}

// wordOf reads what a trusted proxy says: each field where it stands there once and is what it should be.
func wordOf(fields []http1.Field) (w word) {
	proto := only(fields, http1.FieldXForwardedProto)
	for _, known := range [...]string{"http", "https"} {
		if http1.EqualFold(proto, known) {
			w.proto = known
		}
	}
	if port := only(fields, http1.FieldXForwardedPort); len(port) > 0 {
		if _, ok := parsePort(port); ok {
			w.port = port
		}
	}
	if host := only(fields, http1.FieldXForwardedHost); http1.ValidAuthority(host) {
		w.host = host
	}
	if host := only(fields, http1.FieldXOriginalHost); http1.ValidAuthority(host) {
		w.originalHost = host
	}
	if id := only(fields, http1.FieldXRequestID); identifies(id) {
		w.id = id
	}
	return w
}

// only is the value of the one field of a name; nil where there is none, or where there are more.
func only(fields []http1.Field, id http1.FieldID) (value []byte) {
	found := false
	for i := range fields {
		if fields[i].ID != id {
			continue
		}
		if found {
			return nil
		}
		value, found = fields[i].Value, true
	}
	return value
}

// mostID is the longest id of a request that is taken over.
const mostID = 128

// identifies says that a word may be the id of a request: UUIDs, hex, base64 and the ids of traces are such words.
func identifies(id []byte) bool {
	for _, c := range id {
		if !letterOrDigit(c) && c != '-' && c != '_' && c != '.' && c != '~' && c != '+' && c != '/' && c != '=' && c != ':' && c != '@' {
			return false
		}
	}
	return len(id) > 0 && len(id) <= mostID
}

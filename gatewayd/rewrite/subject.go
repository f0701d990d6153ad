package rewrite

import (
	"bytes"
	"encoding/base64"
	"net/netip"
	"strconv"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A Subject is a request as its client sent it. Its owner reuses it; every slice points into the request's head.
type Subject struct {
	Fields       []http1.Field
	Method, Host []byte
	Minor        int
	Scheme       string
	Client       netip.AddrPort
	Port         int // that the client connected to
	// Peer is who gave the request to the gateway, Listed says that it is believed in its X-Forwarded-For.
	Peer   netip.Addr
	Listed bool
	TLS    TLS

	// SentPath and SentQuery are those of the request line, with dot-segments resolved.
	SentPath, SentQuery []byte
	HasSentQuery        bool
	// Path and Query are what the rule was chosen by: those that were sent, or after a reroute the new ones.
	Path, Query []byte
}

// value is that of a variable: a part of the head, or put together in scratch.
func (s *Subject) value(scratch []byte, v spec.Variable) (value, after []byte) {
	switch v.Source {
	case spec.RequestHeader:
		return joined(scratch, s.Fields, v.Name)
	case spec.Cookie:
		return s.cookie(v.Name), scratch
	case spec.Server:
		return s.server(scratch, v.Name)
	}
	return nil, scratch
}

func (s *Subject) server(scratch []byte, name string) (value, after []byte) {
	start := len(scratch)
	switch name {
	case "add_x_forwarded_for_proxy":
		if s.Listed {
			before, _ := joined(nil, s.Fields, "x-forwarded-for")
			scratch = append(append(scratch, before...), ", "...)
		}
		scratch = s.Peer.AppendTo(scratch)
	case "client_ip":
		scratch = s.Client.Addr().AppendTo(scratch)
	case "client_port":
		scratch = strconv.AppendUint(scratch, uint64(s.Client.Port()), 10)
	case "client_user":
		scratch = s.user(scratch)
	case "host":
		for _, c := range s.Host {
			scratch = append(scratch, foldByte(c))
		}
	case "http_method":
		return s.Method, scratch
	case "http_version":
		scratch = append(scratch, "HTTP/1."...)
		scratch = strconv.AppendInt(scratch, int64(s.Minor), 10)
	case "query_string":
		return s.Query, scratch
	case "request_query":
		return s.SentQuery, scratch
	case "request_scheme":
		scratch = append(scratch, s.Scheme...)
	case "request_uri":
		scratch = append(scratch, s.SentPath...)
		if s.HasSentQuery {
			scratch = append(append(scratch, '?'), s.SentQuery...)
		}
	case "server_port":
		scratch = strconv.AppendInt(scratch, int64(s.Port), 10)
	case "uri_path":
		return s.Path, scratch
	default:
		scratch = s.TLS.value(scratch, name)
	}
	return scratch[start:], scratch
}

// user is the name in a Basic Authorization (RFC 7617), which nobody has verified.
func (s *Subject) user(dst []byte) []byte {
	given, _ := joined(nil, s.Fields, "authorization")
	const scheme = "basic "
	if len(given) <= len(scheme) || !http1.EqualFold(given[:len(scheme)], scheme) {
		return dst
	}
	plain, err := base64.StdEncoding.DecodeString(string(given[len(scheme):]))
	if err != nil {
		return dst
	}
	for _, c := range plain {
		if c == ':' {
			return dst
		}
		dst = append(dst, c)
	}
	return dst[:len(dst)-len(plain)] // Without a colon there is no name.
}

// cookie is the value of the first cookie of a name, without quotes around it.
func (s *Subject) cookie(name string) []byte {
	for i := range s.Fields {
		if s.Fields[i].ID != http1.FieldCookie {
			continue
		}
		if v, ok := cookieIn(s.Fields[i].Value, name); ok {
			return v
		}
	}
	return nil
}

func cookieIn(list []byte, name string) (value []byte, ok bool) {
	for len(list) > 0 {
		pair := list
		if i := bytes.IndexByte(list, ';'); i >= 0 {
			pair, list = list[:i], list[i+1:]
		} else {
			list = nil
		}
		pair = trim(pair)
		i := bytes.IndexByte(pair, '=')
		if i < 0 || string(trim(pair[:i])) != name {
			continue
		}
		value = trim(pair[i+1:])
		if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
			value = value[1 : n-1]
		}
		return value, true
	}
	return nil, false
}

// joined are the values of all fields of a name, which is in lower case, as one (RFC 9110 section 5.3).
func joined(scratch []byte, fields []http1.Field, name string) (value, after []byte) {
	start, n := len(scratch), 0
	for i := range fields {
		f := &fields[i]
		if !http1.EqualFold(f.Name, name) {
			continue
		}
		switch n++; {
		case n == 1:
			value = f.Value
			continue
		case n == 2:
			scratch = append(scratch, value...)
		}
		if f.ID == http1.FieldCookie {
			scratch = append(scratch, "; "...)
		} else {
			scratch = append(scratch, ", "...)
		}
		scratch = append(scratch, f.Value...)
	}
	if n > 1 {
		value = scratch[start:]
	}
	return value, scratch
}

// Saved are the values of a request that a rewrite of its answer needs. Nil holds none.
type Saved struct {
	bytes []byte
	ends  []int
}

// Save keeps what the rewrite will need of the request when the answer is there; nil where that is nothing.
func (r *Rewrite) Save(s *Subject) (*Saved, error) {
	if len(r.needs) == 0 {
		return nil, nil
	}
	kept := &Saved{ends: make([]int, len(r.needs))}
	var scratch []byte
	for i, v := range r.needs {
		var value []byte
		value, scratch = s.value(scratch[:0], v)
		kept.bytes = append(kept.bytes, value...)
		kept.ends[i] = len(kept.bytes)
		if len(kept.bytes) > maxBytes {
			return nil, ErrTooLarge
		}
	}
	return kept, nil
}

func (k *Saved) at(slot int) []byte {
	if k == nil || slot < 0 || slot >= len(k.ends) {
		return nil
	}
	start := 0
	if slot > 0 {
		start = k.ends[slot-1]
	}
	return k.bytes[start:k.ends[slot]]
}

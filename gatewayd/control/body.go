package control

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// body is what is stored of an entry's object: what differs from the defaults, so that an older version, which does not
// know each of today's fields, can read what does not need them. secret is the part of it that is stored encrypted, nil
// for none. Where the entry only followed a rename or retired since it was loaded, what its record has and this version
// does not know stays in both.
func (s *state) body(e *spec.Entry) (body, secret []byte) {
	body, secret = spec.EncodeSparse(e.Object), spec.EncodeSecrets(e.Object)
	i := slices.IndexFunc(s.loaded, func(l loaded) bool {
		return l.body != nil && l.entry.Kind == e.Kind && l.entry.ID == e.ID && l.entry.Revision == e.Revision
	})
	if i < 0 {
		return body, secret
	}
	l := s.loaded[i]
	return l.amended(body), merged(l.secret, secret)
}

// amended is the stored body with what is different now.
func (l *loaded) amended(body []byte) []byte {
	stored, was := members(l.body), members(spec.EncodeSparse(l.entry.Object))
	for name, value := range members(body) {
		if !bytes.Equal(was[name], value) {
			stored[name] = value
		}
	}
	return encoded(stored)
}

// merged is one JSON object of two, either of which may be nil. The second's members count where both have one.
func merged(a, b []byte) []byte {
	if a == nil || b == nil {
		return append(a, b...)
	}
	both := members(a)
	maps.Copy(both, members(b))
	return encoded(both)
}

func encoded(of map[string]json.RawMessage) []byte {
	text, err := json.Marshal(of)
	if err != nil {
		panic("control: encoding what was just decoded: " + err.Error())
	}
	return text
}

// members are the fields of a JSON object that was decoded before.
func members(object []byte) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(object, &m); err != nil {
		panic("control: decoding what was decoded before: " + err.Error())
	}
	return m
}

package control

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// body is what is stored of an entry's object: what differs from the defaults, so that an older version, which does not
// know each of today's fields, can read what does not need them. Where the entry only followed a rename or retired since
// it was loaded, what its record has and this version does not know stays in it.
func (s *state) body(e *spec.Entry) []byte {
	sparse := spec.EncodeSparse(e.Object)
	i := slices.IndexFunc(s.loaded, func(l loaded) bool {
		return l.body != nil && l.entry.Kind == e.Kind && l.entry.ID == e.ID && l.entry.Revision == e.Revision
	})
	if i < 0 {
		return sparse
	}
	stored, was, is := members(s.loaded[i].body), members(spec.EncodeSparse(s.loaded[i].entry.Object)), members(sparse)
	for name, value := range is {
		if !bytes.Equal(was[name], value) {
			stored[name] = value
		}
	}
	body, err := json.Marshal(stored)
	if err != nil {
		panic("control: encoding what was just decoded: " + err.Error())
	}
	return body
}

// members are the fields of a JSON object that was decoded before.
func members(object []byte) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(object, &m); err != nil {
		panic("control: decoding what was decoded before: " + err.Error())
	}
	return m
}

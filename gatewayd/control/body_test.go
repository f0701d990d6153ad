package control

import (
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store"
)

// TestWholeRecords: what is secret of a record is a part of its object again, and what is none of JSON is left to whoever
// decodes it.
func TestWholeRecords(t *testing.T) {
	for _, c := range []struct{ body, secret, want string }{
		{`{"name":"a"}`, ``, `{"name":"a"}`},
		{`{"name":"a"}`, `{"key":"k"}`, `{"key":"k","name":"a"}`},
		{`{"name":"a","key":"old"}`, `{"key":"k"}`, `{"key":"k","name":"a"}`},
		{`null`, `{"key":"k"}`, `null`},
		{`[]`, `{"key":"k"}`, `[]`},
		{`{"name":"a"}`, `[]`, `[]`},
		{`{"name":"a"}`, `null`, `{"name":"a"}`},
	} {
		r := store.Record{Body: []byte(c.body)}
		if c.secret != "" {
			r.Secret = []byte(c.secret)
		}
		if got := string(whole(r)); got != c.want {
			t.Errorf("%s and %s: want %s, got %s", c.body, c.secret, c.want, got)
		}
	}
	// A later version's secret stays beside the one that this version knows.
	if got := string(merged([]byte(`{"key":"old","pin":"1"}`), []byte(`{"key":"new"}`))); got != `{"key":"new","pin":"1"}` {
		t.Errorf("got %s", got)
	}
	if merged(nil, nil) != nil || string(merged(nil, []byte("{}"))) != "{}" || string(merged([]byte("{}"), nil)) != "{}" {
		t.Error("nothing comes to something")
	}
}

package sealed

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store/bolt"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store/memory"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store/storetest"
)

func newKey(t *testing.T) *Key {
	t.Helper()
	key, err := ParseKey(NewKeyText())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestConformance: whoever stands between changes nothing of what a store promises.
func TestConformance(t *testing.T) {
	key := newKey(t)
	storetest.Run(t, storetest.Maker{Open: func(*testing.T, string) store.Store { return New(memory.Open(), key) }})
	storetest.Run(t, storetest.Maker{Durable: true, Open: func(t *testing.T, dir string) store.Store {
		file, err := bolt.Open(filepath.Join(dir, "db"))
		if err != nil {
			t.Fatal(err)
		}
		return New(file, key)
	}})
}

const canary = "canary-4f1c9"

func canaryRecord(name string) store.Record {
	return store.Record{Kind: "certificate", Name: name, ID: "id-" + name, Revision: 1, Body: []byte("{}"), Secret: []byte(canary)}
}

// TestSecretsAreSealed: the store below never sees a secret, nor the same bytes twice for the same one.
func TestSecretsAreSealed(t *testing.T) {
	inner, key := memory.Open(), newKey(t)
	s := New(inner, key)
	if held, err := Holds(t.Context(), inner); held != "" || err != nil {
		t.Errorf("an empty store holds %q, %v", held, err)
	}
	if err := s.Commit(t.Context(), 0, 1, []store.Record{canaryRecord("a"), canaryRecord("b")}, nil); err != nil {
		t.Fatal(err)
	}
	_, records, err := inner.Load(t.Context())
	if err != nil || len(records) != 2 {
		t.Fatal(records, err)
	}
	for _, r := range records {
		if bytes.Contains([]byte(fmt.Sprint(r)), []byte(canary)) || bytes.Contains(r.Secret, []byte(canary)) {
			t.Errorf("the store below sees the secret: %q", r.Secret)
		}
	}
	if bytes.Equal(records[0].Secret, records[1].Secret) {
		t.Error("the same secret is sealed in the same way twice")
	}
	if held, err := Holds(t.Context(), inner); held != `certificate "a"` || err != nil {
		t.Errorf("it holds %q, %v", held, err)
	}
}

// TestWhatDoesNotOpen: a secret opens under its key, for its object, whole; and no error shows any of it.
func TestWhatDoesNotOpen(t *testing.T) {
	key := newKey(t)
	for _, c := range []struct {
		what   string
		change func(r *store.Record)
		key    *Key
		words  string
	}{
		{"another key", func(*store.Record) {}, newKey(t), "sealed with another key"},
		{"another object", func(r *store.Record) { r.ID = "id-b" }, key, "sealed for another object"},
		{"another kind", func(r *store.Record) { r.Kind = "listener" }, key, "sealed for another object"},
		{"a changed byte", func(r *store.Record) { r.Secret[len(r.Secret)-1] ^= 1 }, key, "it is damaged"},
		{"a cut end", func(r *store.Record) { r.Secret = r.Secret[:len(r.Secret)-1] }, key, "it is damaged"},
		{"nothing but the head", func(r *store.Record) { r.Secret = r.Secret[:5] }, key, "it is damaged"},
		{"a form of a later version", func(r *store.Record) { r.Secret[0] = 2 }, key, "it has the form 2"},
		{"a new name", func(r *store.Record) { r.Name = "b" }, key, ""}, // A rename keeps the id.
	} {
		inner := memory.Open()
		r := canaryRecord("a")
		r.Secret = key.seal(r.Secret, r.Kind, r.ID)
		c.change(&r)
		if err := inner.Commit(t.Context(), 0, 1, []store.Record{r}, nil); err != nil {
			t.Fatal(err)
		}
		_, records, err := New(inner, c.key).Load(t.Context())
		switch {
		case c.words == "":
			if err != nil || string(records[0].Secret) != canary {
				t.Errorf("%s: %v, %v", c.what, records, err)
			}
		case err == nil || !strings.Contains(err.Error(), c.words) || !strings.Contains(err.Error(), `"a"`) || strings.Contains(err.Error(), canary):
			t.Errorf("%s: want %q, got %v", c.what, c.words, err)
		}
		if errors.Is(err, ErrOtherKey) != (c.what == "another key") {
			t.Errorf("%s: it is told as another key: %v", c.what, err)
		}
	}
}

// TestRenew: what an older key sealed opens, and is sealed with the new one after that; the objects stay as they were, and a
// key that opens some of it alone changes nothing.
func TestRenew(t *testing.T) {
	inner, older, key := memory.Open(), newKey(t), newKey(t)
	plain := canaryRecord("c")
	plain.Secret = nil
	records := []store.Record{canaryRecord("a"), canaryRecord("b"), plain}
	if err := New(inner, older).Commit(t.Context(), 0, 7, records, nil); err != nil {
		t.Fatal(err)
	}
	opens := func(what string, s *Store, revision uint64, want ...store.Record) {
		t.Helper()
		got, records, err := s.Load(t.Context())
		if err != nil || got != revision || !reflect.DeepEqual(records, want) {
			t.Errorf("%s: revision %d, %v, %v", what, got, records, err)
		}
	}
	both := New(inner, key, newKey(t), older)
	opens("with both keys", both, 7, records...)
	fourth := canaryRecord("d")
	fourth.Revision = 8
	if err := both.Commit(t.Context(), 7, 8, []store.Record{fourth}, nil); err != nil {
		t.Fatal(err)
	}
	if n, err := New(inner, key).Renew(t.Context()); n != 0 || !errors.Is(err, ErrOtherKey) {
		t.Errorf("without the older key renewed %d, %v", n, err)
	}
	opens("behind that", both, 8, append(records, fourth)...)
	if n, err := both.Renew(t.Context()); n != 2 || err != nil {
		t.Errorf("renewed %d, %v", n, err)
	}
	opens("renewed", New(inner, key), 9, append(records, fourth)...)
	if n, err := both.Renew(t.Context()); n != 0 || err != nil {
		t.Errorf("once more renewed %d, %v", n, err)
	}
	opens("renewed once more", New(inner, key), 9, append(records, fourth)...)
	if _, _, err := New(inner, older).Load(t.Context()); !errors.Is(err, ErrOtherKey) {
		t.Errorf("the older key still opens it: %v", err)
	}
}

// TestKeysAreNotShown: neither by printing one nor by the error of a text that is none.
func TestKeysAreNotShown(t *testing.T) {
	text := NewKeyText()
	key, err := ParseKey(text)
	if err != nil || text == NewKeyText() {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got := fmt.Sprintf(verb, key) + fmt.Sprintf(verb, *key); got != "sealed.Keysealed.Key" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
	for _, bad := range []string{"", text[1:], text + "A", "!" + text[1:]} {
		if _, err := ParseKey(bad); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

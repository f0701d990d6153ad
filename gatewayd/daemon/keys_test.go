package daemon

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/admin"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// started starts a gateway over a directory that it may be started over, with a certificate in its store or without.
func started(t *testing.T, dir string, holds bool) {
	t.Helper()
	d, err := launch(t, dir, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if !holds {
		return
	}
	c, err := client.New(client.Config{Endpoints: []string{"http://" + d.AdminAddr()}, TokenFile: filepath.Join(dir, admin.TokenFile)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p := certtest.Sample(1)
	if _, err := c.Create(t.Context(), spec.Certificates, &spec.Certificate{Name: "a", CertificatePEM: &p.Certificate, PrivateKeyPEM: &p.Key}, ""); err != nil {
		t.Fatal(err)
	}
}

// TestKeyFiles: a start over a file that is no key, or that others could have, fails and says which one it is, why, and what
// to do. Whoever does that has a gateway again.
func TestKeyFiles(t *testing.T) {
	text := func(change func(was string) string) func(path string) error {
		return func(path string) error {
			was, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(path, []byte(change(string(was))), 0o600)
		}
	}
	instead := func(put func(path string) error) func(path string) error {
		return func(path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return put(path)
		}
	}
	open := func(mode os.FileMode) func(path string) error {
		return func(path string) error { return os.Chmod(path, mode) }
	}
	mistakes := map[string]struct {
		make func(path string) error
		why  string
		mend func(path string) error // where it is not the key's own remedy
	}{
		"cut off":           {text(func(was string) string { return was[:20] }), "", nil},
		"empty":             {text(func(string) string { return "" }), "", nil},
		"long":              {text(func(was string) string { return strings.Repeat(was, 1000) }), "is longer than 4096 bytes", nil},
		"a directory":       {instead(func(path string) error { return os.Mkdir(path, 0o700) }), "is not a regular file", nil},
		"a link to nowhere": {instead(func(path string) error { return os.Symlink("nowhere", path) }), "", nil},
		"read by others":    {open(0o644), "has mode 0644, so that others than its owner may use it; run chmod 600 on it", open(0o600)},
		"a directory of others": {func(path string) error { return os.Chmod(filepath.Dir(path), 0o777) }, "has mode 0777, so that others than its owner may put files there; run chmod go-w on it",
			func(path string) error { return os.Chmod(filepath.Dir(path), 0o755) }},
	}
	for _, key := range []struct {
		file   string
		holds  bool
		advice string
		mend   func(path string, was []byte) error
	}{
		{"affinity.key", false, "remove it and a new one is made at the next start, with which clients are balanced anew", removed},
		{"tickets.key", false, "remove it and a new one is made at the next start, with which clients begin their TLS sessions anew", removed},
		{"admin.token", false, "remove it and a new one is made at the next start", removed},
		{storeKeyFile, false, "remove it and a new one is made at the next start; nothing in the store is encrypted under it", removed},
		{storeKeyFile, true, `put the file back from its backup`, func(path string, was []byte) error {
			return os.WriteFile(path, was, 0o600)
		}},
	} {
		for what, mistake := range mistakes {
			dir := t.TempDir()
			started(t, dir, key.holds)
			path := filepath.Join(dir, key.file)
			was, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := mistake.make(path); err != nil {
				t.Fatal(err)
			}
			words := []string{mistake.why, key.advice, path}
			if mistake.mend != nil {
				words = []string{mistake.why, dir}
			}
			failing(t, key.file+", "+what, dir, string(was), words...)
			if mistake.mend != nil {
				err = mistake.mend(path)
			} else if err = os.RemoveAll(path); err == nil {
				err = key.mend(path, was)
			}
			if err != nil {
				t.Fatal(err)
			}
			started(t, dir, false)
			if now, err := os.ReadFile(path); err != nil || (string(now) == string(was)) != (key.holds || mistake.mend != nil) {
				t.Errorf("%s, %s: mended it is the same key: %t, %v", key.file, what, string(now) == string(was), err)
			}
		}
	}
}

func removed(string, []byte) error { return nil }

// failing wants a start to fail with these words, and to show nothing of a key.
func failing(t *testing.T, what, dir, key string, words ...string) {
	t.Helper()
	log := &bytes.Buffer{}
	d, err := launch(t, dir, log)
	if err == nil {
		d.Close()
		t.Errorf("%s: it starts", what)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: want %q in: %v", what, w, err)
		}
	}
	if told := err.Error() + log.String(); strings.Contains(told, key[:10]) {
		t.Errorf("%s: the key is shown: %s", what, told)
	}
}

// TestKeyOfAnotherStore: it opens nothing, and a start says whose it is and what to do. Keys of cookies and sessions of
// another gateway are as good as its own.
func TestKeyOfAnotherStore(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	started(t, dir, true)
	started(t, other, true)
	swap := func(file string) (was []byte) {
		t.Helper()
		was, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := os.ReadFile(filepath.Join(other, file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), theirs, 0o600); err != nil {
			t.Fatal(err)
		}
		return was
	}
	for _, file := range []string{"affinity.key", "tickets.key", admin.TokenFile} {
		swap(file)
		started(t, dir, false)
	}
	path := filepath.Join(dir, storeKeyFile)
	was := swap(storeKeyFile)
	failing(t, "the key of another store", dir, string(was), `the secret of certificate "a" cannot be opened`, "sealed with another key",
		path+" is the key of another store: put the one of this store back from its backup")
	if err := os.WriteFile(path, was, 0o600); err != nil {
		t.Fatal(err)
	}
	started(t, dir, false)
}

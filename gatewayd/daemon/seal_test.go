package daemon

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// launch starts a gateway over a directory.
func launch(t *testing.T, dir string, log *bytes.Buffer) (*Daemon, error) {
	t.Helper()
	return Start(context.Background(), Config{
		DataDir: dir, Admin: "127.0.0.1:0", Loops: 1, Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
}

// TestSecretsAreEncryptedAtRest: no file of the data directory holds a private key, a restart has it again, and without
// the key file, or with another, nothing starts and everything is as it was.
func TestSecretsAreEncryptedAtRest(t *testing.T) {
	dir, log := t.TempDir(), &bytes.Buffer{}
	p, q := certtest.New(certtest.Issue{}), certtest.New(certtest.Issue{})
	d, err := launch(t, dir, log)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{Endpoints: []string{"http://" + d.AdminAddr()}, TokenFile: filepath.Join(dir, "admin.token")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	for _, name := range []string{"a", "b"} { // Replaced and removed ones leave no trace in the file either.
		if _, err := c.Create(t.Context(), spec.Certificates, &spec.Certificate{Name: name, CertificatePEM: &p.Certificate, PrivateKeyPEM: &p.Key}, ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Update(t.Context(), spec.Certificates, "b", &spec.Certificate{Name: "b2", CertificatePEM: &q.Certificate, PrivateKeyPEM: &q.Key}, 0, ""); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(dir, storeKeyFile)
	if info, err := os.Stat(keyFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v, %v", info, err)
	}
	search(t, dir, p, q)
	for _, pair := range []*certtest.Pair{p, q} {
		if form := pair.Shows(log.Bytes()); form != "" {
			t.Errorf("the log shows a private key, as %s", form)
		}
	}
	held := func(what string) {
		t.Helper()
		d, err := launch(t, dir, log)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		defer d.Close()
		for name, key := range map[string]string{"a": p.Key, "b2": q.Key} {
			if e := d.control.Set().Live(spec.Certificates, name); e == nil || *e.Object.(*spec.Certificate).PrivateKeyPEM != key {
				t.Errorf("%s: certificate %s is not as it was: %+v", what, name, e)
			}
		}
		if conditions := d.control.Conditions(); len(conditions) > 0 {
			t.Errorf("%s: %v", what, conditions)
		}
	}
	held("a restart")

	key, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	fails := func(what string, words ...string) {
		t.Helper()
		_, err := launch(t, dir, log)
		for _, w := range words {
			if err == nil || !strings.Contains(err.Error(), w) || strings.Contains(err.Error(), strings.TrimSpace(string(key))) {
				t.Errorf("%s: want %q, got %v", what, w, err)
			}
		}
	}
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	fails("without the key", keyFile+" is missing", `that of certificate "a"`, "put the file back from its backup")
	if _, err := os.Stat(keyFile); err == nil {
		t.Error("a key was made that opens nothing")
	}
	write := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(keyFile, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write([]byte(strings.Repeat("A", 43) + "\n"))
	fails("with another key", `the secret of certificate "a" cannot be opened`, "sealed with another key")
	write([]byte("none\n"))
	fails("with no key in it", keyFile+" is no key")
	write(key)
	held("with the key again")
}

// search looks for keys in every file of a directory.
func search(t *testing.T, dir string, pairs ...*certtest.Pair) {
	t.Helper()
	found := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte("BEGIN CERTIFICATE")) {
			found++
		}
		for _, p := range pairs {
			if form := p.Shows(text); form != "" {
				t.Errorf("%s holds a private key, as %s", path, form)
			}
		}
		return err
	})
	if err != nil || found == 0 {
		t.Errorf("the store is not where it was looked for: %v", err)
	}
}

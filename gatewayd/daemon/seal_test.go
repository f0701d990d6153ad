package daemon

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store/memory"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store/sealed"
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

// TestTheStoreKeyIsReplaced: whoever renames its file gets a new key, under which everything is encrypted, and the old one opens
// nothing of the store any more; a start that ended halfway goes on, and one that would lose something does not begin.
func TestTheStoreKeyIsReplaced(t *testing.T) {
	dir, log := t.TempDir(), &bytes.Buffer{}
	p := certtest.New(certtest.Issue{})
	keyFile, olderFile, storeFile := filepath.Join(dir, storeKeyFile), filepath.Join(dir, olderKeyFile), filepath.Join(dir, "gatewayd.db")
	read := func(path string) []byte {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	write := func(path string, text []byte) {
		t.Helper()
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rename := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	starts := func(what string, then func(*Daemon)) {
		t.Helper()
		d, err := launch(t, dir, log)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		then(d)
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	holds := func(d *Daemon) {
		t.Helper()
		e := d.control.Set().Live(spec.Certificates, "a")
		if e == nil || *e.Object.(*spec.Certificate).PrivateKeyPEM != p.Key || e.Revision != 1 || len(d.control.Conditions()) > 0 {
			t.Errorf("the certificate is not as it was: %+v, %v", e, d.control.Conditions())
		}
	}
	fails := func(what, words string) {
		t.Helper()
		if _, err := launch(t, dir, log); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: want %q, got %v", what, words, err)
		}
	}
	starts("first", func(d *Daemon) {
		_, err := d.control.Apply(t.Context(), []control.Change{{Kind: spec.Certificates, Name: "a", IfNoneMatch: true,
			Put: &spec.Certificate{Name: "a", CertificatePEM: &p.Certificate, PrivateKeyPEM: &p.Key}}})
		if err != nil {
			t.Fatal(err)
		}
	})
	before, first := read(storeFile), read(keyFile)

	// The file of another gateway opens nothing, and no key is made beside it.
	rename(keyFile, filepath.Join(dir, "aside"))
	write(olderFile, []byte(sealed.NewKeyText()))
	fails("with a stranger's key", "no new key is made before all can be opened")
	write(olderFile, []byte("none"))
	fails("with no key in it", olderFile+" is no key")
	if _, err := os.Stat(keyFile); err == nil {
		t.Error("a key was made that opens nothing")
	}
	rename(filepath.Join(dir, "aside"), olderFile)

	starts("renamed", holds)
	second := read(keyFile)
	if info, err := os.Stat(keyFile); err != nil || info.Mode().Perm() != 0o600 || bytes.Equal(second, first) {
		t.Errorf("the new key: %v, %v", info, err)
	}
	if !strings.Contains(log.String(), "renewed=1") || !strings.Contains(log.String(), "Remove the older one") {
		t.Errorf("the log does not say what to do:\n%s", log)
	}
	if len(sealedIn(before)) == 0 {
		t.Error("nothing sealed was found in the store")
	}
	for _, old := range sealedIn(before) {
		if bytes.Contains(read(storeFile), old) {
			t.Error("the store still holds what the older key opens")
		}
	}
	starts("once more with both", holds)

	// Where nothing can be written anew, what serves still serves.
	write(storeFile, before)
	log.Reset()
	d := &Daemon{log: slog.New(slog.NewTextHandler(log, nil))}
	inner := fullMedium{memory.Open()}
	sealer, err := sealed.ParseKey(strings.TrimSpace(string(first)))
	if err != nil {
		t.Fatal(err)
	}
	record := store.Record{Kind: "certificate", Name: "a", ID: "a", Revision: 1, Body: []byte("{}"), Secret: []byte("x")}
	if err := sealed.New(inner.Store, sealer).Commit(t.Context(), 0, 1, []store.Record{record}, nil); err != nil {
		t.Fatal(err)
	}
	full, err := d.sealed(t.Context(), dir, inner)
	if err != nil {
		t.Fatal(err)
	}
	if _, records, err := full.Load(t.Context()); err != nil || len(records) != 1 || string(records[0].Secret) != "x" {
		t.Errorf("on a full disk: %v, %v", records, err)
	}
	if !strings.Contains(log.String(), "still opens") || strings.Contains(log.String(), "Remove") {
		t.Errorf("on a full disk the log says %s", log)
	}

	// A start that ended behind the new key and before anything was encrypted under it.
	write(storeFile, before)
	starts("halfway", holds)
	if err := os.Remove(olderFile); err != nil {
		t.Fatal(err)
	}
	starts("without the older one", holds)
	write(keyFile, first)
	fails("with the older one alone", "sealed with another key")
	for _, text := range [][]byte{bytes.TrimSpace(first), bytes.TrimSpace(second)} {
		if bytes.Contains(log.Bytes(), text) {
			t.Error("the log shows a key")
		}
	}
	search(t, dir, p)
}

// fullMedium is a store that takes nothing more.
type fullMedium struct{ store.Store }

func (fullMedium) Compact() error { return syscall.ENOSPC }

func (fullMedium) Commit(context.Context, uint64, uint64, []store.Record, []store.Ref) error {
	return syscall.ENOSPC
}

// sealedIn are the secrets in a store's file, as they are there.
func sealedIn(file []byte) (all [][]byte) {
	for _, m := range regexp.MustCompile(`"secret":"([^"]+)"`).FindAllSubmatch(file, -1) {
		all = append(all, m[1])
	}
	return all
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

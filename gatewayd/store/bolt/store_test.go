package bolt_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store/bolt"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Maker{Durable: true, Open: func(t *testing.T, dir string) store.Store {
		return open(t, filepath.Join(dir, "data", "gatewayd.db"))
	}})
}

func open(t *testing.T, path string) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func closed(t *testing.T, s *bolt.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// filled makes a closed store of many records, some of them rewritten.
func filled(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "gatewayd.db")
	s := open(t, path)
	for i := range uint64(6) {
		var puts []store.Record
		for n := range 30 {
			name := fmt.Sprintf("r%d", (n*7+int(i)*31)%170)
			puts = append(puts, store.Record{Kind: "rule", Name: name, ID: name, Revision: i + 1, Body: bytes.Repeat([]byte(name), 20)})
		}
		if err := s.Commit(t.Context(), i, i+1, puts, nil); err != nil {
			t.Fatal(err)
		}
	}
	closed(t, s)
	return path
}

func TestPermissions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "gatewayd.db")
	closed(t, open(t, path))
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	closed(t, open(t, path))
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700 | os.ModeDir} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %s, want %s", name, info.Mode(), want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestLockedFileNamesItsHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatewayd.db")
	open(t, path)
	_, err := bolt.Open(path)
	if err == nil || !strings.Contains(err.Error(), "holds its lock; one data directory serves one gatewayd") || !strings.Contains(err.Error(), path) {
		t.Errorf("Open: %v, want an error that names the lock", err)
	}
}

// A damage is what somebody did to a file.
type damage struct {
	name string
	data []byte
	must bool // be refused
}

// damagesOf cuts and garbles a file, as a whole and page by page.
func damagesOf(whole []byte) []damage {
	damages := []damage{
		{"nothing left", nil, true},
		{"one byte", whole[:1], true},
		{"one page", whole[:4096], true},
		{"half", whole[:len(whole)/2], false},
		{"not a database", bytes.Repeat([]byte("a log file\n"), 5000), true},
		{"zeroes", make([]byte, len(whole)), true},
	}
	for at := 0; at < len(whole); at += 4096 {
		page := bytes.Clone(whole)
		copy(page[at:], bytes.Repeat([]byte{0xa5}, 4096))
		damages = append(damages, damage{fmt.Sprintf("page %d garbled", at/4096), page, false})
		cut := whole[:at+100]
		damages = append(damages, damage{fmt.Sprintf("cut in page %d", at/4096), cut, at == 0})
		bit := bytes.Clone(whole)
		bit[at+16+at/4096%4000] ^= 0x10
		damages = append(damages, damage{fmt.Sprintf("a bit of page %d", at/4096), bit, false})
		count := bytes.Clone(whole)
		count[at+10] ^= 0x03 // the number of entries on the page
		damages = append(damages, damage{fmt.Sprintf("entries of page %d", at/4096), count, false})
	}
	return damages
}

// TestDamagedFileIsRefused damages a file in every way that one can think of. Each is refused with ErrDamaged, or the file
// holds all that was committed; nothing in between, and the file is not touched.
func TestDamagedFileIsRefused(t *testing.T) {
	path := filled(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	revision, records, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	closed(t, s)

	damages := damagesOf(whole)
	refused := 0
	for i, d := range damages {
		file := filepath.Join(t.TempDir(), fmt.Sprintf("%d.db", i))
		if err := os.WriteFile(file, d.data, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := bolt.Open(file)
		if err != nil {
			refused++
			if !errors.Is(err, bolt.ErrDamaged) || !strings.Contains(err.Error(), file) {
				t.Errorf("%s: Open: %v, want ErrDamaged and the path", d.name, err)
			}
			if after, _ := os.ReadFile(file); !bytes.Equal(after, d.data) {
				t.Errorf("%s: the file was changed", d.name)
			}
			continue
		}
		got, left, err := s.Load(t.Context())
		closed(t, s)
		switch {
		case d.must:
			t.Errorf("%s: opened", d.name)
		case err != nil:
			t.Errorf("%s: opened, but Load: %v", d.name, err)
		case got == revision && !cmp.Equal(left, records):
			t.Errorf("%s: opened with other records", d.name)
		case got != revision && got != revision-1:
			// Where the newest of its two heads is gone, a file is what a crash in the last commit leaves.
			t.Errorf("%s: opened at revision %d, want %d", d.name, got, revision)
		}
	}
	if refused < len(damages)/3 {
		t.Errorf("only %d of %d damages were refused", refused, len(damages))
	}
}

func TestUnusablePlaces(t *testing.T) {
	dir := t.TempDir()
	if _, err := bolt.Open(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("Open of a directory: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := bolt.Open(filepath.Join(file, "gatewayd.db")); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("Open below a file: %v", err)
	}
}

// TestFileThatIsGoneTakesNoCommit removes the data directory, and puts another file in place, under an open store: what
// would be committed to it would be gone at the next start.
func TestFileThatIsGoneTakesNoCommit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	path := filepath.Join(dir, "gatewayd.db")
	s := open(t, path)
	put := []store.Record{{Kind: "pool", Name: "web", ID: "1", Revision: 1, Body: []byte("{}")}}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), 0, 1, put, nil); err == nil || !strings.Contains(err.Error(), "was removed") {
		t.Errorf("a commit to a removed file: %v", err)
	}
	other := open(t, path)
	if err := s.Commit(t.Context(), 0, 1, put, nil); err == nil || !strings.Contains(err.Error(), "another file") {
		t.Errorf("a commit to a replaced file: %v", err)
	}
	if err := other.Commit(t.Context(), 0, 1, put, nil); err != nil {
		t.Error(err)
	}
	if revision, _, err := s.Load(t.Context()); revision != 0 || err != nil {
		t.Errorf("the removed file is at revision %d; %v", revision, err)
	}
}

// TestCompact: what was replaced or deleted is in the file until it is written anew, and then no more; all the rest is as it
// was, and the file is still its process's own.
func TestCompact(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatewayd.db")
	s := open(t, path)
	record := func(name, body string) store.Record {
		return store.Record{Kind: "rule", Name: name, ID: name, Revision: 1, Body: []byte(body)}
	}
	commit := func(base uint64, puts []store.Record, deletes ...store.Ref) {
		t.Helper()
		if err := s.Commit(t.Context(), base, base+1, puts, deletes); err != nil {
			t.Fatal(err)
		}
	}
	commit(0, []store.Record{record("a", "first words"), record("b", "deleted words")})
	commit(1, []store.Record{record("a", "other words")}, store.Ref{Kind: "rule", Name: "b"})
	holds := func(words string) bool {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(text, []byte(words))
	}
	if !holds("first words") || !holds("deleted words") {
		t.Error("nothing old is in the file, so that the test says nothing")
	}
	if err := s.Compact(); err != nil {
		t.Fatal(err)
	}
	if holds("first words") || holds("deleted words") || !holds("other words") {
		t.Error("the file still has what is old, or lost what is not")
	}
	if _, err := bolt.Open(path); err == nil || !strings.Contains(err.Error(), "holds its lock") {
		t.Errorf("another one opens the file: %v", err)
	}
	commit(2, []store.Record{record("c", "")})
	closed(t, s)
	revision, records, err := open(t, path).Load(t.Context())
	if err != nil || revision != 3 || len(records) != 2 || string(records[0].Body) != "other words" {
		t.Errorf("revision %d, %v, %v", revision, records, err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".new*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestCompactOfAFileThatIsGone: it brings nothing back.
func TestCompactOfAFileThatIsGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatewayd.db")
	s := open(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := s.Compact(); err == nil || !strings.Contains(err.Error(), "was removed under the running gateway") {
		t.Error(err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

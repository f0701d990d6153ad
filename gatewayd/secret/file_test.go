package secret

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestOpen: made once, kept, and read by nobody else. What owners and modes are refused is in the tests of the admin
// token, which is kept here.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.key")
	fresh := func() string { return "first" }
	if text, created, err := Open(dir, "a.key", fresh); text != "first" || !created || err != nil {
		t.Fatal(text, created, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("the file has mode %v: %v", info.Mode(), err)
	}
	again := func() string { t.Error("made again"); return "second" }
	if text, created, err := Open(dir, "a.key", again); text != "first" || created || err != nil {
		t.Error(text, created, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("something was left behind: %v %v", entries, err)
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("x", most+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(dir, "a.key", again); err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "xx") {
		t.Errorf("a long file: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(dir, "a.key", again); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a directory: %v", err)
	}
}

// TestInstallWithoutLinks gives files their names on a volume that has no hard links.
func TestInstallWithoutLinks(t *testing.T) {
	none := func(from, to string) error { return &os.LinkError{Op: "link", Old: from, New: to, Err: syscall.EPERM} }
	dir := t.TempDir()
	from, to := filepath.Join(dir, "new"), filepath.Join(dir, "a.key")
	for _, want := range []error{nil, fs.ErrExist} {
		if err := os.WriteFile(from, []byte("whole"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := install(none, from, to); !errors.Is(err, want) {
			t.Errorf("install: %v, want %v", err, want)
		}
		if text, err := os.ReadFile(to); err != nil || string(text) != "whole" {
			t.Errorf("%q %v", text, err)
		}
	}
}

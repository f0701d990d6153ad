package bolt

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestPlaceWithoutLinks gives files their names on a volume that has no hard links.
func TestPlaceWithoutLinks(t *testing.T) {
	none := func(from, to string) error { return &os.LinkError{Op: "link", Old: from, New: to, Err: syscall.EPERM} }
	dir := t.TempDir()
	from, to := filepath.Join(dir, "new"), filepath.Join(dir, "gatewayd.db")
	for _, want := range []error{nil, fs.ErrExist} {
		if err := os.WriteFile(from, []byte("whole"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := place(none, from, to); !errors.Is(err, want) {
			t.Errorf("place: %v, want %v", err, want)
		}
		if text, err := os.ReadFile(to); err != nil || string(text) != "whole" {
			t.Errorf("%q %v", text, err)
		}
	}
}

package admin

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestToken(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, TokenFile)
	first, created, err := OpenToken(dir)
	if err != nil || !created {
		t.Fatal(created, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("the file has mode %v: %v", info.Mode(), err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSpace(string(text))
	if !strings.HasPrefix(token, "gatewayd_") || len(token) != len("gatewayd_")+43 {
		t.Errorf("the token has %d characters", len(token))
	}
	if !first.Authorize(token) || first.Authorize("") || first.Authorize(token+" ") || (Token{}).Authorize("") {
		t.Error("the token authorizes wrongly")
	}
	again, created, err := OpenToken(dir)
	if err != nil || created || again != first {
		t.Errorf("a second start: created %v, %v", created, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("something was left behind: %v %v", entries, err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, _, err := OpenToken(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others may read: %v", err)
	}
	for _, bad := range []string{"", "short", strings.Repeat("x", 5000), strings.Repeat("a b ", 20), strings.Repeat("\x01", 50)} {
		other := t.TempDir()
		if err := os.WriteFile(filepath.Join(other, TokenFile), []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := OpenToken(other); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("a bad token of %d bytes: %v", len(bad), err)
		}
	}
	if _, _, err := OpenToken(filepath.Join(dir, "none")); err == nil {
		t.Error("a missing directory is no error")
	}
}

func TestFirstStartsAtOnceAgreeOnTheToken(t *testing.T) {
	dir := t.TempDir()
	tokens := make([]Token, 8)
	var wait sync.WaitGroup
	for i := range tokens {
		wait.Go(func() {
			var err error
			if tokens[i], _, err = OpenToken(dir); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for _, token := range tokens {
		if token != tokens[0] {
			t.Error("two tokens")
		}
	}
}

// TestTokenOfOthersIsRefused has others own the token's file, or able to replace it. Only root can give files away.
func TestTokenOfOthersIsRefused(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := OpenToken(dir); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o777, 0o775, 0o702, 0o777 | os.ModeSticky} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if _, _, err := OpenToken(dir); err == nil || !strings.Contains(err.Error(), "chmod go-w") {
			t.Errorf("a directory of mode %v: %v", mode, err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, created, err := OpenToken(dir); err != nil || created {
		t.Errorf("a directory that others may only read: created %v, %v", created, err)
	}
	if os.Geteuid() != 0 {
		return
	}
	const nobody = 65534
	for _, path := range []string{filepath.Join(dir, TokenFile), dir} {
		if err := os.Chown(path, nobody, -1); err != nil {
			t.Fatal(err)
		}
		if _, _, err := OpenToken(dir); err == nil || !strings.Contains(err.Error(), "65534") {
			t.Errorf("%s of another user: %v", path, err)
		}
		if err := os.Chown(path, 0, -1); err != nil {
			t.Fatal(err)
		}
	}
}

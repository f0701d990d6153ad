package cli

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestHangup: SIGHUP ends nothing, with an access log or without, and opens the access log anew.
func TestHangup(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "access.log")
	p := serveIn(t, filepath.Join(dir, "logs"), "--access-log", log)
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	p.signal(t, syscall.SIGHUP)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(log); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the access log was not opened anew: %s", p.text())
		}
	}
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != 0 {
		t.Errorf("it ended with %d: %s", code, p.text())
	}
	p = serveIn(t, filepath.Join(dir, "none"))
	p.signal(t, syscall.SIGHUP)
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != 0 {
		t.Errorf("without an access log it ended with %d: %s", code, p.text())
	}
}

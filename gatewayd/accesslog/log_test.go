package accesslog

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// told is a log that a test reads while it is written.
type told struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (w *told) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.Write(p)
}

func (w *told) has(s string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Contains(w.buf.String(), s)
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain waited until %s", what)
		}
	}
}

func newLog(t *testing.T, path string) (*Log, *told) {
	t.Helper()
	w := new(told)
	l, err := Open(Config{Path: path, Loops: 1, Log: slog.New(slog.NewTextHandler(w, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return l, w
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLinesArriveInOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	if err := os.WriteFile(path, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, _ := newLog(t, path)
	var want strings.Builder
	want.WriteString("before\n")
	s, firsts := l.Sink(0), 0
	for i := range 20_000 {
		line := fmt.Sprintf("line %d\n", i)
		want.WriteString(line)
		if s.Add([]byte(line)) {
			firsts++
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); got != want.String() {
		t.Errorf("%d bytes arrived, want %d", len(got), want.Len())
	}
	if st := l.Stats(); st != (Stats{Lines: 20_000}) || firsts != 1+want.Len()/blockSize {
		t.Errorf("%+v, in %d blocks", st, firsts)
	}
}

func TestFileIsNotForAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	l, _ := newLog(t, path)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&^0o640 != 0 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
}

// Behind a rotation lines go to the new file, and not one is lost.
func TestReopen(t *testing.T) {
	dir := t.TempDir()
	path, old := filepath.Join(dir, "access.log"), filepath.Join(dir, "access.log.1")
	l, log := newLog(t, path)
	s := l.Sink(0)
	s.Add([]byte("one\n"))
	s.Flush()
	until(t, "the first line is written", func() bool { return read(t, path) == "one\n" })
	if err := os.Rename(path, old); err != nil {
		t.Fatal(err)
	}
	l.Reopen()
	until(t, "the file is opened anew", func() bool { return log.has("opened anew") })
	s.Add([]byte("two\n"))
	s.Flush()
	until(t, "the second line is written", func() bool { return read(t, path) == "two\n" })
	// Where it cannot be opened, the old file goes on.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	l.Reopen()
	until(t, "the failure is told", func() bool { return log.has("cannot be opened anew") })
	s.Add([]byte("three\n"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if st := l.Stats(); st != (Stats{Lines: 3}) || read(t, old) != "one\n" {
		t.Errorf("%+v", st)
	}
}

// A full disk costs lines and nothing else.
func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	l, log := newLog(t, "/dev/full")
	for range 3 {
		l.Sink(0).Add([]byte("a\nb\n"))
		l.Sink(0).Flush()
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if st := l.Stats(); st.Failed != 6 || !log.has("cannot be written") {
		t.Errorf("%+v", st)
	}
}

// Nobody waits for a pipe that nobody reads: lines are dropped, counted, and told of once it is read again.
func TestStuckPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Path: path}); err == nil {
		t.Fatal("a pipe without a reader was opened")
	}
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	l, log := newLog(t, path)
	line := bytes.Repeat([]byte("x"), 1023)
	line = append(line, '\n')
	s := l.Sink(0)
	const n = 10_000
	for range n {
		s.Add(line)
	}
	st := l.Stats()
	if st.Dropped == 0 || st.Lines+st.Dropped != n || st.Lines > (blocks+1)*blockSize/1024 {
		t.Errorf("%+v", st)
	}
	got, buf := 0, make([]byte, 1<<16)
	for end := time.Now().Add(20 * time.Second); (got == 0 || !log.has("were dropped")) && time.Now().Before(end); {
		k, err := reader.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		got += k
	}
	if got == 0 || !log.has("were dropped") {
		t.Errorf("%d bytes were read, and nobody told of the rest", got)
	}
	// Whoever read is gone.
	reader.Close()
	for range 200 {
		s.Add(line)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAddAllocatesNothing(t *testing.T) {
	l, _ := newLog(t, filepath.Join(t.TempDir(), "access.log"))
	defer l.Close()
	s, line := l.Sink(0), []byte(strings.Repeat("x", 400)+"\n")
	for range 10 * blocks * blockSize / len(line) {
		s.Add(line)
	}
	if n := testing.AllocsPerRun(10_000, func() { s.Add(line) }); n != 0 {
		t.Errorf("a line costs %v allocations", n)
	}
}

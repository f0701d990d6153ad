package bolt_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store/bolt"
)

// childEnv makes the test binary do one thing in a process of its own.
const childEnv = "GATEWAYD_BOLT_TEST_CHILD"

func TestMain(m *testing.M) {
	path := os.Getenv(childEnv + "_PATH")
	switch os.Getenv(childEnv) {
	case "commit":
		childCommits(path)
	case "full":
		childFillsDisk(path)
	case "read-only":
		childReadOnly(path)
	default:
		os.Exit(m.Run())
	}
}

func child(t *testing.T, what, path string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), childEnv+"="+what, childEnv+"_PATH="+path)
	return c
}

func fail(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

// put is the record that revision n writes, with a body that tells it.
func put(n uint64) store.Record {
	name := fmt.Sprintf("r%d", n%50)
	return store.Record{Kind: "rule", Name: name, ID: name, Revision: n, Body: bytes.Repeat([]byte(fmt.Sprint(n, " ")), int(n%700))}
}

// childCommits commits without end and says so on its standard output each time that one is acknowledged.
func childCommits(path string) {
	s, err := bolt.Open(path)
	fail(err)
	n, _, err := s.Load(context.Background())
	fail(err)
	for {
		var deletes []store.Ref
		if n%7 == 3 {
			deletes = []store.Ref{{Kind: "rule", Name: fmt.Sprintf("r%d", (n+20)%50)}}
		}
		fail(s.Commit(context.Background(), n, n+1, []store.Record{put(n + 1)}, deletes))
		n++
		fmt.Println(n)
	}
}

// TestKill kills a process that commits, at any moment, again and again. No commit that it acknowledged is lost, none is
// half there, and the file always opens.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "gatewayd.db")
	var acknowledged uint64
	for range 40 {
		c := child(t, "commit", path)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		// The moment is some number of acknowledgements, and then somewhere within the commits that follow.
		lines := bufio.NewScanner(out)
		for range rand.IntN(12) {
			if !lines.Scan() {
				break
			}
			acknowledged = read(t, lines.Text())
		}
		for range rand.IntN(20_000) {
			_ = rand.Uint64()
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			acknowledged = read(t, lines.Text())
		}
		_ = c.Wait() // "signal: killed"
		s := open(t, path)
		revision, records, err := s.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if revision < acknowledged || revision > acknowledged+1 {
			t.Fatalf("the store is at revision %d, the last acknowledged commit was %d", revision, acknowledged)
		}
		for _, r := range records {
			if !bytes.Equal(r.Body, put(r.Revision).Body) || r.Name != put(r.Revision).Name {
				t.Fatalf("%s of revision %d is torn", r.Name, r.Revision)
			}
		}
		closed(t, s)
		acknowledged = revision
	}
	t.Logf("%d commits", acknowledged)
}

func read(t *testing.T, line string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(line, 10, 64)
	if err != nil {
		t.Fatalf("the child said %q", line)
	}
	return n
}

// childFillsDisk commits until the file may not grow any more, shows that the failed commit left nothing, and goes on
// when there is room again.
func childFillsDisk(path string) {
	s, err := bolt.Open(path)
	fail(err)
	var limit syscall.Rlimit
	fail(syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	fail(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 256 << 10, Max: limit.Max}))
	body := bytes.Repeat([]byte("x"), 10_000)
	record := func(n uint64) store.Record {
		return store.Record{Kind: "pool", Name: fmt.Sprint(n), ID: "x", Revision: n, Body: body}
	}
	n := uint64(0)
	for ; n < 100; n++ {
		if err = s.Commit(context.Background(), n, n+1, []store.Record{record(n + 1)}, nil); err != nil {
			break
		}
	}
	if err == nil || errors.Is(err, store.ErrConflict) {
		fail(fmt.Errorf("%d commits went beyond the limit: %v", n, err))
	}
	for range 3 {
		if s.Commit(context.Background(), n, n+1, []store.Record{record(n + 1)}, nil) == nil {
			fail(errors.New("a commit went beyond the limit"))
		}
	}
	revision, records, err := s.Load(context.Background())
	fail(err)
	if revision != n || len(records) != int(n) {
		fail(fmt.Errorf("revision %d with %d records, want %d", revision, len(records), n))
	}
	fail(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	fail(s.Commit(context.Background(), n, n+1, []store.Record{record(n + 1)}, nil))
	fail(s.Close())
	fmt.Print("ended at ", n+1)
}

func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatewayd.db")
	out, err := child(t, "full", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	n := read(t, strings.TrimPrefix(string(out), "ended at "))
	revision, records, err := open(t, path).Load(t.Context())
	if err != nil || revision != n || len(records) != int(n) {
		t.Errorf("Load: revision %d, %d records, %v; want %d of both", revision, len(records), err, n)
	}
}

// childReadOnly opens a store where nothing can be written, as somebody whom the modes bind.
func childReadOnly(path string) {
	if os.Getuid() == 0 {
		fail(syscall.Setgid(65534))
		fail(syscall.Setuid(65534))
	}
	_, err := bolt.Open(path)
	fmt.Print(err)
}

func TestReadOnlyDirectory(t *testing.T) {
	dir, err := os.MkdirTemp("", "bolt-read-only-") // t.TempDir is closed to others.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program := filepath.Join(dir, "test") // The test binary is where others may not read it.
	copyFile(t, os.Args[0], program)
	for _, mode := range []os.FileMode{0o755, 0o555} {
		data := filepath.Join(dir, fmt.Sprintf("data-%o", mode))
		if err := os.Mkdir(data, 0o700); err != nil {
			t.Fatal(err)
		}
		if mode == 0o755 { // A file that may not be written, else none at all.
			closed(t, open(t, filepath.Join(data, "gatewayd.db")))
			if err := os.Chmod(filepath.Join(data, "gatewayd.db"), 0o400); err != nil {
				t.Fatal(err)
			}
		}
		for _, d := range []string{dir, data} {
			if err := os.Chmod(d, mode); err != nil {
				t.Fatal(err)
			}
		}
		c := child(t, "read-only", filepath.Join(data, "gatewayd.db"))
		c.Path = program
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if !strings.Contains(string(out), "permission denied") || !strings.Contains(string(out), data) {
			t.Errorf("Open in a directory of mode %o: %s", mode, out)
		}
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

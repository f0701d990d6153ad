package cli

import (
	"bufio"
	"io"
	"log/slog"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// pipe is a pipe that nobody reads yet. Both ends are closed with the test.
func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return r, w
}

var numbered = regexp.MustCompile(`msg=(line|"lines of the log were dropped.*") (?:n|lines)=(\d+)$`)

// TestLogThatStandsStillHoldsUpNobody logs more than a pipe and the spool hold before anybody reads. What comes out
// then is in order, and where lines lack it says how many.
func TestLogThatStandsStillHoldsUpNobody(t *testing.T) {
	r, w := pipe(t)
	s := newSpool(w)
	log := slog.New(slog.NewTextHandler(s, nil))
	const all = 100_000
	for i := range all {
		log.Info("line", "n", i)
	}

	next, told := 0, 0
	read := make(chan struct{})
	go func() {
		defer close(read)
		for in := bufio.NewScanner(r); in.Scan(); {
			m := numbered.FindStringSubmatch(in.Text())
			if m == nil {
				t.Errorf("no line of the log: %q", in.Text())
				return
			}
			switch n, _ := strconv.Atoi(m[2]); {
			case m[1] != "line":
				told++
				next += n
			case n != next:
				t.Errorf("line %d where %d belongs", n, next)
				return
			default:
				next++
			}
		}
	}()
	if !s.end(time.Minute) {
		t.Error("the lines are not out in time")
	}
	_ = w.Close()
	<-read
	if told == 0 || next != all {
		t.Errorf("%d of %d lines are accounted for, and %d times some were dropped", next, all, told)
	}
}

// TestSpoolWritesAllThatIsRead: who reads in time misses nothing.
func TestSpoolWritesAllThatIsRead(t *testing.T) {
	r, w := pipe(t)
	s := newSpool(w)
	log := slog.New(slog.NewTextHandler(s, nil))
	in := bufio.NewScanner(r)
	for i := range 1000 {
		log.Info("line", "n", i)
		if want := " n=" + strconv.Itoa(i); !in.Scan() || !strings.HasSuffix(in.Text(), want) {
			t.Fatalf("%q, want a line that ends with %q", in.Text(), want)
		}
	}
	if !s.end(time.Minute) {
		t.Error("the lines are not out in time")
	}
}

// TestSpoolEndsInTime: at the end the lines get some time, not all of it.
func TestSpoolEndsInTime(t *testing.T) {
	_, w := pipe(t)
	fill(t, w)
	s := newSpool(w)
	if _, err := s.Write([]byte("last words\n")); err != nil {
		t.Error(err)
	}
	if s.end(10 * time.Millisecond) {
		t.Error("a line is out through a full pipe")
	}
}

// TestStartThatFailsEndsThough: neither does the error of a start wait for a log that nobody reads.
func TestStartThatFailsEndsThough(t *testing.T) {
	_, w := pipe(t)
	fill(t, w)
	args := []string{"serve", "--data-dir", t.TempDir(), "--admin", "127.0.0.1:0", "--admin-socket", "off", "--config", "/does/not/exist"}
	if code := Run("1.2.3-test", args, io.Discard, w); code != 1 {
		t.Errorf("want exit code 1, got %d", code)
	}
}

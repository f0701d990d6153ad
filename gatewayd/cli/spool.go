package cli

import (
	"io"
	"log/slog"
	"sync"
	"time"
)

// maxSpool bounds the bytes of the lines that wait to be written; as many may be under way.
const maxSpool = 1 << 20

// A spool is an io.Writer of lines that never waits for whoever reads them. Who logs may hold a lock or be an event loop,
// and a pipe that nobody empties must not stand still what serves. A goroutine of its own writes the lines, in their
// order. Lines that come while too much waits are dropped, and one line says in their place how many, once writing goes
// on. What waits is lost with a process that is killed.
type spool struct {
	out  io.Writer
	done chan struct{} // closed once all is written

	mu    sync.Mutex
	more  sync.Cond
	lines []byte // that wait
	lost  int    // lines that were dropped behind them
	ended bool
}

func newSpool(out io.Writer) *spool {
	s := &spool{out: out, done: make(chan struct{})}
	s.more.L = &s.mu
	go s.run()
	return s
}

// Write takes one line, of which it keeps a copy. It never fails.
func (s *spool) Write(line []byte) (int, error) {
	s.mu.Lock()
	// Once one is dropped so are those behind it, until the count of them has its place.
	if s.lost > 0 || len(s.lines)+len(line) > maxSpool {
		s.lost++
	} else {
		s.lines = append(s.lines, line...)
	}
	s.mu.Unlock()
	s.more.Signal()
	return len(line), nil
}

// end waits until all that was written before is out, but no longer than it may, and reports whether it is.
func (s *spool) end(within time.Duration) bool {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.more.Signal()
	select {
	case <-s.done:
		return true
	case <-time.After(within):
		return false
	}
}

func (s *spool) run() {
	defer close(s.done)
	log := slog.New(slog.NewTextHandler(s.out, nil))
	var batch []byte
	for {
		s.mu.Lock()
		for len(s.lines) == 0 && s.lost == 0 && !s.ended {
			s.more.Wait()
		}
		lost, ended := s.lost, s.ended
		batch, s.lines, s.lost = s.lines, batch[:0], 0
		s.mu.Unlock()
		if len(batch) > 0 {
			_, _ = s.out.Write(batch) // There is nobody to tell of an error.
		}
		if lost > 0 {
			log.Warn("lines of the log were dropped, because it was not read in time", "lines", lost)
		}
		if ended && len(batch) == 0 && lost == 0 {
			return
		}
	}
}

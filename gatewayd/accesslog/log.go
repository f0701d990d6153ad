package accesslog

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Standard is the path of the standard output.
const Standard = "-"

// Config is what a Log is opened with.
type Config struct {
	// Path is the file, to which lines are appended; Standard is the standard output.
	Path string
	// Query says what lines show of queries.
	Query Query
	// Loops is how many sinks there are.
	Loops int
	// Log is told when lines are lost, at most once a minute.
	Log *slog.Logger
}

// A Log is an open access log. Its methods may be called by any goroutine.
type Log struct {
	cfg    Config
	sinks  []*Sink
	full   chan full
	again  chan struct{} // reopen was asked for
	done   chan struct{} // closed when the writer has ended
	failed atomic.Uint64

	mu   sync.Mutex // guards file, for Close
	file *os.File

	// Of the writer.
	inside bool // the last write ended within a line
	told   time.Time
	lost   uint64 // lines of which was told
}

// A full is a block to be written.
type full struct {
	sink  *Sink
	block []byte
}

// Open opens the file and starts the writer. Close must follow.
func Open(cfg Config) (*Log, error) {
	f, err := open(cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("access log: %w", err)
	}
	l := &Log{cfg: cfg, file: f, again: make(chan struct{}, 1), done: make(chan struct{})}
	if l.cfg.Log == nil {
		l.cfg.Log = slog.New(slog.DiscardHandler)
	}
	for range max(cfg.Loops, 1) {
		l.sinks = append(l.sinks, newSink(l, cfg.Query))
	}
	l.full = make(chan full, len(l.sinks)*blocks)
	go l.run()
	return l, nil
}

// open opens a file for appending, which its owner's group may read. Who reads a pipe must be there already: nothing waits
// for it.
func open(path string) (*os.File, error) {
	if path == Standard {
		return os.Stdout, nil
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK, 0o640)
}

// Sink is that of a loop, by its number.
func (l *Log) Sink(loop int) *Sink { return l.sinks[loop] }

// Reopen opens the file anew soon, as behind a rotation: what was written before is in the old one. Where that fails the
// old one goes on.
func (l *Log) Reopen() {
	select {
	case l.again <- struct{}{}:
	default: // It was asked for already.
	}
}

// Stats are counters of lines. Lines are those that were taken, Dropped those that found no room, and Failed those that
// were taken and could not be written.
type Stats struct{ Lines, Dropped, Failed uint64 }

// Stats are the figures of all sinks.
func (l *Log) Stats() (s Stats) {
	for _, k := range l.sinks {
		s.Lines += k.lines.Load()
		s.Dropped += k.dropped.Load()
	}
	s.Failed = l.failed.Load()
	return s
}

// lastWords is how long the end of a log may take.
const lastWords = time.Second

// Close writes what is left and closes the file. No loop may use its sink any more. A file that takes nothing does not
// hold it up for long.
func (l *Log) Close() error {
	l.mu.Lock()
	// Only a pipe or a terminal has one.
	_ = l.file.SetWriteDeadline(time.Now().Add(lastWords))
	l.mu.Unlock()
	for _, s := range l.sinks {
		s.Flush()
	}
	close(l.full)
	select {
	case <-l.done:
	case <-time.After(lastWords + lastWords/2):
		return fmt.Errorf("access log: %s took nothing for %s", l.cfg.Path, lastWords)
	}
	if l.cfg.Path == Standard {
		return nil
	}
	return l.file.Close()
}

func (l *Log) run() {
	defer close(l.done)
	for {
		select {
		case <-l.again:
			l.reopen()
		case b, more := <-l.full:
			if !more {
				return
			}
			select {
			case <-l.again: // It was asked for before what waits is written.
				l.reopen()
			default:
			}
			l.write(b.block)
			b.sink.free <- b.block
			l.tell()
		}
	}
}

// write writes a block. What was begun of a line and could not be ended is ended by the next one.
func (l *Log) write(b []byte) {
	if l.inside {
		if _, err := l.file.Write([]byte{'\n'}); err != nil {
			l.fail(b, err)
			return
		}
		l.inside = false
	}
	n, err := l.file.Write(b)
	if err != nil {
		l.inside = n > 0 && b[n-1] != '\n'
		l.fail(b[n:], err)
	}
}

// fail counts the lines of b.
func (l *Log) fail(b []byte, err error) {
	l.failed.Add(uint64(bytes.Count(b, []byte{'\n'})))
	if l.due() {
		l.cfg.Log.Warn("The access log cannot be written; its lines are lost.", "file", l.cfg.Path, "error", err)
	}
}

// tell tells of lines that were dropped.
func (l *Log) tell() {
	if n := l.Stats().Dropped; n > l.lost && l.due() {
		l.cfg.Log.Warn("Lines of the access log were dropped, because it is not written in time.", "file", l.cfg.Path, "lines", n-l.lost)
		l.lost = n
	}
}

// due says that something may be told now, which is once a minute.
func (l *Log) due() bool {
	now := time.Now()
	if now.Sub(l.told) < time.Minute {
		return false
	}
	l.told = now
	return true
}

func (l *Log) reopen() {
	if l.cfg.Path == Standard {
		return
	}
	f, err := open(l.cfg.Path)
	if err != nil {
		l.cfg.Log.Error("The access log cannot be opened anew; the old file goes on.", "file", l.cfg.Path, "error", err)
		return
	}
	l.mu.Lock()
	old := l.file
	l.file = f
	l.mu.Unlock()
	l.inside = false
	if err := old.Close(); err != nil {
		l.cfg.Log.Warn("Closing the old access log failed.", "file", l.cfg.Path, "error", err)
	}
	l.cfg.Log.Info("The access log was opened anew.", "file", l.cfg.Path)
}

var _ io.Closer = (*Log)(nil)

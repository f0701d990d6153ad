package resolve

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
)

// maxFile bounds what is read of a file, in bytes. Lists of blocked names make hosts files of some megabytes.
const maxFile = 32 << 20

// unsettled is how long after a change a file is read again even though it looks the same: a second change may have left
// time and size as they were.
const unsettled = 100 * time.Millisecond

// A file is a parsed file that is read again when it has changed.
type file[T any] struct {
	name  string
	parse func([]byte) T // of nothing, where there is no such file

	mu    sync.Mutex // guards what follows
	read  bool
	value T
	info  fs.FileInfo // of the file when it was read; nil where there was none
	at    time.Time   // when it was read
}

// get is what the file says now; what it said last, where it cannot be read.
func (f *file[T]) get() T {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.name)
	if f.read && (err == nil && f.same(info) || errors.Is(err, fs.ErrNotExist) && f.info == nil) {
		return f.value
	}
	at := time.Now()
	text, info, err := load(f.name)
	switch {
	case err == nil:
		f.value, f.info, f.at = f.parse(text), info, at
	case errors.Is(err, fs.ErrNotExist) || !f.read:
		f.value, f.info = f.parse(nil), nil
	}
	f.read = true
	return f.value
}

// same says whether a file is the one that was read.
func (f *file[T]) same(info fs.FileInfo) bool {
	return f.info != nil && os.SameFile(info, f.info) && info.Size() == f.info.Size() && info.ModTime().Equal(f.info.ModTime()) &&
		f.at.Sub(info.ModTime()).Abs() > unsettled
}

// load reads a file, and what was known of it before, so that a change in the meantime is found the next time.
func load(name string) ([]byte, fs.FileInfo, error) {
	r, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		return nil, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(r, maxFile))
	return text, info, err
}

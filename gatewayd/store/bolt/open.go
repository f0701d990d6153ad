package bolt

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// lockWait is how long Open waits for another process to let go of the file, as one that is just ending does.
const lockWait = 2 * time.Second

// Open opens the store in a file, with the mode 0600, and makes it where there is none, with its directory, mode 0700. An
// existing file is read and checked wholly: what is damaged is refused with ErrDamaged and left as it is.
func Open(path string) (*Store, error) {
	s, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the store %s: %w", path, err)
	}
	return s, nil
}

func open(path string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := create(path); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a file")
	case info.Size() == 0:
		// bbolt would take it for a new one.
		return nil, fmt.Errorf("it is empty: %w", ErrDamaged)
	case info.Mode().Perm()&0o077 != 0:
		if err := os.Chmod(path, 0o600); err != nil {
			return nil, err
		}
	}
	db, file, err := openChecked(path)
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("%s holds its lock; one data directory serves one gatewayd", lockHolder(path))
	}
	if err != nil {
		return nil, err
	}
	return &Store{db: db, path: path, file: file}, nil
}

// Compact writes the file anew, so that nothing is in it but the records: what was replaced or deleted stays in a file that
// only grows until its place is needed. Nobody else may use the store meanwhile. After an error it is as it was, or closed.
func (s *Store) Compact() error {
	if err := s.compact(); err != nil {
		return fmt.Errorf("writing %s anew: %w", s.path, err)
	}
	return nil
}

func (s *Store) compact() error {
	dir := filepath.Dir(s.path)
	temporary, err := os.CreateTemp(dir, ".new-store-*") // Mode 0600.
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) // Gone already where it was renamed.
	if err := temporary.Close(); err != nil {
		return err
	}
	fresh, err := bbolt.Open(temporary.Name(), 0o600, nil)
	if err != nil {
		return err
	}
	if err := errors.Join(bbolt.Compact(fresh, s.db, 0), fresh.Close(), s.inPlace()); err != nil {
		return err
	}
	// Whoever waits for the lock of the old file gets one that is in its place no more, and refuses to write it.
	if err := os.Rename(temporary.Name(), s.path); err != nil {
		return err
	}
	if err := errors.Join(syncDir(dir), s.db.Close()); err != nil {
		return err
	}
	again, err := open(s.path)
	if err == nil {
		*s = *again
	}
	return err
}

// create makes an empty store under another name and moves it to its place when it is whole, so that an end of the
// process in between leaves nothing that looks damaged.
func create(path string) error {
	dir := filepath.Dir(path)
	temporary, err := os.CreateTemp(dir, ".new-store-*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	if err := temporary.Close(); err != nil {
		return err
	}
	db, err := bbolt.Open(temporary.Name(), 0o600, nil)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		if _, err := tx.CreateBucket(recordBucket); err != nil {
			return err
		}
		states, err := tx.CreateBucket(stateBucket)
		if err != nil {
			return err
		}
		return states.Put(stateKey, state{}.encode())
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := place(os.Link, temporary.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

// place gives a whole file its name. A link, unlike a rename, leaves a file alone that another process made meanwhile.
// Some volumes have no links; there, of two first starts in one moment the later one's file stays, and the other process
// finds at its first commit that its own is gone.
func place(link func(from, to string) error, temporary, path string) error {
	err := link(temporary, path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return cmp.Or(err, fs.ErrExist)
	}
	return os.Rename(temporary, path)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// openChecked opens the file and reads all of it. bbolt panics, or reads beyond the end of the mapped file, where a page
// says nonsense; both come out as ErrDamaged here.
func openChecked(path string) (db *bbolt.DB, info os.FileInfo, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	var file *os.File
	defer func() {
		if r := recover(); r != nil {
			// The mapping is lost with the panic; the lock must not be.
			db, info, err = nil, nil, fmt.Errorf("reading it failed (%v): %w", r, ErrDamaged)
			if file != nil {
				file.Close()
			}
		}
	}()
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: lockWait,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			var err error
			file, err = os.OpenFile(name, flag&^os.O_CREATE, mode)
			return file, err
		},
	})
	if errno := syscall.Errno(0); errors.Is(err, bolterrors.ErrTimeout) || errors.As(err, &errno) {
		return nil, nil, err
	}
	if err != nil {
		return nil, nil, fmt.Errorf("it does not begin as it should (%w): %w", err, ErrDamaged)
	}
	if info, err = file.Stat(); err == nil {
		err = db.View(func(tx *bbolt.Tx) error { return verify(tx, info) })
	}
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, info, nil
}

// verify reads everything that the transaction can reach.
func verify(tx *bbolt.Tx, info os.FileInfo) error {
	if info.Size() < tx.Size() {
		return fmt.Errorf("it has %d bytes of at least %d: %w", info.Size(), tx.Size(), ErrDamaged)
	}
	// First the records, since a fault while Check runs in its goroutine could not be caught.
	if _, _, err := load(tx); err != nil {
		return err
	}
	var first error
	for err := range tx.Check() {
		if first == nil {
			first = fmt.Errorf("its pages contradict each other (%w): %w", err, ErrDamaged)
		}
	}
	return first
}

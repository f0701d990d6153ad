// Package secret keeps the secrets of a gateway in files of its data directory, each of which only the gateway may read.
package secret

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// most is how long a file may be, in bytes.
const most = 4096

// An UnusableError says that what is at a path is no secret's file, whoever reads it. It tells nothing of what is in it.
type UnusableError struct{ Path, Why string }

// Error implements error.
func (e *UnusableError) Error() string { return e.Path + " " + e.Why }

// Open reads the secret in a file of a directory, without the space around it, or at the first start keeps a new one
// there: in a file with mode 0600 that is there whole or not at all. created says that it is new. Where fresh is nil the
// file must be there, and fs.ErrNotExist says that it is not. A file that others may
// read is refused, and so is one that they may have put there: the file and the directory must be root's or the process's
// own, and nobody else may write them. No error shows what is in the file.
func Open(dir, name string, fresh func() string) (text string, created bool, err error) {
	path := filepath.Join(dir, name)
	if err := checkDir(dir); err != nil {
		return "", false, fmt.Errorf("data directory: %w", err)
	}
	text, err = read(path)
	if errors.Is(err, fs.ErrNotExist) && fresh != nil {
		if created, err = create(dir, path, fresh()); err == nil {
			text, err = read(path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = &UnusableError{path, "is a link that leads nowhere"}
		}
	}
	if err != nil {
		return "", false, err
	}
	return text, created, nil
}

// checkDir says why others could replace what is in the directory.
func checkDir(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("%s has mode %04o, so that others than its owner may put files there; run chmod go-w on it, or use a new directory inside it", dir, mode)
	}
	return checkOwner(dir, info)
}

// checkOwner wants what has the path to be root's or the process's own.
func checkOwner(path string, info fs.FileInfo) error {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to the user with the id %d, neither to root nor to the user that gatewayd runs as; run chown on it, or remove it", path, stat.Uid)
	}
	return nil
}

func read(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", &UnusableError{path, "is not a regular file"}
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s has mode %04o, so that others than its owner may use it; run chmod 600 on it", path, info.Mode().Perm())
	}
	if err := checkOwner(path, info); err != nil {
		return "", err
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return "", err
	}
	if len(data) > most {
		return "", &UnusableError{path, fmt.Sprintf("is longer than %d bytes", most)}
	}
	return strings.TrimSpace(string(data)), nil
}

// create writes a new secret beside its place and links it there, which fails where another process was faster; then
// that one's secret holds.
func create(dir, path, text string) (created bool, err error) {
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // Mode 0600.
	if err != nil {
		return false, err
	}
	defer os.Remove(f.Name()) // Gone already where it was renamed.
	_, err = io.WriteString(f, text+"\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return false, err
	}
	if err := install(os.Link, f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return false, err
	} else if err != nil {
		return false, nil
	}
	return true, syncDir(dir)
}

// install gives a whole file its name, unless another file has it. Some volumes have no links; there a rename may replace
// the file of a process that started in the same moment, and only one of the two gets the store's lock.
func install(link func(from, to string) error, temporary, path string) error {
	err := link(temporary, path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return cmp.Or(err, fs.ErrExist)
	}
	return os.Rename(temporary, path)
}

// syncDir makes a new name in a directory survive a power failure.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

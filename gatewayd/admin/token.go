package admin

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// TokenFile is the name of the admin token's file in the data directory.
const TokenFile = "admin.token"

// The shortest and longest token that is taken from a file, in bytes.
const (
	minToken = 32
	maxToken = 4096
)

// A Token authorizes one bearer token, of which it keeps only the SHA-256. Tokens are random and long, so a fast hash
// without salt is right.
type Token struct{ hash [sha256.Size]byte }

// NewToken makes a Token of its text.
func NewToken(text string) Token { return Token{hash: sha256.Sum256([]byte(text))} }

// Authorize compares in constant time.
func (t Token) Authorize(text string) bool {
	hash := sha256.Sum256([]byte(text))
	return subtle.ConstantTimeCompare(hash[:], t.hash[:]) == 1
}

// OpenToken reads the admin token of a data directory, or at the first start makes one: 256 random bits in a file with
// mode 0600 that is there whole or not at all. created says that it is new. A file that others may read is refused, and
// so is one that they may have put there: the file and the directory must be root's or the process's own, and nobody else
// may write them.
func OpenToken(dir string) (token Token, created bool, err error) {
	path := filepath.Join(dir, TokenFile)
	if err := checkDir(dir); err != nil {
		return Token{}, false, fmt.Errorf("data directory: %w", err)
	}
	text, err := readTokenFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		created, err = createTokenFile(dir, path)
		if err == nil {
			text, err = readTokenFile(path)
		}
	}
	if err != nil {
		return Token{}, false, fmt.Errorf("admin token: %w", err)
	}
	return NewToken(text), created, nil
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

func readTokenFile(path string) (string, error) {
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
		return "", fmt.Errorf("%s is not a regular file", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s has mode %04o, so that others than its owner may use it; run chmod 600 on it", path, info.Mode().Perm())
	}
	if err := checkOwner(path, info); err != nil {
		return "", err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(data))
	if len(text) < minToken || len(data) > maxToken {
		return "", fmt.Errorf("%s must hold a token of %d to %d characters; remove the file and a new one is made at the next start", path, minToken, maxToken)
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return "", fmt.Errorf("%s must hold one token of visible ASCII characters", path)
		}
	}
	return text, nil
}

// createTokenFile writes a new token beside its place and links it there, which fails where another process was
// faster; then that one's token holds.
func createTokenFile(dir, path string) (created bool, err error) {
	var secret [32]byte
	rand.Read(secret[:])                             // Never fails (crypto/rand).
	f, err := os.CreateTemp(dir, "."+TokenFile+"-*") // Mode 0600.
	if err != nil {
		return false, err
	}
	defer os.Remove(f.Name()) // Gone already where it was renamed.
	_, err = io.WriteString(f, "gatewayd_"+base64.RawURLEncoding.EncodeToString(secret[:])+"\n")
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

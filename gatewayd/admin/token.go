package admin

import (
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
// mode 0600 that is there whole or not at all. A file that others may read is refused. created says that it is new.
func OpenToken(dir string) (token Token, created bool, err error) {
	path := filepath.Join(dir, TokenFile)
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
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = io.WriteString(f, "gatewayd_"+base64.RawURLEncoding.EncodeToString(secret[:])+"\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return false, err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return false, err
	} else if err != nil {
		return false, nil
	}
	return true, syncDir(dir)
}

// syncDir makes a new name in a directory survive a power failure.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

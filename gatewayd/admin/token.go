package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secret"
)

// TokenFile is the name of the admin token's file in the data directory.
const TokenFile = "admin.token"

// minToken is the shortest token that is taken from a file, in bytes.
const minToken = 32

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

// OpenToken reads the admin token of a data directory, or at the first start makes one, of 256 random bits. created says
// that it is new. A file that others may read or may have put there is refused.
func OpenToken(dir string) (token Token, created bool, err error) {
	text, created, err := secret.Open(dir, TokenFile, newToken)
	if err == nil {
		err = checkToken(filepath.Join(dir, TokenFile), text)
	}
	if _, unusable := errors.AsType[*secret.UnusableError](err); unusable {
		err = fmt.Errorf("%w; remove it and a new one is made at the next start", err)
	}
	if err != nil {
		return Token{}, false, fmt.Errorf("admin token: %w", err)
	}
	return NewToken(text), created, nil
}

func newToken() string {
	var secret [32]byte
	rand.Read(secret[:]) // Never fails (crypto/rand).
	return "gatewayd_" + base64.RawURLEncoding.EncodeToString(secret[:])
}

// checkToken wants one token, long enough.
func checkToken(path, text string) error {
	if len(text) < minToken {
		return &secret.UnusableError{Path: path, Why: fmt.Sprintf("must hold a token of at least %d characters", minToken)}
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return &secret.UnusableError{Path: path, Why: "must hold one token of visible ASCII characters"}
		}
	}
	return nil
}

package handshake

import (
	"context"
	"errors"
)

// shakeKey is under what the context of a handshake holds it.
type shakeKey struct{}

// errAside ends a handshake on a loop, to begin anew beside it.
var errAside = errors.New("the handshake is too long for a loop")

// Aside has a handshake compute beside its loop from now on. It is for GetConfigForClient, which returns the error where
// there is one, and is called once more then: the handshake begins anew. ctx is that of the ClientHelloInfo.
func Aside(ctx context.Context) error {
	s, _ := ctx.Value(shakeKey{}).(*shake)
	if s == nil || s.aside {
		return nil
	}
	s.moving = true
	return errAside
}

// Of is what the caller of Serve gave as what the handshake is of. It is for GetConfigForClient; ctx is that of the
// ClientHelloInfo.
func Of(ctx context.Context) any {
	if s, _ := ctx.Value(shakeKey{}).(*shake); s != nil {
		return s.of
	}
	return nil
}

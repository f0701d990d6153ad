package listen

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// A BindError says which address could not be bound. errors.Is finds the system's error in it, such as
// syscall.EADDRINUSE.
type BindError struct {
	Addr netip.AddrPort // with the unspecified IPv6 address where all addresses were asked for
	Err  error
}

// Error is a sentence that a user may see.
func (e *BindError) Error() string {
	where := fmt.Sprintf("port %d", e.Addr.Port())
	if !e.Addr.Addr().IsUnspecified() {
		where = fmt.Sprintf("%s port %d", e.Addr.Addr(), e.Addr.Port())
	}
	switch {
	case errors.Is(e.Err, syscall.EADDRINUSE):
		return where + ": address already in use"
	case errors.Is(e.Err, syscall.EACCES), errors.Is(e.Err, syscall.EPERM):
		return "permission denied: " + where + " needs " + privilege
	case errors.Is(e.Err, syscall.EADDRNOTAVAIL):
		return where + ": this machine has no such address"
	}
	return where + ": " + e.Err.Error()
}

// Unwrap gives the system's error.
func (e *BindError) Unwrap() error { return e.Err }

// ErrAddress is the error behind a BindError for an address that is neither empty nor an IP literal.
var ErrAddress = errors.New("not an IP address")

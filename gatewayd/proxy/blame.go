package proxy

import (
	"errors"
	"slices"
	"syscall"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// why is what the end of a connection means to its exchange, and so whether the backend is to blame for it.
func (u *upstream) why(err error) Reason {
	var op *loop.OpError
	switch {
	case errors.Is(err, loop.ErrPanic):
		return ReasonInternal // what broke us once would do so again
	case u.flags&uShaking != 0 || u.state == uHead && u.flags&(uReused|uAnswered) == 0 && denied(err):
		return ReasonTLSFailed
	case u.state != uDialing:
		return ReasonBackendClosed
	case errors.As(err, &op) && op.Op == "register", exhausted(err):
		return ReasonNoDescriptor
	case noPort(err):
		return ReasonNoPort
	case u.taken == u.w.l.Now() && noRoute(err):
		return ReasonNoRoute
	}
	return ReasonConnectFailed
}

// exhausted says that it is this machine that has no descriptor or no memory for a connection.
func exhausted(err error) bool {
	var e syscall.Errno
	return errors.As(err, &e) && loop.Exhausted(e)
}

// noPort says that it is the own address that a connection could not be made from: it is none of this machine, or has no
// port left for this target.
func noPort(err error) bool { return isOf(err, syscall.EADDRNOTAVAIL, syscall.EADDRINUSE) }

// noRoute says that this machine refused to begin a connection: no route leads to the target, its family is not there, or
// a rule of the system forbids it. Where a connect began, routers may have said the same of what lies behind them.
func noRoute(err error) bool {
	return isOf(err, syscall.ENETUNREACH, syscall.EAFNOSUPPORT, syscall.EPERM)
}

func isOf(err error, list ...syscall.Errno) bool {
	var e syscall.Errno
	return errors.As(err, &e) && slices.Contains(list, e)
}

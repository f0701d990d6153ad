package loop

import (
	"errors"
	"syscall"
)

var (
	// ErrPanic is the end of a connection whose handler panicked.
	ErrPanic = errors.New("handler panicked")
	// ErrStopped is the end of a connection whose loop was stopped.
	ErrStopped = errors.New("loop stopped")
)

// An OpError says which operation ended a connection and why; Err is a syscall.Errno, or what a Layer could not
// understand.
type OpError struct {
	Op  string // connect, read, write, register
	Err error
}

func (e *OpError) Error() string { return e.Op + ": " + e.Err.Error() }

// Unwrap gives what happened to errors.Is and errors.As.
func (e *OpError) Unwrap() error { return e.Err }

// op is what a connection did when it broke; with the Errno it takes four bytes of a Conn instead of an error's 16.
type op uint8

const (
	opNone op = iota
	opConnect
	opRead
	opWrite
	opRegister
	opPanic
	opStop
	opLayer // what is wrong, the layer's state says
)

func (o op) error(e syscall.Errno) error {
	switch o {
	case opConnect:
		return &OpError{Op: "connect", Err: e}
	case opRead:
		return &OpError{Op: "read", Err: e}
	case opWrite:
		return &OpError{Op: "write", Err: e}
	case opRegister:
		return &OpError{Op: "register", Err: e}
	case opPanic:
		return ErrPanic
	case opStop:
		return ErrStopped
	}
	return nil
}

//go:build !linux && !darwin && !freebsd

package loop

import "errors"

func newKernel() (Kernel, error) {
	return nil, errors.New("loop: no poller for this operating system")
}

// Tune does nothing on this operating system.
func Tune(int) error { return nil }

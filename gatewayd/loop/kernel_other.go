//go:build !linux && !darwin && !freebsd

package loop

import "errors"

func newKernel() (Kernel, error) {
	return nil, errors.New("loop: no poller for this operating system")
}

// MaxDescriptors is 0: nothing is known of a limit.
func MaxDescriptors() int { return 0 }

// Tune does nothing on this operating system.
func Tune(int) error { return nil }

func ownPorts() func(port uint16) bool { return func(uint16) bool { return true } }

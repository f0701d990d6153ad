// Package looptest has loops whose time stands still until a test moves it on, so that what lasts an hour is shown in
// milliseconds, and at its very moment. Their sockets are the system's.
package looptest

import (
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// Late is more than a timer of a loop is late: see loop.Loop.SetTimer.
const Late = 10 * time.Millisecond

// A Clock is the time of loops. The zero value stands at 0.
type Clock struct{ gone atomic.Int64 }

// Gone is how far the clock was moved on.
func (c *Clock) Gone() time.Duration { return time.Duration(c.gone.Load()) }

// Advance moves the clock on. A loop sees it in the next turn that begins: of two functions that are posted, the second
// behind the end of the first, the second runs when everything has come about that was due.
func (c *Clock) Advance(d time.Duration) { c.gone.Add(int64(d)) }

// Kernel makes the kernel of one loop that lives by the clock.
func (c *Clock) Kernel() (loop.Kernel, error) {
	k, err := loop.System()
	if err != nil {
		return nil, err
	}
	return &kernel{Kernel: k, clock: c, began: k.Now()}, nil
}

type kernel struct {
	loop.Kernel
	clock *Clock
	began loop.Time
}

// Now implements loop.Kernel.
func (k *kernel) Now() loop.Time { return k.began + loop.Time(k.clock.gone.Load()) }

// Wait implements loop.Kernel. No time passes while a loop waits, so there is nothing that it could wait for but events.
func (k *kernel) Wait(events []loop.Event, timeout time.Duration) (int, syscall.Errno) {
	if timeout > 0 {
		timeout = -1
	}
	return k.Kernel.Wait(events, timeout)
}

//go:build !race

package loop

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestPulseAllocatesNothing: many connections are asked for.
func TestPulseAllocatesNothing(t *testing.T) {
	k, err := newKernel()
	if err != nil {
		t.Fatal(err)
	}
	defer k.Release()
	fd, err := Socket(unix.AF_INET)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if n := testing.AllocsPerRun(100, func() { k.Pulse(fd) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

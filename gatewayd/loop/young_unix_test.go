//go:build linux || darwin || freebsd

package loop

import (
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// standing is a kernel whose clock goes on by what a test says alone.
type standing struct {
	Kernel
	began Time
	by    atomic.Int64
}

func (k *standing) Now() Time { return k.began + Time(k.by.Load()) }

// Wait does not wait for a time that does not come by itself.
func (k *standing) Wait(events []Event, timeout time.Duration) (int, syscall.Errno) {
	if timeout > 0 {
		timeout = -1
	}
	return k.Kernel.Wait(events, timeout)
}

// TestKeepAliveComesWithAge: a dialled connection has none while it is young, all that live longer get it, however many come
// at once, and what took the place of one that is gone waits for its own time.
func TestKeepAliveComesWithAge(t *testing.T) {
	system, err := newKernel()
	if err != nil {
		t.Fatal(err)
	}
	k := &standing{Kernel: system, began: system.Now()}
	l := runningOn(t, k)
	addr := listening(t, l, func(c *Conn) { c.SetHandler(&funcs{}) })
	alive := func(c *Conn) bool {
		v, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE)
		if err != nil {
			t.Error(err)
		}
		return v != 0
	}
	old := func(list []*Conn) (n int) {
		on(t, l, func() {
			for _, c := range list {
				if alive(c) {
					n++
				}
			}
		})
		return n
	}
	first := dialled(t, l, addr, 2*growStep)
	on(t, l, func() { first[0].Reset() })
	late := dialled(t, l, addr, 1)
	first = first[1:]
	if n := old(first) + old(late); n != 0 {
		t.Errorf("%d have keep-alive at once", n)
	}
	k.by.Add(int64(youth) - int64(time.Second))
	latest := dialled(t, l, addr, 1)
	k.by.Add(int64(2 * time.Second))
	until(t, "all are old", func() bool { return old(first)+old(late) == len(first)+1 })
	if old(latest) != 0 {
		t.Error("a young one has keep-alive before its time")
	}
	k.by.Add(int64(youth))
	until(t, "the latest is old", func() bool { return old(latest) == 1 })
	on(t, l, func() {
		if len(l.young.list) != 0 {
			t.Errorf("%d are still young", len(l.young.list))
		}
	})
}

// dialled dials n connections and waits until all stand.
func dialled(t *testing.T, l *Loop, addr netip.AddrPort, n int) []*Conn {
	t.Helper()
	list, up := make([]*Conn, n), make(chan struct{}, n)
	on(t, l, func() {
		for i := range list {
			list[i] = l.Dial(Remote{Addr: addr}, &funcs{connected: func() { up <- struct{}{} }})
		}
	})
	for range n {
		<-up
	}
	return list
}

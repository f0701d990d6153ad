//go:build linux || darwin || freebsd

package loop

import (
	"io"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestNoDescriptorsLeft takes away the descriptors that accepting needs, and gives them back. One caller is turned away
// with the spare one, so that it does not wait in vain; the others are served afterwards.
func TestNoDescriptorsLeft(t *testing.T) {
	l := running(t)
	addr := listening(t, l, func(c *Conn) { c.SetHandler(&echo{c: c}) })
	var callers []*os.File
	for range 4 {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		f := os.NewFile(uintptr(fd), "caller")
		defer func() { _ = f.Close() }()
		callers = append(callers, f)
	}
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	lowered := old
	assign(&lowered.Cur, firstFree(t))
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &lowered); err != nil {
		t.Fatal(err)
	}
	restore := func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
			t.Error(err)
		}
	}
	defer restore()
	for _, f := range callers {
		sa := &unix.SockaddrInet4{Addr: addr.Addr().As4(), Port: int(addr.Port())}
		if err := unix.Connect(int(f.Fd()), sa); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "a caller was turned away", func() bool { return l.Stats().Shed > 0 })
	turns := l.Stats().Turns
	until(t, "it tried again", func() bool { return l.Stats().Parked > 1 })
	if now := l.Stats().Turns; now > turns+100 {
		t.Errorf("the loop turned %d times without a descriptor", now-turns)
	}
	restore()
	served, away := 0, 0
	for _, f := range callers {
		tv := unix.NsecToTimeval(int64(patience))
		_ = unix.SetsockoptTimeval(int(f.Fd()), unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv)
		b := []byte("hello")
		_, err := f.Write(b)
		if err == nil {
			_, err = io.ReadFull(f, b)
		}
		if err != nil {
			away++
		} else {
			served++
		}
	}
	if s := l.Stats(); away != int(s.Shed) || served != int(s.Accepted) || served+away != len(callers) {
		t.Errorf("%d callers were served and %d turned away; the loop counted %d and %d", served, away, s.Accepted, s.Shed)
	}
}

// assign bridges what systems differ in: a limit has a sign or none.
func assign[T ~int64 | ~uint64](to *T, n int) { *to = T(n) }

// firstFree is the lowest limit of descriptors under which none can be opened.
func firstFree(t *testing.T) int {
	t.Helper()
	highest := 0
	for fd := range maxDescriptor {
		if isOpen(fd) {
			highest = fd
		}
	}
	// Holes are filled first, as a number in one would be given out below the limit.
	for fd := range highest {
		if !isOpen(fd) {
			fill(t)
		}
	}
	return highest + 1
}

// fill opens a descriptor until the test's end.
func fill(t *testing.T) {
	t.Helper()
	fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
}

// counted is a kernel that counts what it is asked to accept.
type counted struct {
	Kernel
	accepts int // of the loop
}

func (k *counted) Accept(fd int) (int, netip.AddrPort, syscall.Errno) {
	k.accepts++
	return k.Kernel.Accept(fd)
}

// TestAcceptsOfABurst: a burst is accepted in few turns, more and more in each, and hardly any system call finds nothing.
func TestAcceptsOfABurst(t *testing.T) {
	system, err := newKernel()
	if err != nil {
		t.Fatal(err)
	}
	k := &counted{Kernel: system}
	l := runningOn(t, k)
	var got atomic.Int64
	addr := listening(t, l, func(c *Conn) { c.SetHandler(&funcs{}); got.Add(1) })
	const burst = 300
	release, from := make(chan struct{}), uint32(0)
	l.Post(func() { from = l.turn; <-release })
	for range burst {
		dial(t, addr)
	}
	close(release)
	until(t, "all are accepted", func() bool { return got.Load() == burst })
	on(t, l, func() {
		if turns := l.turn - from; k.accepts > burst+10 || turns > 30 {
			t.Errorf("%d calls in %d turns for %d connections", k.accepts, turns, burst)
		}
	})
}

// crowded is a kernel with more to tell of than a turn takes: of listening sockets it tells every fourth time.
type crowded struct {
	Kernel
	on    atomic.Bool
	polls int // of the loop
}

func (k *crowded) Wait(events []Event, timeout time.Duration) (int, syscall.Errno) {
	if !k.on.Load() {
		return k.Kernel.Wait(events, timeout)
	}
	n, e := k.Kernel.Wait(events, 0)
	k.polls++
	for i := range events {
		socket := i < n && uint32(events[i].Token) != uint32(wakeToken) && events[i].Token&acceptorToken != 0
		if i >= n || socket && k.polls%4 != 0 {
			events[i] = Event{Ready: ReadyIn} // of a connection that is gone
		}
	}
	return len(events), e
}

// TestAcceptsInACrowd: a burst is accepted in few turns also where the poller never tells of everything at once.
func TestAcceptsInACrowd(t *testing.T) {
	system, err := newKernel()
	if err != nil {
		t.Fatal(err)
	}
	k := &crowded{Kernel: system}
	l := runningOn(t, k)
	accepted, from, turns := 0, uint32(0), uint32(0) // of the loop
	const burst = 300
	addr := listening(t, l, func(c *Conn) {
		c.SetHandler(&funcs{})
		if accepted++; accepted == burst {
			turns = l.turn - from
		}
	})
	release := make(chan struct{})
	l.Post(func() { <-release; from = l.turn; k.on.Store(true) })
	for range burst {
		dial(t, addr)
	}
	close(release)
	until(t, "all are accepted", func() (all bool) {
		on(t, l, func() { all = accepted == burst })
		return all
	})
	k.on.Store(false)
	on(t, l, func() {
		if turns > 100 {
			t.Errorf("%d turns for %d connections", turns, burst)
		}
	})
}

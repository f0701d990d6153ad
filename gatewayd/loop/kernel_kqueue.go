//go:build darwin || freebsd

package loop

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxWait is how long one Wait lasts at most: macOS takes a much longer time for an error.
const maxWait = 24 * time.Hour

// kqueue is the real Kernel of macOS and FreeBSD. It has no splice: the loop copies. A child process does not inherit it.
type kqueue struct {
	system
	fd      int
	polled  registered
	kevents [maxEvents]unix.Kevent_t
}

func newKernel() (Kernel, error) {
	fd, err := unix.Kqueue()
	if err != nil {
		return nil, &OpError{Op: "kqueue", Err: err}
	}
	k := &kqueue{fd: fd}
	if e := k.change(filter(0, unix.EVFILT_USER, unix.EV_ADD|unix.EV_CLEAR)); e != 0 {
		k.Release()
		return nil, &OpError{Op: "kevent", Err: e}
	}
	return k, nil
}

// ownPorts says whether the system may choose a port for a connect that begins here.
func ownPorts() func(port uint16) bool { return func(uint16) bool { return true } }

func filter(fd, filter, flags int) unix.Kevent_t {
	var ev unix.Kevent_t
	unix.SetKevent(&ev, fd, filter, flags)
	return ev
}

// change changes what is polled. Without room for events the first change that fails is told as the call's error.
func (k *kqueue) change(changes ...unix.Kevent_t) syscall.Errno {
	_, err := unix.Kevent(k.fd, changes, nil, nil)
	return errno(err)
}

func (k *kqueue) Wait(events []Event, timeout time.Duration) (int, syscall.Errno) {
	var limit *unix.Timespec
	if timeout >= 0 {
		ts := unix.NsecToTimespec(int64(min(timeout, maxWait)))
		limit = &ts
	}
	n, err := unix.Kevent(k.fd, nil, k.kevents[:min(len(events), maxEvents)], limit)
	if err != nil {
		if err == unix.EINTR {
			err = nil
		}
		return 0, errno(err)
	}
	for i := range k.kevents[:n] {
		ev := &k.kevents[i]
		if ev.Filter == unix.EVFILT_USER {
			events[i] = Event{Token: wakeToken}
			continue
		}
		eof := ev.Flags&unix.EV_EOF != 0
		events[i] = k.polled.event(kevent{
			fd: int(ev.Ident), write: ev.Filter == unix.EVFILT_WRITE, eof: eof,
			fault: ev.Flags&unix.EV_ERROR != 0 || eof && ev.Fflags != 0,
		})
	}
	return n, 0
}

func (k *kqueue) Wake() {
	ev := filter(0, unix.EVFILT_USER, 0)
	ev.Fflags = unix.NOTE_TRIGGER
	_ = k.change(ev)
}

func (k *kqueue) Watch(fd int, token uint64) syscall.Errno {
	k.polled.set(fd, token)
	return k.change(
		filter(fd, unix.EVFILT_READ, unix.EV_ADD|unix.EV_CLEAR), filter(fd, unix.EVFILT_WRITE, unix.EV_ADD|unix.EV_CLEAR))
}

func (k *kqueue) Listen(fd int, token uint64) syscall.Errno {
	k.polled.set(fd, token)
	return k.change(filter(fd, unix.EVFILT_READ, unix.EV_ADD))
}

func (k *kqueue) Unlisten(fd int) {
	k.polled.forget(fd)
	_ = k.change(filter(fd, unix.EVFILT_READ, unix.EV_DELETE))
}

func (k *kqueue) Release() { _ = unix.Close(k.fd) }

func (k *kqueue) Read(fd int, b []byte) (int, syscall.Errno) {
	n, err := unix.Read(fd, b)
	return max(n, 0), errno(err)
}

func (k *kqueue) Write(fd int, b []byte) (int, syscall.Errno) {
	n, err := unix.Write(fd, b)
	return max(n, 0), errno(err)
}

// Pulse tells nothing: neither system says when it was that it heard of a peer.
func (k *kqueue) Pulse(int) Pulse { return Pulse{} }

func (k *kqueue) WriteParts(fd int, parts *Parts) (int, syscall.Errno) {
	n, err := unix.SendmsgBuffers(fd, parts[:], nil, nil, 0)
	return max(n, 0), errno(err)
}

// Close also ends the polling of fd: closing the last descriptor of a socket takes it out of every kqueue.
func (k *kqueue) Close(fd int, reset bool) {
	k.polled.forget(fd)
	k.system.Close(fd, reset)
}

// Pipe refuses for good, so that SpliceTo always reports false.
func (k *kqueue) Pipe(int) (r, w int, e syscall.Errno) { return -1, -1, unix.EPERM }

func (k *kqueue) Splice(int, int, int) (int, syscall.Errno) { return 0, unix.EINVAL }

// choosePortLate has nothing to do: bind chooses the port, and each own address has those of the ephemeral range once for
// all destinations together.
func choosePortLate(int) {}

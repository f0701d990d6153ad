package loop

import (
	"net/netip"
	"syscall"
	"time"
)

// Ready says what a poller saw on a descriptor.
type Ready uint8

const (
	ReadyIn  Ready = 1 << iota // bytes, a FIN or an accepted connection wait
	ReadyOut                   // the socket takes bytes again, or a connect ended
	ReadyHup                   // the peer sent FIN or both directions are gone
	ReadyErr                   // the socket holds an error
)

// An Event is one line of a poller's answer. Token is what the descriptor was registered with.
type Event struct {
	Token uint64
	Ready Ready
}

// Parts are pieces of memory that are sent in one call, one behind the other; any of them may be empty.
type Parts [3][]byte

// size is how many bytes there are in all.
func (p *Parts) size() int { return len(p[0]) + len(p[1]) + len(p[2]) }

// A Kernel is the loop's only way to the operating system and to the clock: one poller and the calls on sockets and
// pipes. A loop owns its Kernel. All methods but Now and Wake are called by the loop alone. Descriptors are non-blocking.
// An Errno of 0 means success. Tests put a scripted one in its place.
type Kernel interface {
	// Now is the monotonic clock. It never answers 0. Any goroutine may call it.
	Now() Time

	// Wait fills events with what is ready: at once when timeout is 0, after at most timeout when it is positive,
	// and without a limit when it is negative. It may return early with nothing.
	Wait(events []Event, timeout time.Duration) (int, syscall.Errno)
	// Wake ends a Wait that runs or the next one. Any goroutine may call it until Release.
	Wake()
	// Watch polls fd edge-triggered in both directions until it is closed.
	Watch(fd int, token uint64) syscall.Errno
	// Listen polls the listening socket fd level-triggered, Unlisten ends that.
	Listen(fd int, token uint64) syscall.Errno
	Unlisten(fd int)
	// Release closes the poller.
	Release()

	Accept(fd int) (int, netip.AddrPort, syscall.Errno)
	// Connect opens a socket, without delay where it is TCP's, and begins a connect. When it gives no Errno the outcome is
	// told by the poller; when it does, nothing is left open. Addresses are unmapped.
	Connect(to Remote) (int, syscall.Errno)
	// KeepAlive has the system find out when a peer that fd is connected to over TCP is gone.
	KeepAlive(fd int)
	Read(fd int, b []byte) (int, syscall.Errno)
	Write(fd int, b []byte) (int, syscall.Errno)
	// WriteParts is Write of parts, one behind the other, in one call.
	WriteParts(fd int, parts *Parts) (int, syscall.Errno)
	// Peek is 1 when a byte can be read now, 0 at the end, else an Errno.
	Peek(fd int) (int, syscall.Errno)
	// Shutdown sends FIN.
	Shutdown(fd int)
	// Unsent is how many bytes that Write took the peer's system has not, as far as this one knows.
	Unsent(fd int) int
	// Pulse is that of the socket's peer. Where it has no room, it is asked for some every ten seconds from now on.
	Pulse(fd int) Pulse
	// SocketError fetches and clears the socket's error.
	SocketError(fd int) syscall.Errno
	LocalAddr(fd int) netip.AddrPort
	// Close closes a descriptor of any kind; with reset a TCP peer sees RST instead of FIN.
	Close(fd int, reset bool)

	// Spare opens a descriptor that is good for nothing but being closed when others run out.
	Spare() (int, syscall.Errno)
	// Pipe opens a pipe of at least size bytes and gives its reading and its writing end.
	Pipe(size int) (r, w int, e syscall.Errno)
	// Splice moves at most n bytes between a pipe and a socket.
	Splice(from, to int, n int) (int, syscall.Errno)
}

// System is the Kernel that loops have by themselves, for one that stands before it.
func System() (Kernel, error) { return newKernel() }

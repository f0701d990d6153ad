package loop

import (
	"net/netip"
	"time"
)

// Time is a point on the process's monotonic clock, in nanoseconds since an arbitrary start. A loop reads the
// clock once a turn; everything that happens in one turn happens at the same Time.
type Time int64

// A Stream is both directions of one connection, as an exchange or a tunnel sees it. *Conn implements it for TCP,
// as it is or with a Layer; an HTTP/2 stream is meant to implement it too, so nothing above this interface may ask
// which one it holds.
//
// Every method must be called on the loop that owns the stream. No method calls the stream's Handler before it
// returns: what has to be told is told later in the same turn of the loop. After Closed was called the methods do
// nothing until the end of that turn, and must not be called later.
type Stream interface {
	// SetHandler replaces the receiver of the stream's events, for instance when a tunnel takes over from an exchange.
	// Bytes that the last Data did not take are handed to the new one, also when that Data still runs.
	SetHandler(h Handler)

	// Write sends b, copying into a pooled queue what the kernel does not take at once. It never blocks and never
	// fails: a broken connection tells its Handler by Closed. The caller bounds what it queues by looking at Queued and
	// stopping its source (Pause, or taking less in Data) until Drained. What is written after CloseWrite, or to a broken
	// connection, is dropped.
	Write(b []byte)
	// Queued is the number of bytes written or spliced and not yet taken by the kernel.
	Queued() int
	// Unsent is Queued and what the kernel took and the peer's system has not, which Reset would destroy. It costs a
	// system call.
	Unsent() int

	// Took says that the kernel took something of what was queued since this was asked last.
	Took() bool

	// Pulse is what the peer's system was heard of last. It costs a system call.
	Pulse() Pulse

	// Pause stops calls of Data and EOF; bytes stay in the kernel. Resume starts them again, beginning with what the
	// last Data did not take. Both are idempotent, but Resume outside Data always hands over what is held once more, also
	// when the stream was not paused.
	Pause()
	Resume()

	// CloseWrite sends FIN behind everything written. Reading goes on.
	CloseWrite()
	// Close ends the stream politely: what is queued is sent, then FIN, then what the peer still sends is read and
	// thrown away for a bounded time and amount, so that no reset destroys the last answer on its way (RFC 9112
	// section 9.6). The handler hears Closed(nil) at the end, and nothing else before it.
	Close()
	// Reset drops the stream at once: what is queued is lost and the peer sees a reset where the transport has one.
	// The handler hears Closed(nil) later in the same turn.
	Reset()

	// SetDeadline arranges one call of Timeout when the loop's time reaches at; 0 means never. A stream has one
	// deadline; setting it again replaces it and costs no more than a store when it moves later.
	SetDeadline(at Time)

	// RemoteAddr and LocalAddr are the peer's and the own address, IPv4-mapped addresses unmapped; the zero value over a
	// Unix socket.
	RemoteAddr() netip.AddrPort
	LocalAddr() netip.AddrPort
}

// A Pulse tells a peer that takes its time from one that is gone, where something is on its way to it: the system of a peer
// that lives confirms what it gets, and says so when it is asked whether there is room yet, though nobody reads there. The
// zero value is all that can be told of a peer that nothing is on its way to, of a Unix socket, and of systems other than
// Linux.
type Pulse struct {
	Owes   bool          // something was sent, or waits for room, that the peer's system has not confirmed
	Silent time.Duration // since something was heard of it
	Asked  int           // times that it was sent the same again, or asked for room, since then
}

// A Handler receives a stream's events, always on the stream's loop and never from inside a method of the stream.
type Handler interface {
	// Connected says that a dialled stream is established. Accepted streams never hear it. Bytes may be written before.
	Connected()
	// Data hands over bytes that arrived and returns how many of them it took. b is valid during the call only and must
	// not be changed. When it takes less than everything, the rest is kept and handed over again, with more bytes behind
	// it once they arrive: taking 0 asks for more (up to the loop's hold limit, 64 KiB; a handler that needs more must
	// end the stream); a handler that wants no more for now calls Pause as well.
	Data(b []byte) int
	// EOF says that the peer sent FIN and every byte before it was taken (or can never be taken, because the handler
	// asked for more than there is). Called once. Writing may go on.
	EOF()
	// Drained says that the output queue, which had not been empty after some Write, is empty now.
	Drained()
	// Timeout says that the deadline passed. The deadline is cleared before the call.
	Timeout()
	// Closed is the last call: the stream is gone and its descriptor closed. err is nil after Close and Reset, else it
	// says what happened (a syscall.Errno wrapped in an *OpError, ErrPanic or ErrStopped). A connection whose peer reset
	// it still delivers the bytes that had arrived before, as far as the kernel kept them: a paused handler of a dialled
	// stream hears Closed only after it resumed and took them. An accepted stream does not wait for that, so that a
	// client's reset cancels what is done for it. The handler must let go of the stream here: after this turn of the loop
	// its memory serves another connection.
	Closed(err error)
}

// A Gatherer is a stream that can send several pieces of memory without copying them together.
type Gatherer interface {
	Stream
	// WriteParts is Write of the parts, one behind the other. It keeps nothing of them.
	WriteParts(parts *Parts)
}

// A Splicer is a stream that can move bytes to another one without copying them through user space.
type Splicer interface {
	Stream
	// SpliceTo moves up to n bytes that arrive next on this stream to dst, behind what dst has queued, inside the kernel.
	// It reports false, and has done nothing, where that is impossible (TLS on a side, not Linux, nothing more to read
	// now, no pipe left, bytes held back by Data, a dst of another loop). While it runs Data is not called. The handler,
	// which must be a SpliceHandler, hears Spliced when n bytes were moved or when the source ran dry before.
	SpliceTo(dst Stream, n int64) bool
}

// A SpliceHandler is the handler of a stream whose SpliceTo is used.
type SpliceHandler interface {
	Handler
	// Spliced says that a SpliceTo ended and moved bytes were taken from the source. Every one of them is on its way to
	// dst (in its pipe, which stands in dst's queue in order). Data follows as usual.
	Spliced(moved int64)
}

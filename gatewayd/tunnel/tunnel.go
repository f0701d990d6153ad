package tunnel

import (
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/ws"
)

const (
	clientGone  uint16 = 1 << iota // Closed was heard
	backendGone                    // the same
	closeWanted                    // the time for a Close to the client has come
	closeSent                      // and it was sent
	ended                          // both streams were told to end
	spared                         // its backend was picked behind the beginning of its health's drain
	known                          // who ended it is known
	wasCut                         // it was ended at the deadline of a drain
	stalling                       // the backend's deadline is for a peer that takes nothing
	secured                        // the client speaks TLS
	clientSaid                     // something passed from the client since its peers were looked for last
	backendSaid                    // the same
)

// A Tunnel is one open WebSocket. It holds no buffer while nothing is stalled, no timer before its time for a Close has
// come, and no goroutine: it is what an idle connection costs beside its two streams, so mind its size.
type Tunnel struct {
	set             *Set
	client, backend loop.Stream
	links           [linkCount]link
	fromClient      direction
	fromBackend     direction
	deadline        loop.Time   // of the drain or limit that ends it; 0 without one
	last            *loop.Timer // cuts the tunnel at the deadline; nil until the time for a Close has come
	account         *account
	flags           uint16
	cause           meter.End // what its deadline is of
	by              meter.End // with known
	code            uint16    // of the Close that ended it
}

// A direction is one way through a tunnel.
type direction struct {
	follower ws.Follower
	// part is the beginning of a frame header that is held back, so that a Close may still be placed before it.
	part [ws.MaxHeader - 1]byte
	n    uint8 // bytes in part
	full uint8 // reads in a row that filled the buffer
	eof  bool  // FIN was read
	drop bool  // what comes is thrown away
	// splicing says that the rest of a payload passes inside the kernel.
	splicing bool
}

// The two ends of a tunnel are handlers of their own and the same memory.
type (
	clientEnd  Tunnel
	backendEnd Tunnel
)

var (
	_ loop.SpliceHandler = (*clientEnd)(nil)
	_ loop.SpliceHandler = (*backendEnd)(nil)
)

// Connected implements loop.Handler.
func (e *clientEnd) Connected() {}

// Data implements loop.Handler.
func (e *clientEnd) Data(b []byte) int {
	t := (*Tunnel)(e)
	if t.flags&closeSent != 0 {
		t.client.SetDeadline(t.set.l.Now() + loop.Time(politeTime))
	}
	t.pass(&t.fromClient, t.client, t.backend, b)
	t.clientPassed()
	return len(b)
}

// EOF implements loop.Handler.
func (e *clientEnd) EOF() { (*Tunnel)(e).eof(&e.fromClient, e.backend) }

// Drained implements loop.Handler.
func (e *clientEnd) Drained() {
	(*Tunnel)(e).took(toClient)
	e.backend.Resume()
}

// Timeout implements loop.Handler.
func (e *clientEnd) Timeout() { (*Tunnel)(e).due() }

// Spliced implements loop.SpliceHandler.
func (e *clientEnd) Spliced(moved int64) {
	t := (*Tunnel)(e)
	t.spliced(&t.fromClient, t.client, t.backend, moved)
	t.clientPassed()
}

// Closed implements loop.Handler.
func (e *clientEnd) Closed(err error) { (*Tunnel)(e).closed(clientGone, err) }

// Connected implements loop.Handler.
func (e *backendEnd) Connected() {}

// Data implements loop.Handler.
func (e *backendEnd) Data(b []byte) int {
	t := (*Tunnel)(e)
	if t.flags&(closeWanted|closeSent) == closeWanted && t.fromBackend.n == 0 {
		t.passToBoundary(b)
		return len(b)
	}
	t.pass(&t.fromBackend, t.backend, t.client, b)
	return len(b)
}

// EOF implements loop.Handler.
func (e *backendEnd) EOF() {
	t := (*Tunnel)(e)
	t.eof(&t.fromBackend, t.client)
	if t.fromClient.drop {
		t.backend.Close()
	}
}

// Drained implements loop.Handler.
func (e *backendEnd) Drained() {
	(*Tunnel)(e).took(toBackend)
	e.client.Resume()
}

// Timeout implements loop.Handler: a peer may have taken nothing for too long, or the backend did not close behind a Close.
func (e *backendEnd) Timeout() {
	if t := (*Tunnel)(e); t.flags&stalling != 0 {
		t.stalled()
		return
	}
	e.backend.Close()
}

// Spliced implements loop.SpliceHandler.
func (e *backendEnd) Spliced(moved int64) {
	t := (*Tunnel)(e)
	t.spliced(&t.fromBackend, t.backend, t.client, moved)
	if t.flags&(closeWanted|closeSent) == closeWanted && t.fromBackend.follower.AtBoundary() {
		t.placeClose()
	}
}

// Closed implements loop.Handler.
func (e *backendEnd) Closed(err error) { (*Tunnel)(e).closed(backendGone, err) }

// closed notes that an end is gone. One that was not ended by this side takes the other with it; but a client that was
// sent our Close gets the time to answer it.
func (t *Tunnel) closed(end uint16, err error) {
	t.flags |= end
	if end == clientGone {
		t.client = nowhere{}
	} else {
		t.backend = nowhere{}
	}
	if err != nil {
		t.lost(end, err)
	}
	switch {
	case t.flags&(clientGone|backendGone) == clientGone|backendGone:
		t.set.release(t)
	case err != nil:
		t.without(end)
	}
}

// without ends what is left of a tunnel whose one end is gone.
func (t *Tunnel) without(end uint16) {
	switch {
	case end == clientGone:
		// A reset tells the backend at once, but must not destroy what it has not taken yet, here or in our system.
		t.end()
		if t.owesBackend() {
			t.backend.Close()
		} else {
			t.backend.Reset()
		}
	case t.flags&closeSent != 0:
		t.fromBackend.eof = true
		t.client.CloseWrite()
	default:
		// A backend that closes over unread bytes resets, also behind its last message. That may still wait in our
		// system for the client, where a reset would destroy it; a client sees by the missing Close that this is no
		// regular end.
		t.end()
		t.client.Close()
	}
}

// owesBackend says that something was sent to the backend which it has not taken. Where that can only be the request, its
// answer tells, without a system call.
func (t *Tunnel) owesBackend() bool {
	only := t.account.received.Bytes == 0 && t.flags&closeSent == 0 && !t.fromClient.eof && !t.fromClient.drop
	return !only && t.backend.Unsent() > 0
}

// end notes that both streams were told to end. What they still send leaves before the deadline of a drain.
func (t *Tunnel) end() {
	t.flags |= ended
	if t.deadline != 0 {
		t.limit()
	}
}

package tunnel

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/ws"
)

// An account is what is told of a tunnel when it is over, and what it was granted. It stands beside the tunnel, which
// keeps it for its next life.
type account struct {
	grant, spread time.Duration  // Terms.DrainTimeout and Terms.CloseSpread
	figures       *meter.Tunnels // never nil
	// What passed from the client, and to it. Messages are those that ended, as a frame that is the last of its message did:
	// control frames are none, and where the framing is lost nobody can tell any more, so that only bytes go on.
	received, sent meter.PassedFigures
	began, stirred loop.Time     // the beginning, and the last byte
	count          *atomic.Int64 // Terms.Count
	note           string

	// The limits, 0 without one.
	idle    time.Duration
	write   time.Duration
	message uint64
	sizes   [2]uint64 // of the messages that pass, by direction
	closeAt loop.Time // when a drain wants its Close sent; 0 without one
	dies    loop.Time // the end of its lifetime
	code    uint16    // of the Close that a limit wants sent; 0 is that of a drain
	place   int32     // in Set.talking, counted from 1; 0 is none
	waiting *[2]stalled
	apart   *apart // nil for most
}

// An Ended is what came of a tunnel.
type Ended struct {
	By meter.End
	// Code is that of the Close which ended the tunnel: who ended it sent it. It is 1005 where that Close had none, 1006
	// where the connection ended without one, and 0 where it is not known.
	Code uint16
	// Cut says that the tunnel ended at the deadline of a drain, because no frame boundary came or a peer did not close.
	Cut            bool
	Received, Sent uint64 // bytes
	// The messages, as far as the framing could be followed.
	ReceivedMessages, SentMessages uint64
	Took                           time.Duration
	Note                           string // of the Terms
}

// endedBy notes who or what ended the tunnel, once: the first counts.
func (t *Tunnel) endedBy(who meter.End, code uint16) {
	if t.flags&known == 0 {
		t.flags |= known
		t.by, t.code = who, code
	}
}

// passed counts n bytes of a direction, in which messages ended.
func (t *Tunnel) passed(d *direction, n, messages int) {
	a := t.account
	a.stirred = t.set.l.Now()
	of := t.links[ofHealth].list
	sum, target, all, said := &a.sent, &of.sent, &a.figures.Sent, backendSaid
	if d == &t.fromClient {
		sum, target, all, said = &a.received, &of.received, &a.figures.Received, clientSaid
	}
	if t.flags&said == 0 {
		t.said(said)
	}
	sum.Bytes += uint64(n)
	sum.Messages += uint64(messages)
	target.Bytes += uint64(n)
	target.Messages += uint64(messages)
	if all.Add(uint64(n), uint64(messages)) {
		t.set.unsettled(all)
	}
}

// closedBy notes a Close that has passed at the end of b.
func (t *Tunnel) closedBy(d *direction, b []byte) {
	if t.flags&known != 0 {
		return
	}
	code, _ := d.follower.CloseCode(b)
	t.endedBy(t.sender(d), code)
}

// sender is whose bytes a direction carries.
func (t *Tunnel) sender(d *direction) meter.End {
	if d == &t.fromClient {
		return meter.ByClient
	}
	return meter.ByBackend
}

// lost notes that the connection of an end broke.
func (t *Tunnel) lost(end uint16, err error) {
	who := meter.ByBackend
	switch {
	case errors.Is(err, loop.ErrStopped):
		who = meter.ByRestart
	case errors.Is(err, loop.ErrPanic):
		who = meter.ByFailure
	case end == clientGone:
		who = meter.ByClient
	}
	t.endedBy(who, ws.CodeLost)
}

// tell accounts the tunnel when it is over.
func (s *Set) tell(t *Tunnel, h *backend.Health) {
	a := t.account
	took := time.Duration(max(s.l.Now()-a.began, 0))
	a.figures.Codes[meter.CodeOf(t.code)].Add(1)
	a.figures.Lives.Add(took)
	a.figures.Received.Tell()
	a.figures.Sent.Tell()
	h.Tunnels().Ended(t.by)
	s.stats.Ended[t.by]++
	a.figures.Ended[t.by].Add(1)
	if s.Told != nil {
		s.Told(Ended{
			By: t.by, Code: t.code, Cut: t.flags&wasCut != 0,
			Received: a.received.Bytes, Sent: a.sent.Bytes, ReceivedMessages: a.received.Messages, SentMessages: a.sent.Messages,
			Took: took, Note: a.note,
		})
	}
}

// cause is what ends the tunnels of a list that drains.
func (l *list) cause() meter.End {
	switch {
	case l.drain.restart:
		return meter.ByRestart
	case l.slot == ofBackend:
		return meter.ByDrain
	case l.slot == ofHealth:
		return meter.ByUnhealthy
	}
	return meter.ByChange
}

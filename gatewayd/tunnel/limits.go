package tunnel

import (
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/ws"
)

// limitTime is how long a tunnel that reached a limit has for its polite end.
const limitTime = 10 * time.Second

// grant puts the limits of its beginning on a tunnel.
func (t *Tunnel) grant(l Limits) {
	a := t.account
	a.idle, a.write, a.message, a.stirred = l.Idle, l.Write, l.Message, a.began
	if l.Lifetime > 0 {
		a.dies = a.began + loop.Time(float64(l.Lifetime)*(1-t.set.fraction()/10))
	}
}

// arm sets the client's deadline to what comes first. Nothing moves it when bytes pass, which costs a store alone: it is
// looked at when it has come.
func (t *Tunnel) arm() {
	a := t.account
	at := a.closeAt
	if a.dies != 0 && (at == 0 || a.dies < at) {
		at = a.dies
	}
	if idle := a.idleAt(); idle != 0 && (at == 0 || idle < at) {
		at = idle
	}
	t.client.SetDeadline(at)
}

// idleAt is when nothing has passed for too long; 0 is never.
func (a *account) idleAt() loop.Time {
	if a.idle <= 0 {
		return 0
	}
	return a.stirred + loop.Time(a.idle)
}

// moment is when something may have come that ends the tunnel.
func (t *Tunnel) moment() {
	t.look()
	t.renew()
	a, now := t.account, t.set.l.Now()
	switch idle := a.idleAt(); {
	case a.closeAt != 0 && a.closeAt <= now:
		t.wantClose()
	case a.dies != 0 && a.dies <= now:
		t.expire(t.fate())
	case idle != 0 && idle <= now:
		t.expire(meter.ByIdle, ws.CodeGoingAway)
	default:
		t.arm()
	}
}

// expire ends a tunnel politely because of a limit, with a code.
func (t *Tunnel) expire(cause meter.End, code uint16) {
	t.account.code = code
	if end := t.set.l.Now() + loop.Time(limitTime); t.deadline == 0 || end < t.deadline {
		t.deadline = end
	}
	t.cause = cause
	t.wantClose()
}

// follow takes from b what may pass: all but the beginning of a frame header at its end, or of a frame that code speaks
// against, a Close's. So many messages ended in it.
func (t *Tunnel) follow(d *direction, b []byte) (n, messages int, ev ws.Event, code uint16) {
	if t.account.message == 0 {
		n, messages, ev = d.follower.NextAll(b)
		return n, messages, ev, 0
	}
	for n < len(b) {
		if code = t.misfit(d, b[n:]); code != 0 {
			return n, messages, ev, code
		}
		var k int
		k, ev = d.follower.Next(b[n:])
		messages += d.whole(ev)
		if n += k; ev != ws.FrameEnd || d.follower.Closing() {
			break
		}
	}
	return n, messages, ev, 0
}

// misfit says what speaks against the frame that begins with b, if one does: that its message is longer than may be, or that
// it breaks the framing, behind which nobody could tell how long messages are, though a target may go on to read them.
func (t *Tunnel) misfit(d *direction, b []byte) (code uint16) {
	if !d.follower.AtBoundary() {
		return 0
	}
	ahead := d.follower
	if _, ev := ahead.Next(b[:min(len(b), ws.MaxHeader)]); ev == ws.Lost {
		return ws.CodeProtocolError
	}
	length, first, known := ws.Payload(b)
	op := ws.Opcode(first & 0x0f)
	if !known || op.Control() {
		return 0
	}
	a, i := t.account, t.taker(d)
	whole := length
	if op == ws.Continuation {
		whole += a.sizes[i]
	}
	a.sizes[i] = whole
	if length > a.message || whole > a.message {
		return ws.CodeTooBig
	}
	return 0
}

// misfits ends a tunnel one of whose peers begins a frame that does not fit. A client is told so, by code; a client whose
// backend does is told that the backend failed.
func (t *Tunnel) misfits(d *direction, code uint16) {
	if d == &t.fromClient {
		t.askBackend()
	}
	d.drop, d.n = true, 0
	switch {
	case t.flags&ended != 0:
	case t.flags&closeSent != 0:
		t.endClient()
	case t.flags&closeWanted != 0: // The client is sent its Close as it is.
	case d == &t.fromClient:
		t.expire(meter.ByLimit, code)
	default:
		t.expire(meter.ByLimit, ws.CodeInternalError)
	}
}

// The ends to which bytes wait.
const (
	toClient = iota
	toBackend
)

// A stalled peer has not taken everything.
type stalled struct {
	left  int       // what it had not taken when it was looked at; 0 where it was not, or took all since
	since loop.Time // when it had taken something last, as far as is known
}

// stall begins to look after peers that take nothing, where one has not taken all.
func (t *Tunnel) stall() {
	a := t.account
	if a.write <= 0 || t.flags&(stalling|closeSent|ended) != 0 {
		return
	}
	t.flags |= stalling
	if a.waiting == nil {
		a.waiting = new([2]stalled)
	}
	now := t.set.l.Now()
	for i := range a.waiting {
		left, _ := t.untaken(i)
		a.waiting[i] = stalled{left, now}
	}
	t.backend.SetDeadline(now + loop.Time(a.write))
}

// took notes that a peer has taken everything.
func (t *Tunnel) took(end int) {
	a := t.account
	a.stirred = t.set.l.Now()
	if w := a.waiting; w != nil {
		t.to(end).Took()
		w[end] = stalled{}
	}
}

// taker is the end that a direction leads to.
func (t *Tunnel) taker(d *direction) int {
	if d == &t.fromBackend {
		return toClient
	}
	return toBackend
}

func (t *Tunnel) to(end int) loop.Stream {
	if end == toBackend {
		return t.backend
	}
	return t.client
}

// untaken is what waits for a peer, here and in our system, where something waits here. moved says that the system took
// something since this was asked last.
func (t *Tunnel) untaken(end int) (left int, moved bool) {
	to := t.to(end)
	if moved = to.Took(); to.Queued() > 0 {
		left = to.Unsent()
	}
	return left, moved
}

// look finds out which peers took something since they were looked at last. Nobody tells when a part of a queue is taken, or
// how far a payload is that is spliced.
func (t *Tunnel) look() {
	a, now := t.account, t.set.l.Now()
	if a.waiting == nil {
		return
	}
	for i := range a.waiting {
		w := &a.waiting[i]
		left, moved := t.untaken(i)
		if moved || left < w.left {
			a.stirred, w.since = now, now
		} else if w.left == 0 {
			w.since = now
		}
		w.left = left
	}
}

// stalled looks whether a peer has taken nothing for too long.
func (t *Tunnel) stalled() {
	t.look()
	a, now := t.account, t.set.l.Now()
	t.flags &^= stalling
	next := loop.Time(0)
	if t.fromClient.splicing || t.fromBackend.splicing {
		next = now + loop.Time(a.write) // Whoever takes it may stop at any time, which nobody tells.
	}
	for _, w := range a.waiting {
		if w.left == 0 {
			continue
		}
		at := w.since + loop.Time(a.write)
		if at <= now {
			t.sever(meter.ByLimit)
			return
		}
		if next == 0 || at < next {
			next = at
		}
	}
	if next != 0 {
		t.flags |= stalling
		t.backend.SetDeadline(next)
	}
}

package tunnel

import (
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/ws"
)

// due is the client's deadline: first the time for its Close, then the end of patience with a client that does not
// answer it.
func (t *Tunnel) due() {
	switch {
	case t.flags&ended != 0:
	case t.flags&closeWanted == 0:
		t.moment()
	case t.flags&closeSent != 0:
		t.closeForClient()
	}
}

// wantClose sends our Close to the client as soon as there is a place for it. There is a deadline.
func (t *Tunnel) wantClose() {
	t.flags |= closeWanted
	switch {
	case t.fromBackend.follower.AtBoundary() && !t.fromBackend.eof:
		t.placeClose()
	case t.late():
		t.cut()
	default:
		t.limit()
	}
}

func (t *Tunnel) late() bool { return t.set.l.Now() >= t.deadline }

// limit arranges the cut at the deadline, whatever is waited for then. The drain that ends first decides.
func (t *Tunnel) limit() {
	if t.last == nil {
		t.last = new(loop.Timer)
	}
	t.set.l.SetTimer(t.last, t.deadline, t.cut)
}

// placeClose sends our Close to the client, behind everything that was written. Nothing may follow it (RFC 6455
// 5.5.1), so what the backend sends from here on is read, so that it does not stall, and thrown away.
func (t *Tunnel) placeClose() {
	s := t.set
	code := t.account.code
	switch {
	case code != 0:
	case s.closing:
		code = ws.CodeServiceRestart
	default:
		code = ws.CodeGoingAway
	}
	t.endedBy(t.cause, code)
	b := ws.AppendClose(s.l.Scratch(), code, t.reason(), nil)
	t.passed(&t.fromBackend, len(b), 0)
	t.client.Write(b)
	if t.flags&stalling != 0 { // From here on it would be the end of patience with the backend.
		t.backend.SetDeadline(0)
	}
	t.flags = t.flags&^stalling | closeSent
	t.fromBackend.drop, t.fromBackend.n = true, 0
	t.backend.Resume()
	s.stats.Closed++
	if t.late() {
		t.curt()
		return
	}
	t.limit()
	if t.fromClient.drop {
		t.endClient() // It had its say.
		return
	}
	t.client.SetDeadline(s.l.Now() + loop.Time(politeTime))
	t.clientPassed()
}

// passToBoundary forwards the rest of the frame that stands in the way of our Close.
func (t *Tunnel) passToBoundary(b []byte) {
	d := &t.fromBackend
	n, ev := d.follower.Next(b)
	t.passed(d, n, d.whole(ev))
	t.client.Write(b[:n])
	if d.follower.AtBoundary() {
		t.placeClose()
		return
	}
	t.pass(d, t.backend, t.client, b[n:])
}

// clientPassed looks whether the client's Close has gone by behind ours: then its side is over, and only the backend's
// answer is waited for.
func (t *Tunnel) clientPassed() {
	if t.flags&closeSent != 0 && t.fromClient.follower.Closing() && !t.fromClient.drop {
		t.endClient()
	}
}

// closeForClient sends the backend the Close that a silent client owes it. Inside a frame of the client's there is no
// place for it, and the end is at the deadline.
func (t *Tunnel) closeForClient() {
	if t.askBackend() {
		t.endClient()
	}
}

// askBackend sends the backend a Close in the client's place, if there is one.
func (t *Tunnel) askBackend() bool {
	if t.fromClient.drop || t.fromClient.eof || !t.fromClient.follower.AtBoundary() {
		return false
	}
	mask := t.set.mask()
	t.backend.Write(ws.AppendClose(t.set.l.Scratch(), ws.CodeGoingAway, "", &mask))
	return true
}

func (t *Tunnel) endClient() {
	t.fromClient.drop, t.fromClient.n = true, 0
	t.client.Close()
	if t.fromBackend.eof {
		t.backend.Close()
		return
	}
	t.backend.SetDeadline(t.set.l.Now() + loop.Time(politeTime))
}

// curt ends a tunnel whose Close was placed at its deadline or behind it: no answer is waited for, but a reset would
// destroy the Close on its way.
func (t *Tunnel) curt() {
	t.askBackend()
	t.flags |= ended | wasCut
	t.set.stats.Cut++
	for _, s := range [...]loop.Stream{t.client, t.backend} {
		if s.Queued() > 0 {
			s.Reset()
		} else {
			s.Close()
		}
	}
}

// cut ends a tunnel at its deadline: one that could not be ended politely, or whose peers have not ended yet.
func (t *Tunnel) cut() {
	if t.flags&ended == 0 {
		t.flags |= ended | wasCut
		t.set.stats.Cut++
	}
	t.sever(t.cause)
}

// sever ends a tunnel at once.
func (t *Tunnel) sever(cause meter.End) {
	t.flags |= ended
	t.endedBy(cause, ws.CodeLost)
	t.client.Reset()
	t.backend.Reset()
}

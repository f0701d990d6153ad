package tunnel

import (
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/ws"
)

// due is the client's deadline. It is one after the other: time for the Close, its last moment, and the end of
// patience with a client that does not answer it.
func (t *Tunnel) due() {
	switch now := t.set.l.Now(); {
	case t.deadline == 0 || t.flags&ended != 0:
	case t.flags&closeWanted == 0:
		t.flags |= closeWanted
		if t.fromBackend.follower.AtBoundary() && !t.fromBackend.eof {
			t.placeClose()
		} else if now >= t.deadline {
			t.cut()
		} else {
			t.client.SetDeadline(t.deadline)
		}
	case t.flags&closeSent == 0 || now >= t.deadline:
		t.cut()
	default:
		t.closeForClient()
	}
}

// placeClose sends our Close to the client, behind everything that was written. Nothing may follow it (RFC 6455
// 5.5.1), so what the backend sends from here on is read, so that it does not stall, and thrown away.
func (t *Tunnel) placeClose() {
	s := t.set
	code := ws.CodeGoingAway
	if s.closing {
		code = ws.CodeServiceRestart
	}
	t.client.Write(ws.AppendClose(s.l.Scratch(), code, "", nil))
	t.flags |= closeSent
	t.fromBackend.drop, t.fromBackend.n = true, 0
	t.backend.Resume()
	s.stats.Closed++
	until := s.l.Now() + loop.Time(politeTime)
	// However long the client goes on talking, it has to answer before twice the time of a silent one.
	t.deadline = max(t.deadline, until+loop.Time(politeTime))
	t.client.SetDeadline(until)
	t.clientPassed()
}

// passToBoundary forwards the rest of the frame that stands in the way of our Close.
func (t *Tunnel) passToBoundary(b []byte) {
	d := &t.fromBackend
	n, _ := d.follower.Next(b)
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
// place for it before the end.
func (t *Tunnel) closeForClient() {
	if !t.fromClient.follower.AtBoundary() || t.fromClient.eof {
		t.client.SetDeadline(t.deadline)
		return
	}
	mask := t.set.mask()
	t.backend.Write(ws.AppendClose(t.set.l.Scratch(), ws.CodeGoingAway, "", &mask))
	t.endClient()
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

// cut ends a tunnel that cannot be ended politely.
func (t *Tunnel) cut() {
	t.flags |= ended
	t.set.stats.Cut++
	t.client.Reset()
	t.backend.Reset()
}

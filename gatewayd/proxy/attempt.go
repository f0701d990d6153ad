package proxy

import (
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// first makes the first attempt: the head is put together once and, where it may be needed again, held.
func (x *exchange) first(b *backend.Backend, d *door, req *http1.Request, path []byte) {
	w := x.w
	x.take(b)
	u := x.fromIdle()
	w.out.flush()
	buf := w.l.Scratch()
	if u != nil {
		buf = w.out.open(u.stream)
	}
	buf = x.appendRequest(buf, d, req, path)
	if u == nil || x.flags&xIdempotent != 0 {
		x.hold.start(w.l, len(buf))
		if !x.hold.append(w.l, buf) {
			w.out.drop()
			if u != nil {
				u.discard()
			}
			x.refuse(refuse(Reason(http1.ReasonHeadTooLarge)))
			return
		}
	}
	if u == nil {
		x.dial()
		return
	}
	w.out.keep(buf)
	x.reuse(u)
}

// take counts the exchange at a backend.
func (x *exchange) take(b *backend.Backend) {
	x.backend = b
	b.Open.Add(1)
	x.tried = append(x.tried, b)
}

// leave takes the exchange off its backend, once.
func (x *exchange) leave() {
	if b := x.backend; b != nil {
		x.backend = nil
		b.Open.Add(-1)
	}
}

// reuse makes the attempt over a connection that was idle. The caller sends what there is of the request.
func (x *exchange) reuse(u *upstream) {
	x.up, u.x = u, x
	u.state, u.flags = uHead, uReused
	u.stream.SetDeadline(0)
	x.reached()
}

// dial makes the attempt over a connection of its own; the request waits in hold for it.
func (x *exchange) dial() {
	w := x.w
	u := w.newUpstream()
	x.up, u.x = u, x
	x.flags &^= xReached
	u.stream = w.l.Dial(loop.Remote{Addr: x.backend.Key.Addr}, u)
	x.moved = w.l.Now()
	x.arm()
}

// connected sends what waited for the connection.
func (x *exchange) connected() {
	x.send(x.up.stream)
	x.reached()
	if x.flags&xIdempotent == 0 {
		x.hold.drop()
	}
	if x.flags&xComplete == 0 {
		x.down.resume()
	}
}

// send writes everything held, with the present backend's name where the Host field carries it.
func (x *exchange) send(s loop.Stream) {
	var host []byte
	if x.route.Setting.HostFromTarget {
		host = appendHost(x.w.small[:0], x.backend.Key.Addr)
	}
	x.hold.send(&x.w.out, s, host, x.host)
}

// reached notes that bytes of the request are on their way.
func (x *exchange) reached() {
	x.flags |= xReached
	x.progress()
}

// abandon ends the present attempt. A connection that is still there cannot be used for anything else.
func (x *exchange) abandon() {
	if u := x.up; u != nil {
		x.up, u.x = nil, nil
		u.state = uDead
		if u.stream != nil {
			u.stream.Reset()
		}
	}
	x.leave()
}

// failed ends an attempt without an answer, and makes another one where that is allowed.
func (x *exchange) failed(why refusal) {
	w := x.w
	a := attempt{
		reached:    x.flags&xReached != 0,
		idempotent: x.flags&xIdempotent != 0,
		held:       x.hold.here(),
		retries:    x.route.Setting.Retries - int(x.retries),
	}
	if u := x.up; u != nil {
		a.answered, a.reused = u.flags&uAnswered != 0, u.flags&uReused != 0
	}
	b := x.backend
	next := a.next()
	if next == other {
		if b = x.route.Group.Pick(w.l.Index(), x.tried); b == nil {
			next = giveUp
		}
	}
	x.abandon()
	switch next {
	case giveUp:
		x.refuse(why)
		return
	case again:
		w.stats.Renewed++
		x.take(b)
		x.tried = x.tried[:len(x.tried)-1]
		x.dial()
		return
	}
	w.stats.Retries++
	x.retries++
	x.take(b)
	if u := x.fromIdle(); u != nil {
		x.send(u.stream)
		x.reuse(u)
		if x.flags&xComplete == 0 {
			x.down.resume()
		}
		return
	}
	x.dial()
}

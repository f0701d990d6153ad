package proxy

import (
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/balance"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// first makes the first attempt: the head is put together once and, where it may be needed again, held.
func (x *exchange) first(h *backend.Health, d *door, req *http1.Request, path []byte) {
	w := x.w
	x.take(h)
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

// take makes a backend that was picked, and counted there, that of the attempt.
func (x *exchange) take(h *backend.Health) {
	x.health = h
	x.tried = append(x.tried, h)
}

// leave takes the exchange off its backend, once.
func (x *exchange) leave() {
	if h := x.health; h != nil {
		x.health = nil
		h.Backend.Release()
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
	u.stream = w.l.Dial(loop.Remote{Addr: x.health.Backend.Key.Addr.TCP}, u)
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
		host = appendHost(x.w.small[:0], x.health.Backend.Key.Addr.TCP)
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
	h := x.health
	next := a.next()
	switch next {
	case again:
		h.Backend.Take(0) // What abandon gives back is this attempt's.
	case other:
		if h, _ = x.route.Group.Pick(w.l.Index(), &balance.Want{Avoid: x.tried}); h == nil {
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
		x.take(h)
		x.tried = x.tried[:len(x.tried)-1]
		x.dial()
		return
	}
	w.stats.Retries++
	x.retries++
	x.take(h)
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

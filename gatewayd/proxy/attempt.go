package proxy

import (
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/proxyproto"
)

const (
	redialLeast = 5 * time.Millisecond
	redialMost  = 100 * time.Millisecond
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
	start := len(buf)
	if buf = x.appendRequest(buf, d, req, path); w.rewritten {
		buf = x.rewriteHead(buf, start)
	}
	if w.cfg.AccessLog != nil {
		w.noteSent(&x.account, buf[start:], req.Path)
	}
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
	x.account.health, x.account.picked = h, x.w.l.Now()
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
	x.turn, x.sources, x.redial = x.w.draw(len(x.route.Setting.Sources)), 0, 0
	x.moved, x.waiting = x.w.l.Now(), 0
	x.connect()
}

// connect dials from the present one of the own addresses.
func (x *exchange) connect() {
	w := x.w
	u := w.newUpstream()
	x.up, u.x = u, x
	x.flags &^= xReached
	if over := w.beyond(8); over >= 0 {
		w.free(over + 1) // What is idle gives way before the last descriptors are taken.
	}
	to := x.health.Backend.Key.Addr
	u.sources, u.tls, u.taken = x.route.Setting.Sources, x.route.Setting.TLS, w.l.Now()
	at := loop.Remote{Addr: to.TCP, Path: to.Path, From: x.source()}
	if u.tls != nil {
		u.dialOver(at)
	} else {
		u.stream = w.l.Dial(at, u)
	}
	x.arm()
}

// connectLater is for a Unix socket whose queue of connections is full: its target is there and busy, and a connect does
// not wait for it as one to a TCP port would. The time until the next one grows with what was waited already.
func (x *exchange) connectLater() {
	x.unplug()
	now := x.w.l.Now()
	x.redial = now + min(max((now-x.moved)/4, loop.Time(redialLeast)), loop.Time(redialMost))
	x.arm()
}

// connected sends what waited for the connection.
func (x *exchange) connected() {
	s := x.up.stream
	if x.route.Setting.SendProxyProtocol && x.up.tls == nil {
		out := &x.w.out
		out.keep(proxyproto.Append(out.open(s), x.down.remote(), x.down.local()))
	}
	x.send(s)
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
	if x.flags&xTargetHost != 0 {
		host = x.health.Backend.AppendHost(x.w.small[:0], x.route.Setting.TLS != nil)
	}
	x.hold.send(&x.w.out, s, host, x.host)
}

// reached notes that bytes of the request are on their way.
func (x *exchange) reached() {
	x.flags |= xReached
	x.progress()
}

// unplug ends the connection of the attempt, which cannot be used for anything else.
func (x *exchange) unplug() {
	u := x.up
	if u == nil {
		return
	}
	x.up, u.x = nil, nil
	u.state = uDead
	if u.stream != nil {
		u.stream.Reset()
	}
}

// abandon ends the present attempt.
func (x *exchange) abandon() {
	x.redial = 0
	x.unplug()
	x.leave()
}

// failed ends an attempt of whose answer the client saw nothing final, and makes another one where that is allowed.
func (x *exchange) failed(why refusal) {
	w := x.w
	a := attempt{
		reached:    x.flags&xReached != 0,
		passed:     x.interims > 0,
		broken:     why.reason == ReasonInternal,
		idempotent: x.flags&xIdempotent != 0,
		held:       x.hold.here(),
		retries:    x.route.Setting.Retries - int(x.retries),
	}
	if u := x.up; u != nil && why.reason == ReasonBackendClosed {
		a.stale = u.flags&(uReused|uAnswered) == uReused
	}
	blame := !a.stale && !why.reason.own()
	if why.reason == ReasonRequestTimeout {
		a.slow = x.flags&xLate != 0
		blame = !a.slow && !x.unasked()
		x.flags |= xLate
	}
	if blame {
		x.served(false)
		x.attempts().Failed[failureOf(why.reason)].Add(1)
	}
	next := a.next()
	if next == again {
		w.stats.Renewed++
		x.attempts().Renewed.Add(1)
		x.unplug()
		x.dial()
		return
	}
	x.abandon()
	if next == other {
		h, full := x.pick()
		if h != nil {
			if why.reason.unclean() {
				w.refused(why.reason)
			}
			x.retry(h)
			return
		}
		if full {
			why = refuse(ReasonMaxConnections)
		}
	}
	x.refuse(why)
}

// unasked says that the backend has taken all there is of a request that is not complete: a client that waits for 100
// Continue and never sends its body makes any backend late.
func (x *exchange) unasked() bool {
	return x.flags&xComplete == 0 && x.up != nil && x.up.stream.Queued() == 0
}

// retry makes an attempt on another backend.
func (x *exchange) retry(h *backend.Health) {
	x.w.stats.Retries++
	x.attempts().Retries.Add(1)
	x.retries++
	x.take(h)
	if u := x.fromIdle(); u != nil {
		x.send(u.stream)
		if x.flags&xIdempotent == 0 {
			x.hold.drop()
		}
		x.reuse(u)
		if x.flags&xComplete == 0 {
			x.down.resume()
		}
	} else {
		x.dial()
	}
	x.plan() // The end of the last target is not this one's.
}

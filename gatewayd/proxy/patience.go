package proxy

import (
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// ownWriteTimeout is how long a client may take nothing of an answer that no setting stands behind.
const ownWriteTimeout = 5 * time.Minute

// A wait is what an exchange waits for. Each has a limit of its own, which counts from when the wait began or from the
// last byte that moved on behind it.
type wait uint8

const (
	waitConnect wait = iota // the connection to the backend
	waitRequest             // the client, to send the request's body
	waitBackend             // the backend, to take the request or to answer
	waitAnswer              // the backend, to send the answer's body
	waitReader              // the client, to take the answer or an interim one
)

// waits is what the exchange waits for now.
func (x *exchange) waits() wait {
	switch {
	case x.flags&xReached == 0:
		return waitConnect
	case x.flags&xHead != 0:
		if x.down.queued() > 0 {
			return waitReader
		}
		return waitAnswer
	case x.flags&(xComplete|xExpect) == 0 && x.up != nil && x.up.stream.Queued() == 0:
		return waitRequest
	case x.interims > 0 && x.down.queued() > 0:
		return waitReader // nothing of the backend's is read meanwhile
	}
	return waitBackend
}

// due is when the exchange has waited long enough for what it waits for, and why it ends then. 0 means never.
func (x *exchange) due() (at loop.Time, why Reason) {
	s := x.route.Setting
	limit, why := s.StreamIdleTimeout, ReasonSlowBody
	switch x.waits() {
	case waitConnect:
		limit, why = s.ConnectTimeout, ReasonConnectTimeout
	case waitBackend:
		limit, why = s.RequestTimeout, ReasonRequestTimeout
	case waitReader:
		limit = s.WriteTimeout
	default:
		// A setting may let an answer rest for ever, but no request.
		if body := x.route.Listener.BodyTimeout; x.flags&(xComplete|xExpect) == 0 && (limit <= 0 || limit > body) {
			limit = body
		}
	}
	if limit > 0 {
		at = x.moved + loop.Time(limit)
	}
	if x.cut != 0 && (at == 0 || x.cut <= at) {
		return x.cut, ReasonDrained
	}
	return at, why
}

// progress notes that what is waited for moved on, or is something else from now on. The timer follows when the handler
// ends (see Worker.leave): whether somebody has to take bytes first shows only when what was gathered is written.
func (x *exchange) progress() {
	x.moved = x.w.l.Now()
	if !x.stirred {
		x.stirred = true
		x.w.stirred = append(x.w.stirred, x)
	}
}

// settle sets the timer of every exchange that went on in this handler.
func (w *Worker) settle() {
	for i, x := range w.stirred {
		w.stirred[i] = nil
		x.stirred = false
		if x.flags&xOpen != 0 && x.route != nil {
			x.waiting = x.queue()
			x.arm()
		}
	}
	w.stirred = w.stirred[:0]
}

// queue is how much the one who is waited for has not taken yet.
func (x *exchange) queue() int {
	switch x.waits() {
	case waitReader:
		return x.down.queued()
	case waitBackend:
		if x.up != nil {
			return x.up.stream.Queued()
		}
	}
	return 0
}

// arm sets the timer for what is waited for now. Moving it to a later time is no more than a store.
func (x *exchange) arm() {
	at, _ := x.due()
	if x.redial != 0 {
		at = min(at, x.redial) // there is a connect_timeout
	}
	if at != 0 {
		x.w.l.SetTimer(&x.timer, at, x.fire)
	}
}

func (x *exchange) expired() {
	if x.flags&xOpen == 0 || x.route == nil {
		return
	}
	w := x.w
	if w.planning {
		x.plan() // A drain may have been called off, and the turn in which this is heard comes behind the timers.
	}
	at, why := x.due()
	now := w.l.Now()
	if at == 0 {
		return
	}
	if at <= now && why != ReasonDrained {
		// Nobody says when a part of a queue is taken.
		if n := x.queue(); n < x.waiting {
			x.waiting, x.moved = n, now
			at, _ = x.due()
		}
	}
	if at > now && (x.redial == 0 || x.redial > now) {
		x.arm()
		return
	}
	w.enter()
	down, done := x.down, false
	defer func() {
		if !done {
			x.broken(down)
		}
	}()
	switch {
	case at > now:
		x.redial = 0
		x.connect()
	case why == ReasonConnectTimeout, why == ReasonRequestTimeout,
		why == ReasonDrained && x.flags&(xGone|xHead) == xGone:
		x.failed(refuse(why))
	default:
		x.refuse(refuse(why))
	}
	w.leave()
	done = true
}

// broken ends an exchange whose timer panicked: no connection's end would do it, and no timer is left to.
func (x *exchange) broken(down downstream) {
	w := x.w
	w.enter()
	w.refused(ReasonInternal)
	x.cancel()
	down.abort(false)
	w.leave()
}

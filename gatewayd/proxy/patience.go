package proxy

import (
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// due is when the exchange has waited long enough for what it waits for, and why it ends then. 0 means never.
func (x *exchange) due() (at loop.Time, why Reason) {
	s := x.route.Setting
	switch {
	case x.flags&xReached == 0:
		at, why = x.moved+loop.Time(s.ConnectTimeout), ReasonConnectTimeout
	case x.flags&xHead != 0:
		at, why = x.idle(s.StreamIdleTimeout), ReasonSlowBody
	case x.flags&(xComplete|xExpect) == 0 && x.up != nil && x.up.stream.Queued() == 0:
		at, why = x.idle(s.StreamIdleTimeout), ReasonSlowBody // it is the client that is slow
	default:
		at, why = x.moved+loop.Time(s.RequestTimeout), ReasonRequestTimeout
	}
	if x.cut != 0 && (at == 0 || x.cut <= at) {
		return x.cut, ReasonDrained
	}
	return at, why
}

func (x *exchange) idle(timeout time.Duration) loop.Time {
	if timeout <= 0 {
		return 0
	}
	return x.moved + loop.Time(timeout)
}

// arm sets the timer for what is waited for now. While bytes move only the stamp changes, and the timer finds it.
func (x *exchange) arm() {
	if at, _ := x.due(); at != 0 {
		x.w.l.SetTimer(&x.timer, at, x.fire)
	}
}

func (x *exchange) expired() {
	if x.flags&xOpen == 0 || x.route == nil {
		return
	}
	at, why := x.due()
	if at == 0 {
		return
	}
	w := x.w
	if at > w.l.Now() {
		w.l.SetTimer(&x.timer, at, x.fire)
		return
	}
	w.enter()
	if why == ReasonConnectTimeout {
		x.failed(refuse(why))
	} else {
		x.refuse(refuse(why))
	}
	w.leave()
}

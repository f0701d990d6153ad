package proxy

import (
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
)

// An account is what is told of one request when it is over: by counters, of its route or of whom it came to else. It is
// concluded once, before the last bytes of the answer leave, so that whoever has the answer finds it counted.
type account struct {
	begun          loop.Time
	traffic        *meter.Traffic  // nil before a listener was found
	listener       *table.Listener // nil before one was found
	route          *table.Route    // the same
	note           *loop.Buffer    // what the access log says of the request; nil without one
	health         *backend.Health // of the last attempt
	connect        loop.Time       // how long the last attempt that connected took to; -1 without one
	picked         loop.Time       // when the last backend was picked
	first          loop.Time       // from the pick of the last backend to the head of its final answer; -1 without one
	received, sent int64           // bytes of heads and bodies, without the framing of chunks
	told           struct{ received, sent int64 }
	status         int // of the answer; 0 without one
	attempts       int // backends tried
	why            Reason
	open           bool
	own            bool // the gateway answered itself, for the reason why
	cut            bool // the answer was begun and not completed, for the reason why
	left           bool // the client was gone before the end
	upgrade        bool // it asks for a WebSocket
}

// tellBytes is how many bytes of a long body are counted at a time.
const tellBytes = 1 << 20

// opened begins the account of an exchange. One that a downstream has not concluded is concluded now.
func (a *account) opened(w *Worker) {
	w.conclude()
	*a = account{begun: w.l.Now(), connect: -1, first: -1, open: true}
}

// matched notes whose request it is.
func (a *account) matched(route *table.Route, l *table.Listener) {
	a.route, a.listener = route, l
	switch {
	case route != nil && route.Traffic != nil:
		a.traffic = route.Traffic
	case l != nil:
		a.traffic = l.Traffic
	}
}

// closeAccount ends the account of an exchange that ends.
func (x *exchange) closeAccount() {
	a := &x.account
	if !a.open {
		return
	}
	a.open, a.attempts = false, len(x.tried)
	x.w.over = a
}

// stranger is the account of a request that has no exchange, because its head cannot be read; req is what could be, nil
// for nothing.
func (w *Worker) stranger(c *client, received int, req *http1.Request) {
	w.unknown.opened(w)
	w.unknown.received, w.unknown.open = int64(received), false
	w.over = &w.unknown
	if w.cfg.AccessLog != nil {
		w.noteRefused(w.over, c, req)
	}
}

// answeredOwn notes an answer of the gateway's own, of a number of bytes, and concludes.
func (w *Worker) answeredOwn(r refusal, bytes int) {
	w.over.status, w.over.own, w.over.why = r.status, true, r.reason
	w.over.sent += int64(bytes)
	w.conclude()
}

// answeredByRule notes an answer that a rule says, of a number of bytes, and concludes.
func (w *Worker) answeredByRule(status, bytes int) {
	w.over.status = status
	w.over.sent += int64(bytes)
	w.conclude()
}

// conclude counts what is over, if something is.
func (w *Worker) conclude() {
	a := w.over
	if a == nil {
		return
	}
	w.over = nil
	requests := w.requests(a)
	requests.Ended[meter.ClassOf(a.status)].Add(1)
	w.tell(a, requests)
	if a.upgrade {
		w.traffic(a).Tunnels(w.l.Index()).Handshakes[a.handshake()].Add(1)
	}
	if a.first >= 0 && !a.cut && !a.left {
		up := a.route.Upstream.Attempts(w.l.Index())
		up.FirstByte.Add(time.Duration(a.first))
		up.Total.Add(time.Duration(w.l.Now() - a.begun))
	}
	if w.cfg.AccessLog != nil {
		w.logLine(a)
	}
	a.traffic, a.listener, a.route, a.health = nil, nil, nil, nil
}

// traffic is where a request is counted.
func (w *Worker) traffic(a *account) *meter.Traffic {
	if a.traffic == nil {
		return w.cfg.Strangers
	}
	return a.traffic
}

func (w *Worker) requests(a *account) *meter.Requests { return w.traffic(a).Requests(w.l.Index()) }

// tell counts the bytes that were not counted yet.
func (w *Worker) tell(a *account, requests *meter.Requests) {
	requests.Received.Add(uint64(a.received - a.told.received))
	requests.Sent.Add(uint64(a.sent - a.told.sent))
	a.told.received, a.told.sent = a.received, a.sent
}

// forwarded counts body bytes, so that a long body shows while it goes on.
func (x *exchange) forwarded(received, sent int) {
	a := &x.account
	a.received += int64(received)
	a.sent += int64(sent)
	if a.received-a.told.received+a.sent-a.told.sent >= tellBytes {
		x.w.tell(a, x.w.requests(a))
	}
}

// attempts are the counters of what the route sends to its pool.
func (x *exchange) attempts() *meter.Attempts { return x.route.Upstream.Attempts(x.w.l.Index()) }

// failureOf is how metrics call the failure of an attempt that its backend is to blame for.
func failureOf(r Reason) meter.Failure {
	switch r {
	case ReasonConnectFailed:
		return meter.ConnectFailed
	case ReasonTLSFailed:
		return meter.TLSFailed
	case ReasonConnectTimeout:
		return meter.ConnectTimeout
	case ReasonBackendClosed:
		return meter.Closed
	case ReasonRequestTimeout:
		return meter.TooLate
	}
	return meter.BadAnswer
}

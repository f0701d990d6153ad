package proxy

import (
	"errors"
	"net/netip"
	"syscall"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secure"
)

// An upstream is an HTTP/1.1 connection to a backend, which serves one exchange at a time.
type upstream struct {
	w          *Worker
	stream     loop.Stream // nil once it is gone
	x          *exchange   // nil while it is idle or ends
	shelf      *shelf      // where it is idle
	home       *shelf      // where it was idle last
	prev, next *upstream   // on the shelf
	body       http1.Body
	sources    []netip.Addr   // the own addresses that it was made with
	tls        *secure.Client // the TLS that it was made with; nil is in clear
	name       string         // the DNS name that its backend had then; only with TLS
	taken      loop.Time      // when it was dialled, or taken off its shelf without a look whether anything had come
	scanned    int32          // of a head or a trailer section
	state      upState
	flags      uint8
}

type upState uint8

const (
	uDialing upState = iota
	uHead            // an answer's head is waited for
	uBody            // its body
	uIdle            // on a shelf
	uDead            // the stream was told to end
)

const (
	uReused   uint8 = 1 << iota // it served another exchange before
	uAnswered                   // bytes of an answer came
	uKeep                       // the answer lets the connection live on
	uFoul                       // an interim answer does not
	uShed                       // it was given up for its descriptor
	uShaking                    // the handshake of TLS runs
)

func (w *Worker) newUpstream() *upstream {
	var u *upstream
	if n := len(w.freeUpstreams); n > 0 {
		u, w.freeUpstreams = w.freeUpstreams[n-1], w.freeUpstreams[:n-1]
	} else {
		u = new(upstream)
	}
	*u = upstream{w: w}
	return u
}

func (w *Worker) freeUpstream(u *upstream) {
	*u = upstream{}
	if len(w.freeUpstreams) < keepFree {
		w.freeUpstreams = append(w.freeUpstreams, u)
	}
}

// Connected implements loop.Handler.
func (u *upstream) Connected() {
	if u.x == nil {
		return
	}
	u.w.enter()
	took := u.w.l.Now() - u.taken
	u.x.account.connect = took
	u.x.attempts().Connect.Add(time.Duration(took))
	u.state, u.taken, u.flags = uHead, 0, u.flags&^uShaking
	u.x.connected()
	u.w.leave()
}

// Data implements loop.Handler.
func (u *upstream) Data(b []byte) int {
	w := u.w
	w.enter()
	n := u.read(b)
	w.leave()
	if x := u.x; x != nil && x.down.queued() > 0 {
		u.stream.Pause()
	}
	return n
}

func (u *upstream) read(b []byte) int {
	if u.x == nil {
		// Nobody asked for it: an answer that comes on its own must never become a request's.
		if u.state == uIdle {
			u.w.refused(ReasonUnaskedBytes)
		}
		u.discard()
		return len(b)
	}
	if u.taken == u.w.l.Now() && u.flags&uAnswered == 0 {
		// What is told in the very turn in which the request was sent was there before it, and is no answer to it. A backend
		// that sends an answer nobody asked for between the poll and the request is not found out: to ask would cost a
		// system call a request, and RFC 9112 9.2 leaves answers to be told apart by their order alone.
		u.x.failed(refuse(ReasonBackendClosed))
		return len(b)
	}
	u.flags |= uAnswered
	n := 0
	for u.x != nil {
		var k int
		if u.state == uBody {
			k = u.readBody(b[n:])
		} else {
			k = u.readHead(b[n:])
		}
		n += k
		if k == 0 || n == len(b) {
			return n
		}
	}
	if u.state == uDead {
		return len(b)
	}
	return n
}

// discard ends a connection that serves nobody.
func (u *upstream) discard() {
	u.unshelve()
	u.state = uDead
	u.stream.Reset()
}

// close ends a connection behind a whole answer.
func (u *upstream) close() {
	u.unshelve()
	u.state = uDead
	u.stream.Close()
}

// readHead reads one head of an answer. It returns 0 while the head is not complete.
func (u *upstream) readHead(b []byte) int {
	x, w := u.x, u.w
	end, err := u.headEnd(b)
	if err != nil {
		x.failed(refuseBy(err.Upstream()))
		return len(b)
	}
	if end == 0 {
		return 0
	}
	r := &w.response
	if err = r.Parse(b[:end], x.kind, http1.Limits{}); err != nil {
		x.failed(refuseBy(err))
		return len(b)
	}
	if !x.rewriteAnswer(r) {
		return len(b)
	}
	switch {
	case r.Upgrade:
		if string(r.Accept) != string(x.accept[:]) {
			x.failed(refuse(ReasonBadAccept))
			return len(b)
		}
		x.tunnel(r)
		return end
	case r.Interim():
		if x.interims++; x.interims > maxInterims {
			x.failed(refuse(ReasonTooManyInterims))
			return len(b)
		}
		if r.Status == 100 && x.flags&xExpect != 0 {
			x.flags &^= xExpect
			x.progress()
		}
		if !r.KeepAlive {
			u.flags |= uFoul
		}
		x.down.interim(r)
		return end
	case r.Status == 408 && !r.KeepAlive && u.flags&uReused != 0:
		// The backend gave up an idle connection just as we took it (RFC 9110 15.5.9).
		u.flags &^= uAnswered
		if x.hold.here() && x.interims == 0 {
			x.failed(refuse(ReasonBackendClosed))
			return len(b)
		}
	}
	if r.KeepAlive && u.flags&uFoul == 0 {
		u.flags |= uKeep
	}
	u.state = uBody
	u.body.Start(r.Body, r.Length)
	x.answer(r)
	if u.body.Done() {
		u.finish(nil, end == len(b))
	}
	return end
}

// headEnd is the length of the head that b begins with; 0 while it is not complete.
func (u *upstream) headEnd(b []byte) (int, *http1.Error) {
	end, next, err := http1.HeadEnd(b, int(u.scanned))
	switch {
	case err != nil:
		return 0, err
	case end > 0:
		u.scanned = 0
		return end, nil
	case !begins(b):
		return 0, http1.Refusal(http1.ReasonBadStatusLine)
	case len(b) >= http1MaxHead:
		return 0, http1.Refusal(http1.ReasonHeadTooLarge)
	}
	u.scanned = int32(next)
	return 0, nil
}

// begins says that b may be the beginning of an answer's head. Whoever speaks another protocol is not waited for.
func begins(b []byte) bool {
	const version = "HTTP/1."
	n := min(len(b), len(version))
	return string(b[:n]) == version[:n]
}

// readBody reads a run of the answer's body. It returns 0 while it waits for a trailer section to be complete.
func (u *upstream) readBody(b []byte) int {
	x := u.x
	n, data, done, err := u.body.Next(b)
	if len(data) > 0 {
		x.answerContent(data)
	}
	if err == nil && n == 0 && !done && u.body.AtTrailer() {
		return u.readTrailer(b)
	}
	if err != nil {
		x.refuse(refuseBy(err.Upstream()))
		return len(b)
	}
	if done {
		u.finish(nil, n == len(b))
	}
	return n
}

func (u *upstream) readTrailer(b []byte) int {
	end, next, err := http1.TrailerEnd(b, int(u.scanned))
	if err == nil && end == 0 {
		if len(b) < http1MaxHead {
			u.scanned = int32(next)
			return 0
		}
		err = http1.Refusal(http1.ReasonHeadTooLarge)
	}
	t := &u.w.trailer
	if err == nil {
		err = t.Parse(b[:end], http1.Limits{})
	}
	if err != nil {
		u.x.refuse(refuseBy(err.Upstream()))
		return len(b)
	}
	u.scanned = 0
	u.body.EndTrailer()
	u.finish(t, end == len(b))
	return end
}

// finish ends the exchange behind its answer. Bytes behind the answer belong to nobody: they are thrown away with the
// connection.
func (u *upstream) finish(t *http1.Trailer, atEnd bool) {
	if !atEnd {
		u.w.refused(ReasonBytesBehindAnswer)
	}
	u.x.finish(t, atEnd && u.flags&uKeep != 0)
}

// EOF implements loop.Handler.
func (u *upstream) EOF() {
	w := u.w
	w.enter()
	switch x := u.x; {
	case x == nil:
		u.close()
	case u.state == uBody && u.body.Close() == nil:
		x.finish(nil, false)
	case u.state == uBody:
		x.refuse(refuse(ReasonBackendClosed))
	default:
		x.failed(refuse(ReasonBackendClosed))
	}
	w.leave()
}

// Drained implements loop.Handler.
func (u *upstream) Drained() {
	x := u.x
	if x == nil {
		return
	}
	x.moved = u.w.l.Now()
	x.arm()
	if x.flags&xComplete == 0 {
		x.down.resume()
	}
}

// Timeout implements loop.Handler: the connection was idle for long enough.
func (u *upstream) Timeout() {
	if u.shelf != nil {
		u.close()
	}
}

// Closed implements loop.Handler.
func (u *upstream) Closed(err error) {
	w := u.w
	w.enter()
	u.stream = nil
	if u.flags&uShed != 0 {
		w.leaving--
	}
	u.unshelve()
	if u.home != nil {
		w.tidy(u.home)
	}
	if x := u.x; x != nil {
		switch why := u.why(err); {
		case u.state == uBody:
			x.refuse(refuse(why))
		case why == ReasonNoPort && x.nextSource():
			x.unplug()
			x.connect()
		case why == ReasonConnectFailed && errors.Is(err, syscall.EAGAIN) && x.health.Backend.Key.Addr.Path != "":
			x.connectLater()
		default:
			x.failed(refuse(why))
		}
	}
	w.leave()
	w.freeUpstream(u)
}

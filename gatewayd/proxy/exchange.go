package proxy

import (
	"net/netip"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/rewrite"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
)

// maxHops is how many gateways may have forwarded a request before this one. A target that is a listener of this very
// gateway, or leads back to it by others, would have one request take every descriptor that there is.
const maxHops = 8

// maxInterims is how many 1xx heads one answer may have.
const maxInterims = 16

// An exchange is one request and its answer. It belongs to a listener, a rule and a backend from its beginning to its
// end, by the route that was matched then.
type exchange struct {
	w          *Worker
	down       downstream
	up         *upstream // nil between two attempts
	route      *table.Route
	health     *backend.Health   // of the backend of the attempt, on which a place is taken while it stands here; nil between two
	tried      []*backend.Health // every backend of an attempt
	prev, next *exchange         // the worker's open ones

	hold hold
	host span // the value of Host in hold, which names the backend with xTargetHost

	hash uint64 // of what the pool's hash goes by; with xHashed
	bond bond

	timer loop.Timer
	fire  func()
	moved loop.Time // when the last byte moved on behind what is waited for, or the wait began
	cut   loop.Time // the end of a drain; 0 without one
	// redial is when to connect once more because the queue of a Unix socket was full; 0 while no connection waits for that.
	redial loop.Time
	// waiting is how much the one who is waited for had not taken when the timer was set.
	waiting int
	stirred bool // in the worker's list

	saved *rewrite.Saved // of the request, for the rewrite of its answer

	account account

	client   netip.AddrPort // of a handshake: who it is, as far as that is believed
	body     int64          // bytes of a body in chunks that came
	accept   [28]byte       // what a backend must answer to the handshake
	kind     http1.RequestKind
	flags    uint16
	interims uint8
	retries  uint8  // used up
	sources  uint8  // own addresses that the attempt has dialled from
	turn     uint32 // and where it began among them
}

const (
	xOpen       uint16 = 1 << iota // the exchange is in use
	xIdempotent                    // the method may be repeated
	xChunked                       // the request goes to the backend in chunks
	xComplete                      // the request is complete
	xExpect                        // a 100 Continue is waited for, and nothing of the body came yet
	xReached                       // the present attempt has sent bytes
	xHead                          // the answer's head was passed on
	xLinked
	xHashed     // there is a hash
	xGone       // cut is the end of the target, which others may stand in for
	xLate       // an attempt had no answer in time
	xCounted    // it is one of the listener's tunnels, or may become one
	xTargetHost // the value of Host names the backend: by the setting, or because the client gave none
)

func (w *Worker) newExchange(down downstream) *exchange {
	var x *exchange
	if n := len(w.freeExchanges); n > 0 {
		x, w.freeExchanges = w.freeExchanges[n-1], w.freeExchanges[:n-1]
	} else {
		x = &exchange{w: w}
		x.fire = x.expired
	}
	x.down, x.flags, x.cut = down, xOpen|xLinked, w.shutdown
	x.account.opened(w)
	x.next = w.first
	if w.first != nil {
		w.first.prev = x
	}
	w.first = x
	w.stats.Open++
	return x
}

// begin finds the request's route and makes the first attempt. size is that of the head as it was sent.
func (x *exchange) begin(d *door, req *http1.Request, size int) {
	w := x.w
	x.account.received, x.account.upgrade = int64(size), req.Upgrade
	addr := d.address()
	found, resolved, why := x.find(addr, req)
	if w.cfg.AccessLog != nil {
		w.note(&x.account, x.down, req)
	}
	if why != 0 {
		x.refuse(refuse(why))
		return
	}
	ok := true
	if w.rewritten = found.Route.Rewrite != nil; w.rewritten {
		if found, resolved, ok = x.rewrite(found, arrival{req, resolved, addr, x.down.over()}); !ok {
			return
		}
	}
	if found.Route.Group == nil {
		x.own(found.Route, req, resolved)
		return
	}
	x.route = found.Route
	if why := x.welcome(req); why != 0 {
		x.refuse(refuse(why))
		return
	}
	if resolved, ok = w.rebased(x.route.Setting, resolved, found.Took); !ok {
		x.refuse(refuse(ReasonBadPath))
		return
	}
	x.learn(req)
	x.rehash(req)
	x.recall(req)
	h, full := x.pick()
	switch {
	case full:
		x.refuse(refuse(ReasonMaxConnections))
	case h == nil:
		x.refuse(refuse(ReasonNoBackend))
	default:
		x.first(h, d, req, resolved)
	}
}

// find finds what serves the request, where it comes from and the path to send, or says why nothing does.
func (x *exchange) find(addr *table.Address, req *http1.Request) (found table.Found, send []byte, why Reason) {
	w := x.w
	w.origin = w.originOf(table.Trust{}, req, x.down.remote())
	if addr == nil {
		return found, nil, ReasonNoListener
	}
	path, send, ok := w.paths(req.Path)
	if ok {
		found, why = x.match(addr, req, path)
	} else { // It is the listener's of its host all the same.
		found, why = table.Found{Listener: addr.Listener(req.Host)}, ReasonBadPath
		x.account.matched(nil, found.Listener)
	}
	if found.Listener != nil {
		if refused := x.down.matched(found.Listener); refused != 0 {
			why = refused // Nothing else of the listener is told to whom it does not serve.
		}
		w.origin = w.originOf(found.Listener.Trusted, req, x.down.remote())
	}
	return found, send, why
}

// match finds what serves the request by a path in normal form, or says why nothing does.
func (x *exchange) match(addr *table.Address, req *http1.Request, normal []byte) (table.Found, Reason) {
	found := addr.Match(req, normal)
	found.Route = x.w.choose(found.Route)
	x.account.matched(found.Route, found.Listener)
	return found, unserved(found, req, int(x.account.received))
}

// learn keeps what is needed of the request's head behind it.
func (x *exchange) learn(req *http1.Request) {
	x.kind = req.Kind()
	if req.Idempotent() {
		x.flags |= xIdempotent
	}
	switch req.Body {
	case http1.BodyNone:
		x.flags |= xComplete
	case http1.BodyChunked:
		x.flags |= xChunked
		x.body = 0
	}
	if req.Expect100 {
		x.flags |= xExpect
	}
	if req.Upgrade {
		x.accept = http1.AcceptKey(req.Key)
	}
}

// unserved says why nothing serves a request with a head of a size; 0 where something does.
func unserved(found table.Found, req *http1.Request, size int) Reason {
	switch {
	case found.Listener == nil:
		return ReasonNoListener
	case req.Hops >= maxHops:
		return ReasonRequestLoop
	case size > found.Listener.MaxHeaderBytes:
		return Reason(http1.ReasonHeadTooLarge)
	case len(req.Target) > found.Listener.MaxURLBytes:
		return Reason(http1.ReasonTargetTooLong)
	case found.Listener.MaxBodyBytes > 0 && req.Length > found.Listener.MaxBodyBytes:
		return ReasonBodyTooLarge
	case found.Costly:
		return ReasonCostlyMatch
	case found.Route == nil:
		return ReasonNoRule
	}
	return 0
}

// paths are the normal form of a request's path, for the rules, and the path to send.
func (w *Worker) paths(raw []byte) (normal, send []byte, ok bool) {
	if len(raw) == 1 && raw[0] == '*' { // OPTIONS of the whole server is a rule's of the root
		return slash, raw, true
	}
	if normal, ok = table.NormalPath(w.path, raw); !ok {
		return nil, nil, false
	}
	w.path = normal
	if send = table.ResolveDots(w.resolved, raw); len(send) != len(raw) {
		w.resolved = send
	}
	return normal, send, true
}

var slash = []byte("/")

// rebased is the path to send under a setting, of which the rule took a part.
func (w *Worker) rebased(s *table.Setting, path []byte, took int) (send []byte, ok bool) {
	if s.PathPrefix == "" || path[0] == '*' {
		return path, true
	}
	send, ok = table.Rebase(w.prefixed[:0], s.PathPrefix, path, took)
	w.prefixed = send
	return send, ok
}

// cancel ends an exchange whose client is gone.
func (x *exchange) cancel() {
	x.down, x.account.left = nil, true
	x.end()
	x.w.conclude()
}

// refuse ends the exchange with an answer of our own, or cuts the one that was begun.
func (x *exchange) refuse(r refusal) {
	down := x.down
	begun := x.flags&xHead != 0
	x.down = nil
	x.account.cut, x.account.why = begun, r.reason
	x.end()
	if down == nil {
		x.w.conclude()
		return
	}
	if begun {
		x.w.stats.Aborted++
		x.w.refused(r.reason)
		x.w.conclude()
		down.abort(r.reason == ReasonSlowBody && down.queued() > 0)
		return
	}
	down.refuse(r)
}

// end gives back whatever the exchange holds. It may be called at any moment, and does everything once.
func (x *exchange) end() {
	if x.flags&xOpen == 0 {
		return
	}
	x.abandon()
	x.closeAccount()
	w := x.w
	x.hold.drop()
	if x.flags&xCounted != 0 {
		x.route.Listener.Tunnels.Add(-1)
	}
	if x.flags&xLinked != 0 {
		w.unlink(x)
	}
	x.flags = 0
	w.stats.Open--
	x.down, x.route, x.saved, x.cut, x.redial = nil, nil, nil, 0, 0
	x.interims, x.retries, x.kind, x.waiting = 0, 0, 0, 0
	x.bond.reset()
	clear(x.tried)
	x.tried = x.tried[:0]
	if len(w.freeExchanges) < keepFree {
		// The timer may stay set: when it fires for nobody, nothing happens, and the next exchange moves it.
		w.freeExchanges = append(w.freeExchanges, x)
		return
	}
	w.l.StopTimer(&x.timer)
}

func (w *Worker) unlink(x *exchange) {
	if w.cursor == x {
		w.cursor = x.next
	}
	if x.prev != nil {
		x.prev.next = x.next
	} else {
		w.first = x.next
	}
	if x.next != nil {
		x.next.prev = x.prev
	}
	x.prev, x.next = nil, nil
}

// answer takes the final head of the backend's answer.
func (x *exchange) answer(r *http1.Response) {
	x.flags |= xHead
	x.account.status, x.account.first = r.Status, x.w.l.Now()-x.account.picked
	x.served(true)
	x.hold.drop()
	x.progress()
	x.remind(r)
	x.down.answer(r)
}

// answerContent takes a piece of the answer's body.
func (x *exchange) answerContent(p []byte) {
	x.progress()
	x.forwarded(0, len(p))
	x.down.content(p)
}

// finish ends the exchange behind a whole answer. clean says that the backend's connection stands right behind it and
// may serve another request.
func (x *exchange) finish(t *http1.Trailer, clean bool) {
	u, down := x.up, x.down
	if clean && x.flags&xComplete != 0 && u.stream.Queued() == 0 {
		x.up, u.x = nil, nil
		u.state = uIdle
		if !x.w.keepIdle(u, x.health, x.route.Setting) {
			u.close()
		}
	} else if x.flags&xComplete != 0 {
		x.up, u.x = nil, nil
		u.close()
	}
	x.down = nil
	x.end()
	x.w.conclude()
	down.complete(t)
}

// tunnel ends the exchange and starts the tunnel behind a verified 101.
func (x *exchange) tunnel(r *http1.Response) {
	w, u := x.w, x.up
	x.served(true)
	terms := tunnel.Terms{
		Listener: x.route.Listener.ID, Rule: x.route.RuleID, Health: x.health, Picked: x.account.picked,
		DrainTimeout: x.route.Setting.DrainTimeout, CloseSpread: x.route.Setting.CloseSpread, Limits: tunnelLimits(x.route.Setting),
		Count:   x.route.Listener.Tunnels,
		Secure:  x.down.over() != nil,
		Figures: w.traffic(&x.account).Tunnels(w.l.Index()), Note: w.tunnelNote(&x.account),
	}
	if x.client != x.down.peer() {
		terms.Client = x.client
	}
	home := u.home
	x.remind(r)
	var front loop.Stream
	x.account.status = r.Status
	x.closeAccount()
	// Until here a panic ends the exchange like any other, with all that it holds.
	front, terms.ClientEnded = x.down.switched(r)
	w.conclude() // Unless the downstream did.
	w.tunnels.Start(front, u.stream, terms)
	x.flags &^= xCounted
	x.down, x.up, x.health, u.x = nil, nil, nil, nil // the streams and the place are the tunnel's from here on
	x.end()
	w.freeUpstream(u)
	if home != nil {
		w.tidy(home)
	}
}

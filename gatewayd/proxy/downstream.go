package proxy

import (
	"net/netip"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secure"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
)

// A downstream is the client's side of one exchange: an HTTP/1.1 connection or, later, an HTTP/2 stream. It begins the
// exchange (exchange.begin) with a request head, then gives it content as far as exchange.room allows, the end
// (complete) or the news that the client is gone (cancel); it says when its queue was emptied (drained).
//
// In the other direction it takes one answer: any number of interim heads, then either answer, content and complete,
// or refuse, or reply, or switched. Each of complete, refuse, reply, abort and switched is the last call: the exchange is over and the
// downstream must forget it before it returns. None of these methods calls the exchange.
//
// A request head is an http1.Request and an answer's an http1.Response, whatever the protocol: they are what these
// messages mean, and an HTTP/2 stream fills and reads them like any other. They, and every slice given, are valid
// during the call only.
type downstream interface {
	// matched says which listener serves the request. What it returns is why the connection may not ask for it, 0 where it may.
	matched(l *table.Listener) Reason
	// peer is the other end of the connection. remote is the client's address and port, local the one that it connected to:
	// those of the connection, unless the peer told of it by the PROXY protocol. None is IPv4-mapped.
	peer() netip.AddrPort
	remote() netip.AddrPort
	local() netip.AddrPort
	// over is what is known of the client by its handshake; nil where it speaks no TLS.
	over() *secure.Peer

	interim(head *http1.Response)
	answer(head *http1.Response)
	content(p []byte)
	complete(t *http1.Trailer) // t is nil without trailers

	// refuse gives a whole answer of the gateway's own, with its page where there is one (Worker.page), and accounts it
	// (Worker.answeredOwn). No answer was begun before.
	refuse(r refusal)
	// reply gives a whole answer that a rule says, and accounts it (Worker.answeredByRule). No answer was begun before.
	reply(r *reply)
	// abort ends an answer that was begun and cannot be completed, so that the client notices. deaf says that
	// the client takes nothing any more, so that nobody has to wait for what is queued.
	abort(deaf bool)
	// switched passes a verified 101 and gives up the stream behind it; ended says that the client's FIN was seen.
	switched(head *http1.Response) (s loop.Stream, ended bool)

	// queued is how much of the answer was not taken by the client yet; while it is not 0 the exchange stops its source
	// until drained is called.
	queued() int
	// resume says that exchange.room may be more than 0 again.
	resume()
}

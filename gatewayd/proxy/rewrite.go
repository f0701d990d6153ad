package proxy

import (
	"bytes"
	"errors"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/rewrite"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secure"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
)

// maxReroutes is how often the rule of one request is chosen anew. Rewrites that lead to each other would never end.
const maxReroutes = 4

// An arrival is a request, the path that is sent of it so far, and where it came in.
type arrival struct {
	req  *http1.Request
	path []byte
	at   *table.Address

	over *secure.Peer // the client by its handshake; nil where it speaks no TLS
}

// rewrite does what the rewrite of a request's route says. What is found and the path to send are those of the end. ok is
// false where the exchange was refused.
func (x *exchange) rewrite(found table.Found, a arrival) (at table.Found, send []byte, ok bool) {
	x.w.arrived(a)
	at, send, saved, why := x.w.rewrites(found, a, func(normal []byte) (table.Found, Reason) { return x.match(a.at, a.req, normal) })
	if why != 0 {
		x.refuse(refuse(why))
		return table.Found{}, nil, false
	}
	x.saved = saved
	return at, send, true
}

// rewrites does what the rewrite of a route says to a request that has arrived, and where that chooses the rule anew, what
// the new one's says. again finds that rule by a path in normal form: its listener is the same, by the same host. saved is
// for the rewrite of the answer. why is not 0 where no request comes of it.
func (w *Worker) rewrites(found table.Found, a arrival, again func(normal []byte) (table.Found, Reason)) (at table.Found, send []byte, saved *rewrite.Saved, why Reason) {
	s, path := &w.subject, a.path
	for n := 0; found.Route.Rewrite != nil; n++ {
		normal, why := w.rewriteRequest(found.Route, a.req, &path)
		switch {
		case why != 0:
			return found, nil, nil, why
		case !w.changes.Reroute:
			saved, err := found.Route.Rewrite.Save(s)
			if err != nil {
				return found, nil, nil, reasonOf(err)
			}
			if !bytes.Equal(path, s.Path) {
				found.Took = 0 // The rule's path took a part of the path before.
			}
			return found, path, saved, 0
		case n == maxReroutes:
			return found, nil, nil, ReasonRewriteLoop
		}
		s.Path, s.Query = path, a.req.Query
		if found, why = again(normal); why != 0 {
			return found, nil, nil, why
		}
	}
	return found, path, nil, 0
}

// arrived begins the rewrites of a request, whose values are those that it came with.
func (w *Worker) arrived(a arrival) {
	req, path := a.req, a.path
	w.changes.Reset()
	w.subject = rewrite.Subject{
		Fields: req.Fields, Method: req.Method, Host: req.Host, Minor: req.Minor, Scheme: schemeOf(a.over != nil), TLS: toldOf(a.over),
		Client: w.origin.client, Port: a.at.Place.Port, Peer: w.origin.peer.Addr(), Listed: w.origin.listed,
		SentPath: path, SentQuery: req.Query, HasSentQuery: req.HasQuery, Path: path, Query: req.Query,
	}
}

// toldOf is what rewrites are told of a client by its handshake.
func toldOf(p *secure.Peer) rewrite.TLS {
	if p == nil {
		return rewrite.TLS{Verification: secure.NoCertificate.String()}
	}
	return rewrite.TLS{Protocol: p.Protocol(), Cipher: p.Cipher(), Certificate: p.Certificate, Verification: p.Verdict.String()}
}

func schemeOf(secure bool) string {
	if secure {
		return "https"
	}
	return "http"
}

// rewriteRequest does what the rewrite of one route says. normal is the path for the rules.
func (w *Worker) rewriteRequest(route *table.Route, req *http1.Request, path *[]byte) (normal []byte, why Reason) {
	if err := route.Rewrite.Request(&w.subject, &w.changes); err != nil {
		return nil, reasonOf(err)
	}
	return w.rewriteURL(req, path)
}

// reasonOf is why a rewrite cannot be done for a request.
func reasonOf(err error) Reason {
	if errors.Is(err, rewrite.ErrTooCostly) {
		return ReasonCostlyMatch
	}
	return ReasonRewriteTooLarge
}

// rewriteURL puts the new path and query in the place of the old ones. normal is the path for the rules. What a value of
// the request made of the path, its backend and the rules must read alike.
func (w *Worker) rewriteURL(req *http1.Request, path *[]byte) (normal []byte, why Reason) {
	c := &w.changes
	if host, ok := c.Host(); ok && !http1.ValidAuthority(host) {
		return nil, ReasonBadRewrite
	}
	if c.HasQuery {
		req.Query, req.HasQuery = c.Query, c.Query != nil
	}
	if !c.HasPath {
		if c.Reroute {
			normal, _, _ = w.paths(*path) // It was read before.
		}
		return normal, 0
	}
	if len(c.Path) == 0 || c.Path[0] != '/' {
		return nil, ReasonBadRewrite
	}
	normal, send, ok := w.paths(c.Path)
	if !ok || len(send) != len(c.Path) {
		return nil, ReasonBadRewrite
	}
	*path = c.Path
	return normal, 0
}

// rewriteHead writes the changes of fields into the head of the request that b ends with.
func (x *exchange) rewriteHead(b []byte, start int) []byte {
	c := &x.w.changes
	if !c.Fields() {
		return b
	}
	if _, ok := c.Host(); ok {
		x.flags &^= xTargetHost // Host stands as it is, whichever backend is tried.
	}
	return c.Head(b, start)
}

// rewriteAnswer does what the route's rewrite says of the answer, if its head is the final one. It is false where the
// exchange was refused for it.
func (x *exchange) rewriteAnswer(r *http1.Response) bool {
	route := x.route
	if route.Rewrite == nil || !route.Rewrite.Answers() || r.Interim() {
		return true
	}
	x.w.changes.Reset()
	if route.Rewrite.Answer(x.saved, r, &x.w.changes) != nil {
		x.refuse(refuse(ReasonRewriteTooLarge))
		return false
	}
	return true
}

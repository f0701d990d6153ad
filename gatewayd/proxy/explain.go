package proxy

import (
	"bytes"
	"crypto/tls"
	"net/netip"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secure"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A Decision is what becomes of a request up to the choice of its target, or of its share of a split.
type Decision struct {
	// Status and Reason are of the gateway's own answer, Status 0 where a rule acts. Sentence says why, for people.
	Status   int
	Reason   Reason
	Sentence string

	Acts      bool           // the route of Found gets to act
	Request   *http1.Request // as it is sent, its query rewritten; nil where the head is refused
	Matched   *http1.Request // as the rule was chosen by it
	Normal    []byte         // the path that rules match; nil where it is refused
	Found     table.Found    // never a route of a split, which is drawn
	Rewritten bool
	Rerouted  []string // rules whose rewrites had the rule chosen anew
	// Client is who the request is taken to come from, by what a trusted proxy says; not valid where nobody is known.
	Client netip.Addr

	Ways     []Way  // of a pool one, of a split all, by key
	Location []byte // of a redirect; empty where it would name an address of the machine that is not known
}

// A Way is one pool and setting that a request may go to.
type Way struct {
	Share  string // of a split
	Weight uint64
	Route  *table.Route
	Sent   []byte // the path that the target gets, without the query

	Refused  bool // for Why
	Why      Reason
	Sentence string // why, for people
}

// Decide is what an exchange does with a request head at an address, by the same steps. It serves and counts nothing, and
// draws nothing. peer is who gives the request to the gateway, and may be unknown.
func Decide(addr *table.Address, head []byte, peer netip.Addr) (d Decision) {
	if addr == nil {
		d.refuse(ReasonNoListener)
		return d
	}
	end, _, err := http1.HeadEnd(head, 0)
	if err == nil && end != len(head) {
		err = http1.Refusal(http1.ReasonIncompleteHead)
	}
	req := &http1.Request{}
	if err == nil {
		err = req.Parse(head, http1.Limits{HeadBytes: addr.MaxHeaderBytes, TargetBytes: addr.MaxURLBytes})
	}
	if err != nil {
		d.refuse(Reason(err.Reason))
		d.Status = err.Status
		return d
	}
	var w Worker // for its scratch memory
	normal, send, ok := w.paths(req.Path)
	d.Request = req
	if !ok {
		d.Found.Listener = addr.Listener(req.Host)
		d.refuse(ReasonBadPath)
		return d
	}
	why := d.match(addr, normal, len(head))
	if l := d.Found.Listener; l != nil {
		w.origin = w.originOf(l.Trusted, req, netip.AddrPortFrom(peer, 0))
		d.Client = w.origin.client.Addr()
	}
	if why == 0 && d.Found.Route.Rewrite != nil {
		send, why = d.rewrite(&w, arrival{req, send, addr, imagined(addr, d.Found.Listener)}, len(head))
	}
	if why != 0 {
		d.refuse(why)
		return d
	}
	d.act(&w, addr, send)
	return d
}

// imagined is a client of a listener that shows whatever the listener asks for; nil where clients speak no TLS.
func imagined(addr *table.Address, l *table.Listener) *secure.Peer {
	if !addr.Secure {
		return nil
	}
	p := &secure.Peer{Listener: l.ID, Auth: l.Auth, Version: tls.VersionTLS13, Suite: tls.TLS_AES_128_GCM_SHA256}
	switch l.Auth.Mode() {
	case spec.AuthStrict, spec.AuthOptional:
		p.Verdict = secure.Verified
	case spec.AuthPassthrough:
		p.Verdict = secure.NotVerified
	}
	return p
}

func (d *Decision) refuse(r Reason) {
	d.Status, d.Reason, d.Sentence = r.Status(), r, r.Sentence()
}

// match finds the rule, or says why nothing serves the request, whose head has a size.
func (d *Decision) match(addr *table.Address, normal []byte, size int) Reason {
	matched := *d.Request
	d.Matched, d.Normal, d.Found = &matched, bytes.Clone(normal), addr.Match(d.Request, normal)
	return unserved(d.Found, d.Request, size)
}

// rewrite is that of an exchange. A split is not drawn from: all of its routes have the rewrite of the rule.
func (d *Decision) rewrite(w *Worker, a arrival, size int) (send []byte, why Reason) {
	d.Rewritten = true
	w.arrived(a)
	d.Found, send, _, why = w.rewrites(d.Found, a, func(normal []byte) (table.Found, Reason) {
		d.Rerouted = append(d.Rerouted, d.Found.Route.RuleName)
		why := d.match(a.at, normal, size)
		return d.Found, why
	})
	return send, why
}

// act is what the rule does with the request.
func (d *Decision) act(w *Worker, addr *table.Address, send []byte) {
	d.Acts = true
	switch r := d.Found.Route; {
	case r.Group != nil:
		way := d.way(w, table.Part{Route: r}, send)
		if way.Refused {
			d.refuse(way.Why)
			d.Sentence = way.Sentence
		}
		d.Ways = []Way{way}
	case r.Split != nil && r.Split.Choose(0) != nil:
		for _, part := range r.Split.Parts() {
			d.Ways = append(d.Ways, d.way(w, part, send))
		}
	case r.Respond != nil:
	case r.Redirect != nil && r.Redirect.Gone():
		d.Acts = false
		d.refuse(ReasonNoRedirect)
	case r.Redirect != nil:
		host := d.Request.Host
		if local, err := netip.ParseAddr(addr.Place.Address); len(host) == 0 && r.Redirect.OwnHost() {
			if err != nil {
				return
			}
			host = appendLocal(nil, local)
		}
		d.Location = r.Redirect.AppendLocation(nil, host, send, d.Request)
	default:
		d.Acts = false
		d.refuse(ReasonNoPool)
	}
}

func (d *Decision) way(w *Worker, part table.Part, send []byte) Way {
	way := Way{Share: part.Key, Weight: part.Weight, Route: part.Route}
	if part.Route.Group == nil {
		way.refuse(ReasonNoPool)
		return way
	}
	if origin, barred := barring(part.Route.Setting, d.Request); barred {
		way.refuse(ReasonOrigin)
		way.Sentence = barredFor(part.Route.Setting, origin)
		return way
	}
	sent, ok := w.rebased(part.Route.Setting, send, d.Found.Took)
	if !ok {
		way.refuse(ReasonBadPath)
		return way
	}
	way.Sent = bytes.Clone(sent)
	return way
}

func (w *Way) refuse(r Reason) { w.Refused, w.Why, w.Sentence = true, r, r.Sentence() }

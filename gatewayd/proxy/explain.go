package proxy

import (
	"bytes"
	"net/netip"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
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

	Ways     []Way  // of a pool one, of a split all, by key
	Location []byte // of a redirect; empty where it would name an address of the machine that is not known
}

// A Way is one pool and setting that a request may go to.
type Way struct {
	Share   string // of a split
	Weight  uint64
	Route   *table.Route
	Sent    []byte // the path that the target gets, without the query
	Refused bool   // for Why
	Why     Reason
}

// Decide is what an exchange does with a request head at an address, by the same steps. It serves and counts nothing, and
// draws nothing. client may be unknown.
func Decide(addr *table.Address, head []byte, client netip.Addr) (d Decision) {
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
		d.refuse(ReasonBadPath)
		return d
	}
	if !d.match(addr, normal, len(head)) {
		return d
	}
	if d.Found.Route.Rewrite != nil {
		if send, ok = d.rewrite(&w, arrival{req, send, addr}, netip.AddrPortFrom(client, 0), len(head)); !ok {
			return d
		}
	}
	d.act(&w, addr, send)
	return d
}

func (d *Decision) refuse(r Reason) {
	d.Status, d.Reason, d.Sentence = r.Status(), r, r.Sentence()
}

// match finds the rule. It is false where nothing serves the request, whose head has a size.
func (d *Decision) match(addr *table.Address, normal []byte, size int) bool {
	matched := *d.Request
	d.Matched, d.Normal, d.Found = &matched, bytes.Clone(normal), addr.Match(d.Request, normal)
	why, unserved := unserved(d.Found, d.Request, size)
	if unserved {
		d.refuse(why)
	}
	return !unserved
}

// rewrite is that of an exchange. A split is not drawn from: all of its routes have the rewrite of the rule.
func (d *Decision) rewrite(w *Worker, a arrival, client netip.AddrPort, size int) (send []byte, ok bool) {
	path := a.path
	w.arrived(a, client)
	for n := 0; d.Found.Route.Rewrite != nil; n++ {
		d.Rewritten = true
		normal, why := w.rewriteRequest(d.Found.Route, a.req, &path)
		switch {
		case why != 0:
			d.refuse(why)
			return nil, false
		case !w.changes.Reroute:
			if _, err := d.Found.Route.Rewrite.Save(&w.subject); err != nil {
				d.refuse(reasonOf(err))
				return nil, false
			}
			if !bytes.Equal(path, w.subject.Path) {
				d.Found.Took = 0
			}
			return path, true
		case n == maxReroutes:
			d.refuse(ReasonRewriteLoop)
			return nil, false
		}
		d.Rerouted = append(d.Rerouted, d.Found.Route.RuleName)
		w.subject.Path, w.subject.Query = path, a.req.Query
		if !d.match(a.at, normal, size) {
			return nil, false
		}
	}
	return path, true
}

// act is what the rule does with the request.
func (d *Decision) act(w *Worker, addr *table.Address, send []byte) {
	d.Acts = true
	switch r := d.Found.Route; {
	case r.Group != nil:
		way := d.way(w, table.Part{Route: r}, send)
		if way.Refused {
			d.refuse(way.Why)
		}
		d.Ways = []Way{way}
	case r.Split != nil && r.Split.Choose(0) != nil:
		for _, part := range r.Split.Parts() {
			d.Ways = append(d.Ways, d.way(w, part, send))
		}
	case r.Respond != nil:
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
		way.Refused, way.Why = true, ReasonNoPool
		return way
	}
	sent, ok := w.rebased(part.Route.Setting, send, d.Found.Took)
	if !ok {
		way.Refused, way.Why = true, ReasonBadPath
		return way
	}
	way.Sent = bytes.Clone(sent)
	return way
}

package proxy

import (
	"net/netip"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/balance"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
)

// pick chooses a backend that was not tried yet, at first the one that the client comes back to, and takes a place on it.
// full says that only the setting's limit stands in the way.
func (x *exchange) pick() (h *backend.Health, full bool) {
	if h = x.goBack(); h != nil {
		return h, false
	}
	want := &x.w.want
	*want = balance.Want{
		Hash: x.hash, Hashed: x.flags&xHashed != 0,
		Limit: x.route.Setting.MaxConnections,
		Avoid: x.tried,
	}
	h, full = x.route.Group.Pick(x.w.l.Index(), want)
	want.Avoid = nil // The list is the exchange's.
	return h, full
}

// rehash works out the hash that the pool goes by, if it goes by one. A request without the header has none.
func (x *exchange) rehash(req *http1.Request) {
	r := x.route
	if !r.HashSource && r.HashHeader == "" {
		return
	}
	hash, hashed := HashOf(r, req, x.w.origin.client.Addr())
	if hashed {
		x.hash = hash
		x.flags |= xHashed
	}
}

// HashOf is the hash that a route's pool goes by, of a request or of its client, which may be unknown; hashed is false
// where there is none.
func HashOf(r *table.Route, req *http1.Request, client netip.Addr) (hash uint64, hashed bool) {
	switch {
	case r.HashSource && client.IsValid():
		return balance.HashAddr(client), true
	case r.HashHeader != "":
		if v, ok := firstValue(req.Fields, r.HashHeader); ok {
			return balance.Hash(v), true
		}
	}
	return 0, false
}

// firstValue is the value of the first field of a name, which is in lower case.
func firstValue(fields []http1.Field, name string) (v []byte, ok bool) {
	for i := range fields {
		if f := &fields[i]; http1.EqualFold(f.Name, name) {
			return f.Value, true
		}
	}
	return nil, false
}

// served tells the health of the attempt's backend how the attempt ended, where the setting ejects: ok is a valid head of
// a final answer, whatever its status. What the client or the gateway caused is neither.
func (x *exchange) served(ok bool) {
	if !ok {
		x.w.stats.Failures++
	}
	if s := x.route.Setting; s.EjectFailures > 0 {
		x.health.Served(ok, s.EjectFailures, s.EjectFor)
	}
}

package proxy

import (
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/affinity"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
)

// A bond is what an exchange keeps of its client's affinity cookie.
type bond struct {
	home   affinity.ID // the backend that the client comes back to; none where it brought no pin that holds
	state  bondState
	others []byte // pins of the client that are none of this pool and setting, as they go behind a fresh one
}

type bondState uint8

const (
	bondNone  bondState = iota // the setting has no affinity
	bondFresh                  // a pin is due whatever backend answers
	bondHeld                   // a pin is due where another backend answers than home
	bondFull                   // home is at its limit: another one answers this time, and the pin stays
)

func (b *bond) reset() { b.home, b.state, b.others = affinity.ID{}, bondNone, b.others[:0] }

// recall reads the request's affinity cookie, where the setting has one. Whatever it holds, the request is served.
func (x *exchange) recall(req *http1.Request) {
	w, a := x.w, x.route.Setting.Affinity
	if a == nil || w.sealer == nil {
		return
	}
	x.bond.state = bondFresh
	home, worth := takePin(w.sealer, &w.pins, req, x.route)
	x.bond.others = w.pins.AppendTo(x.bond.others[:0])
	switch worth {
	case affinity.Good:
		x.bond.home, x.bond.state = home, bondHeld
	case affinity.Due:
		x.bond.home = home
	}
}

// takePin finds the pin for a route, whose setting has affinity, among those that a request brings. What is left in pins
// is for others. A pin that is not there is worth what an expired one is.
func takePin(s *affinity.Sealer, pins *affinity.Pins, req *http1.Request, r *table.Route) (home affinity.ID, worth affinity.Worth) {
	collect(pins, req, r.Setting.Affinity.CookieName)
	if pins.Len() == 0 {
		collect(pins, req, r.Setting.Affinity.TwinName) // The request is from another site.
	}
	pin, ok := s.Take(pins, scopeOf(r))
	if !ok {
		return home, affinity.Expired
	}
	return pin.Backend, pin.Worth(time.Now(), r.Setting.Affinity.Lifetime)
}

// collect reads the pins of the cookies of a name.
func collect(pins *affinity.Pins, req *http1.Request, name string) {
	pins.Reset()
	for i := range req.Fields {
		if f := &req.Fields[i]; f.ID == http1.FieldCookie {
			pins.Collect(f.Value, name)
		}
	}
}

// HomeOf is the backend that a request's affinity cookie brings its client back to, where it takes requests.
func HomeOf(r *table.Route, req *http1.Request, key *affinity.Key) *backend.Health {
	if r.Setting.Affinity == nil {
		return nil
	}
	home, worth := takePin(affinity.NewSealer(key), &affinity.Pins{}, req, r)
	if worth == affinity.Expired {
		return nil
	}
	return r.Group.Home(home, r.Setting.MaxConnections)
}

// goBack takes a place on the backend that the client comes back to, once; nil where it does not, or cannot.
func (x *exchange) goBack() *backend.Health {
	if x.bond.home == (affinity.ID{}) || len(x.tried) > 0 {
		return nil
	}
	h, full := x.route.Group.Return(x.bond.home, x.route.Setting.MaxConnections)
	if full {
		x.bond.state = bondFull
	}
	return h
}

// remind adds a fresh pin to the head of the final answer, where one is due.
func (x *exchange) remind(r *http1.Response) {
	b := &x.bond
	if b.state == bondNone || b.state == bondFull || b.state == bondHeld && b.home == x.health.Backend.ID {
		return
	}
	w, a := x.w, x.route.Setting.Affinity
	c := affinity.Cookie{
		Name: a.CookieName, Lifetime: a.Lifetime, Of: scopeOf(x.route), Others: b.others,
		Pin: affinity.Pin{Backend: x.health.Backend.ID},
	}
	if c.Lifetime > 0 {
		c.Pin.Issued = time.Now().Unix()
	}
	w.cookie = w.sealer.AppendCookie(w.cookie[:0], &c)
	own := len(w.cookie)
	if x.down.over() != nil {
		// Browsers send it with requests from other sites, such as a WebSocket of a page from there.
		c.Name, c.Foreign = a.TwinName, true
		w.cookie = w.sealer.AppendCookie(w.cookie, &c)
		r.Fields = append(r.Fields, http1.Field{Name: setCookie, Value: w.cookie[own:], ID: http1.FieldSetCookie})
	}
	r.Fields = append(r.Fields, http1.Field{Name: setCookie, Value: w.cookie[:own], ID: http1.FieldSetCookie})
}

// scopeOf is which requests a pin is good for.
func scopeOf(r *table.Route) affinity.Scope {
	return affinity.Scope{Pool: r.PoolID, Setting: r.Setting.ID}
}

var setCookie = []byte("Set-Cookie")
